"""What can be counted in a request without reading it: the structure features.

Every value comes from byte counts and token ids, over a whole batch at once, so that the cost
stays in microseconds.
"""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router.text.constants import (
    CLIP_HEAD_CHARS,
    CLIP_TAIL_CHARS,
    OPTIONS_SCALE,
    RARE_TOKEN_ID,
    RARER_TOKEN_ID,
)
from router.text.ragged import Ragged, bounds_of, segment_sums
from router.types import FloatArray, IntArray, Request

NAMES: tuple[str, ...] = (
    "text length",
    "number of words",
    "number of lines",
    "amount of numbers",
    "share of numbers among words",
    "decimal numbers",
    "arithmetic signs",
    "backslashes (LaTeX)",
    "dollar signs",
    "percent signs",
    "brackets",
    "underscores",
    "quotation marks",
    "question marks",
    "commas",
    "code marks",
    "answer options",
    "offers answer options",
    "length per answer option",
    "numbers per answer option",
    "number of sentences",
    "length of sentences",
    "length of words",
    "share of word pieces",
    "share of digits",
    "share of punctuation",
    "rarity of words",
    "share of rare words",
    "share of very rare words",
    "variety of words",
    "share of capitals",
    "share of non-ASCII characters",
    "negations",
    "conditions and quantities",
    "comparisons",
    "turns of the conversation",
    "text before the last turn",
    "tools offered",
    "tool results",
    "images",
    "JSON asked for",
)
SIZE = len(NAMES)

_OPTION = re.compile(r"(?m)^\(?[A-J1-9][.)]\s")

# Byte classes, each byte in one of them. The order of the first nine is that of the features.
_CLASSES = (
    b"+-*/=^<>",
    b"\\",
    b"$",
    b"%",
    b"([{",
    b"_",
    b'"',
    b"?",
    b",",
    b"\n",
    b"0123456789",
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    b"abcdefghijklmnopqrstuvwxyz'",
    bytes(range(128, 256)),
)
_NEWLINE, _DIGIT, _CAPITAL, _SMALL, _FOREIGN = range(9, 14)
_OTHER = len(_CLASSES)
_CLASS_OF = np.full(256, _OTHER, dtype=np.int64)
for _number, _members in enumerate(_CLASSES):
    _CLASS_OF[np.frombuffer(_members, dtype=np.uint8)] = _number
_IS_STOP = np.zeros(256, dtype=bool)
_IS_STOP[np.frombuffer(b".!?", dtype=np.uint8)] = True
_IS_SPACE = np.zeros(256, dtype=bool)
_IS_SPACE[np.frombuffer(b" \n\t\r\0", dtype=np.uint8)] = True  # \0 ends every text

# Words that the tokenizer keeps whole.
_CODE = [
    "def",
    "return",
    "import",
    "class",
    "lambda",
    "elif",
    "const",
    "var",
    "function",
    "void",
    "struct",
    "public",
    "static",
    "null",
    "async",
    "await",
    "{",
    "}",
    "`",
    "select",
    "where",
]
_NEGATION = ["not", "except", "never", "none", "without", "cannot", "no", "____"]
_CONDITION = ["if", "each", "every", "per", "total", "remaining", "left", "all", "both"]
_COMPARISON = ["than", "times", "twice", "half", "third", "more", "less", "most", "least", "many"]


def clip(text: str, head: int = CLIP_HEAD_CHARS, tail: int = CLIP_TAIL_CHARS) -> str:
    """Head and tail of a long text, joined by a line break."""
    return text if len(text) <= head + tail else f"{text[:head]}\n{text[-tail:]}"


class Vocabulary:
    """What is counted of a token, by its id."""

    def __init__(self, tokens: Sequence[str]) -> None:
        bare = [t.removeprefix("##") for t in tokens]
        ids = np.arange(len(tokens))  # ids follow frequency: a high one is a rare word
        self.counted = np.column_stack(
            [
                [t.startswith("##") for t in tokens],
                [t.isdigit() for t in bare],
                [not any(c.isalnum() for c in t) for t in bare],
                np.log1p(ids),
                ids > RARE_TOKEN_ID,
                ids > RARER_TOKEN_ID,
                *([t in words for t in tokens] for words in map(set, _LISTS)),
            ]
        ).astype(np.float64)


