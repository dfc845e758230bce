"""What can be counted in a request without reading it: the structure features.

Every value comes from byte counts and token ids, so that the cost stays in microseconds.
"""

import re
from collections.abc import Sequence
from math import log1p
from typing import NamedTuple

import numpy as np

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
from router.text.ragged import Ragged
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
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    b"abcdefghijklmnopqrstuvwxyz'",
    bytes(range(128, 256)),
)
_NEWLINE, _CAPITAL, _SMALL, _FOREIGN = range(9, 13)
_DIGITS, _LETTERS = b"0123456789", b"".join(_CLASSES[_CAPITAL:])
# Tables for bytes.translate: each byte to its class, and all but these to spaces.
_CLASS_OF = bytes(
    next((c for c, members in enumerate(_CLASSES) if byte in members), len(_CLASSES))
    for byte in range(256)
)
_ONLY_LETTERS = bytes(byte if byte in _LETTERS else 32 for byte in range(256))
_ONLY_DIGITS = bytes(byte if byte in _DIGITS else 32 for byte in range(256))
_FRACTION = re.compile(rb"\.[0-9]")
_STOP = re.compile(rb"[.!?](?=[ \n\t\r\0]|\Z)")

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


class _Counts(NamedTuple):
    """What stands in one text: bytes of each class, and words, numbers, decimals, sentences."""

    of: list[int]
    words: int
    numbers: int
    decimals: int
    stops: int


def _counted(text: str) -> _Counts:
    raw = text.encode("utf-8", "replace")
    kinds = raw.translate(_CLASS_OF)
    numbers = len(raw.translate(_ONLY_DIGITS).split())
    fractions = _FRACTION.finditer(raw) if numbers else ()
    return _Counts(
        of=[kinds.count(c) for c in range(len(_CLASSES))],
        words=len(raw.translate(_ONLY_LETTERS).split()),
        numbers=numbers,
        decimals=sum(raw[m.start() - 1 : m.start()].isdigit() for m in fractions),
        stops=len(_STOP.findall(raw)),
    )


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
    seen = ids.sums(vocabulary.counted[ids.flat]).tolist()
    written = (scripts.worth, scripts.foreign, scripts.unread, scripts.unspaced)
    parts = zip(
        requests,
        texts,
        zip(*(part.tolist() for part in written), strict=True),
        scripts.counts[:, 1:].tolist(),
        ids.sizes.tolist(),
        distinct.tolist(),
        seen,
        strict=True,
    )
    return np.array([_row(*part) for part in parts]).reshape(len(texts), SIZE)


def _row(
    request: Request,
    text: str,
    written: tuple[float, float, float, float],
    scripts: list[float],
    tokens: float,
    variety: float,
    seen: list[float],
) -> list[float]:
    """The features of one text, in the order of NAMES; `seen` sums up `Vocabulary.counted`."""
    count = _counted(text)
    length, foreign, unread, unspaced = written
    size = max(len(text), 1)
    words = count.words + unspaced / WORD_CHARS
    letters = count.of[_CAPITAL] + count.of[_SMALL] + foreign
    unread_words = unread / WORD_CHARS
    tokens = max(tokens + unread_words, 1)
    told = [(s + unread_words * usual) / tokens for s, usual in zip(seen, USUAL_WORD, strict=False)]
    numbers, sentences = count.numbers, count.stops + 1
    options = len(_OPTION.findall(text))
    return [
        log1p(length),
        log1p(words),
        log1p(count.of[_NEWLINE]),
        log1p(numbers),
        numbers / (words + 1),
        count.decimals / (numbers + 1),
        *map(log1p, count.of[:_NEWLINE]),
        log1p(seen[6]),
        options / OPTIONS_SCALE,
        float(options > 0),
        log1p(length / (options + 1)),
        numbers / (options + 1) if options else 0.0,
        log1p(sentences),
        log1p(length / sentences),
        letters / (words + 1),
        *told,
        (variety + unread_words * USUAL_VARIETY) / tokens,
        count.of[_CAPITAL] / size,
        unread / max(length, 1),
        *(script / size for script in scripts),
        *map(log1p, seen[7:10]),
        # What stands around the text.
        log1p(max(request.turns - 1, 0)),
        log1p(max(request.chars - len(request.text), 0)),
        log1p(request.tools),
        log1p(request.tool_results),
    ]
