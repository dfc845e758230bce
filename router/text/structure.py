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
    USUAL_VARIETY,
    USUAL_WORD,
    WORD_CHARS,
)
from router.text.ragged import Ragged, bounds_of, segment_sums
from router.text.scripts import SCRIPTS, Scripts
from router.types import FloatArray, IntArray, Request

# What stands around the text.
AROUND = ("turns of the conversation", "text before the last turn", "tools offered", "tool results")
SHARES = tuple(f"share of {script}" for script in SCRIPTS[1:])
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
    "share that the English vocabulary cannot read",
    *SHARES,
    "negations",
    "conditions and quantities",
    "comparisons",
    *AROUND,
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
    """What is counted of a token, by its id, and which tokens belong to no English word."""

    def __init__(self, tokens: Sequence[str]) -> None:
        self.foreign = np.array([not t.isascii() or t == "[UNK]" for t in tokens])
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
    """Per text: bytes of every class (n, 15), and words, numbers, decimals, stops (4, n)."""
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
    return counted.astype(np.float64), runs


def _around(requests: Sequence[Request]) -> FloatArray:
    """What stands around the texts: other turns and text, tools and their results, (n, 4)."""
    counts = [
        (r.turns - 1, max(r.chars - len(r.text), 0), r.tools, r.tool_results) for r in requests
    ]
    return np.array(counts, dtype=np.float64).reshape(len(requests), 4)


def structure(
    requests: Sequence[Request],
    texts: Sequence[str],
    scripts: Scripts,
    ids: Ragged,
    distinct: IntArray,
    vocabulary: Vocabulary,
) -> FloatArray:
    """The structure features of n requests, shape (n, SIZE), raw (not standardised).

    `texts` are the clipped routing texts with plain signs, `ids` the ids of their English tokens,
    `distinct` (n,) how many of these differ. What is in no English word counts as words of the
    usual kind, as many as say as much, so that no language is taken for hard by itself.
    """
    n = len(texts)
    count, (words, numbers, decimals, stops) = _byte_counts(texts)
    length = scripts.worth
    size = np.maximum(length, 1)
    letters = count[:, _CAPITAL] + count[:, _SMALL]
    options = np.array([len(_OPTION.findall(t)) for t in texts], dtype=np.float64)
    sentences = stops + 1
    seen = ids.sums(vocabulary.counted[ids.flat])
    tokens, told, variety = ids.sizes, seen[:, :6], distinct
    if scripts.foreign.any():
        size = np.maximum(np.array([len(t) for t in texts], dtype=np.float64), 1)
        words = words + scripts.unspaced / WORD_CHARS
        letters = letters + scripts.foreign
        unread = scripts.unread / WORD_CHARS
        tokens, variety = tokens + unread, variety + unread * USUAL_VARIETY
        told = told + unread[:, None] * USUAL_WORD
    tokens = np.maximum(tokens, 1)
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
        told / tokens[:, None],
        variety / tokens,
        count[:, _CAPITAL] / size,
        scripts.unread / np.maximum(length, 1),
        scripts.counts[:, 1:] / size[:, None],
        log(seen[:, 7:10]),
        log(_around(requests)),
    )
    at = 0
    for column in columns:
        width = 1 if column.ndim == 1 else column.shape[1]
        out[:, at : at + width] = column if column.ndim == 2 else column[:, None]
        at += width
    return out