_LISTS = (_CODE, _NEGATION, _CONDITION, _COMPARISON)


def _byte_counts(texts: Sequence[str]) -> tuple[FloatArray, FloatArray]:
    """Per text: bytes of every class (n, 15), and words, numbers, decimals, stops, bytes (5, n)."""
    n = len(texts)
    encoded = [t.encode("utf-8", "replace") + b"\0" for t in texts]
    bounds = bounds_of([len(e) for e in encoded])
    raw = np.frombuffer(b"".join(encoded), dtype=np.uint8)
    kind = _CLASS_OF[raw]
    sizes = bounds[1:] - bounds[:-1]
    place = kind if n == 1 else np.arange(n).repeat(sizes) * (_OTHER + 1) + kind
    counted = np.bincount(place, minlength=n * (_OTHER + 1)).reshape(n, _OTHER + 1)
    digit = kind == _DIGIT
    letter = (kind == _SMALL) | (kind == _CAPITAL) | (kind == _FOREIGN)
    events = np.zeros((4, len(raw)), dtype=bool)
    events[0, 1:] = letter[1:] & ~letter[:-1]
    events[1, 1:] = digit[1:] & ~digit[:-1]
    events[:2, 0] = letter[0], digit[0]
    events[2, 1:-1] = (raw[1:-1] == 46) & digit[:-2] & digit[2:]
    events[3, :-1] = _IS_STOP[raw[:-1]] & _IS_SPACE[raw[1:]]
    runs = segment_sums(events.T.astype(np.float64), bounds).T
    return counted.astype(np.float64), np.vstack([runs, np.maximum(sizes - 1, 1)])


def _around(requests: Sequence[Request]) -> FloatArray:
    """What stands around the texts: other turns and text, tools, results and images, (n, 5)."""
    counts = [
        (r.turns - 1, max(r.chars - len(r.text), 0), r.tools, r.tool_results, r.images)
        for r in requests
    ]
    return np.array(counts, dtype=np.float64).reshape(len(requests), 5)


def structure(
    requests: Sequence[Request],
    texts: Sequence[str],
    ids: Ragged,
    distinct: IntArray,
    vocabulary: Vocabulary,
) -> FloatArray:
    """The structure features of n requests, shape (n, SIZE), raw (not standardised).

    `texts` are the clipped routing texts, `ids` their token ids, `distinct` (n,) how many of
    these differ.
    """
    n = len(texts)
    count, (words, numbers, decimals, stops, size) = _byte_counts(texts)
    letters = count[:, [_CAPITAL, _SMALL, _FOREIGN]].sum(axis=1)
    options = np.array([len(_OPTION.findall(t)) for t in texts], dtype=np.float64)
    length = np.array([len(t) for t in texts], dtype=np.float64)
    sentences = stops + 1
    tokens = np.maximum(ids.sizes, 1)
    seen = ids.sums(vocabulary.counted[ids.flat])
    share = seen / tokens[:, None]
    log = np.log1p
    out = np.empty((n, SIZE))
    columns: tuple[NDArray[Any], ...] = (
        log(length),
        log(words),
        log(count[:, _NEWLINE]),
        log(numbers),
        numbers / (words + 1),
        decimals / (numbers + 1),
        log(count[:, :9]),
        log(seen[:, 6]),
        options / OPTIONS_SCALE,
        options > 0,
        log(length / (options + 1)),
        np.where(options > 0, numbers / (options + 1), 0.0),
        log(sentences),
        log(length / sentences),
        letters / (words + 1),
        share[:, :6],
        distinct / tokens,
        count[:, _CAPITAL] / size,
        count[:, _FOREIGN] / size,
        log(seen[:, 7:10]),
        log(_around(requests)),
        np.array([r.json_schema for r in requests]),
    )
    at = 0
    for column in columns:
        width = 1 if column.ndim == 1 else column.shape[1]
        out[:, at : at + width] = column if column.ndim == 2 else column[:, None]
        at += width
    return out
