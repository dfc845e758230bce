"""What can be counted in a request without reading it: the structure features.

Every value comes from byte counts and token ids, so that the cost stays in microseconds.
"""

import re

import numpy as np

from router.types import FloatArray, IntArray, Request

# Texts are cut to head and tail: the task stands at one of the two ends.
HEAD_CHARS, TAIL_CHARS = 2800, 1200

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
_CODE = re.compile(
    r"```|\bdef |\breturn\b|;[ \t]*$|\bimport |\bclass |[{}]|==|!=|=>|->|\bfor .{1,40} in ", re.M
)
_NEGATION = re.compile(r"(?i)\bnot\b|\bexcept\b|n't\b|\bnever\b|____|of the above")
_CONDITION = re.compile(r"(?i)\b(?:if|each|every|per|total|remaining|left|all|both)\b")
_COMPARISON = re.compile(r"(?i)\b(?:than|times|twice|half|third|more|less|most|least|as many)\b")


def _bytes_of(characters: str) -> IntArray:
    return np.frombuffer(characters.encode(), dtype=np.uint8).astype(np.int64)


_DIGIT = np.zeros(256, dtype=bool)
_DIGIT[_bytes_of("0123456789")] = True
_ALPHA = np.zeros(256, dtype=bool)
_ALPHA[_bytes_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'")] = True
_ALPHA[128:] = True
_STOP = np.zeros(256, dtype=bool)
_STOP[_bytes_of(".!?")] = True
_SPACE = np.zeros(256, dtype=bool)
_SPACE[_bytes_of(" \n\t\r")] = True
_COUNTED = tuple(_bytes_of(s) for s in ("+-*/=^<>", "\\", "$", "%", "([{", "_", '"', "?", ","))
_CAPITALS = _bytes_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ")


def clip(text: str) -> str:
    """Head and tail of a long text, joined by a line break."""
    if len(text) <= HEAD_CHARS + TAIL_CHARS:
        return text
    return f"{text[:HEAD_CHARS]}\n{text[-TAIL_CHARS:]}"


class Vocabulary:
    """Classes of token ids: which are word pieces, digits, punctuation."""

    def __init__(self, tokens: list[str]) -> None:
        bare = [t.removeprefix("##") for t in tokens]
        # Columns: word piece, digits, punctuation, rare, very rare, log id (ids follow frequency).
        ids = np.arange(len(tokens))
        self.classes = np.column_stack(
            [
                [t.startswith("##") for t in tokens],
                [t.isdigit() for t in bare],
                [not any(c.isalnum() for c in t) for t in bare],
                ids > 8000,
                ids > 16000,
                np.log1p(ids),
            ]
        ).astype(np.float64)


def _starts(mask: FloatArray | IntArray) -> int:
    """Number of runs of True."""
    return int(mask[0]) + int(np.count_nonzero(mask[1:] & ~mask[:-1])) if len(mask) else 0


def structure(
    request: Request, text: str, ids: IntArray, unique: int, vocabulary: Vocabulary
) -> FloatArray:
    """The structure features of one request, shape (SIZE,), raw (not standardised).

    `text` is the clipped routing text, `ids` its token ids, `unique` how many of them differ.
    """
    raw = np.frombuffer(text.encode("utf-8", "replace"), dtype=np.uint8)
    count = np.bincount(raw, minlength=256)
    size = max(len(raw), 1)
    digit, alpha = _DIGIT[raw], _ALPHA[raw]
    words, numbers = _starts(alpha), _starts(digit)
    letters = int(np.count_nonzero(alpha))
    dots = raw[1:-1] == 46
    decimals = int(np.count_nonzero(dots & digit[:-2] & digit[2:])) if len(raw) > 2 else 0
    sentences = int(np.count_nonzero(_STOP[raw[:-1]] & _SPACE[raw[1:]])) + 1
    options = len(_OPTION.findall(text))
    tokens = max(len(ids), 1)
    # ids of an empty text give zero means
    mean = vocabulary.classes[ids].mean(axis=0) if len(ids) else np.zeros(6)
    signs = [int(count[c].sum()) for c in _COUNTED]
    counts = np.log1p(
        [
            len(text), words, count[10], numbers, *signs, len(_CODE.findall(text)),
            len(text) / (options + 1), sentences, len(text) / sentences, request.turns - 1,
            max(request.chars - len(request.text), 0), request.tools, request.tool_results,
            request.images,
        ]
    )  # fmt: skip
    return np.array(
        [
            counts[0], counts[1], counts[2], counts[3], numbers / (words + 1),
            decimals / (numbers + 1), *counts[4:13], counts[13], options / 10, float(options > 0),
            counts[14], numbers / (options + 1) if options else 0.0, counts[15], counts[16],
            letters / (words + 1), mean[0], mean[1], mean[2], mean[5], mean[3], mean[4],
            unique / tokens, count[_CAPITALS].sum() / size, count[128:].sum() / size,
            np.log1p(len(_NEGATION.findall(text))), np.log1p(len(_CONDITION.findall(text))),
            np.log1p(len(_COMPARISON.findall(text))), *counts[17:22],
            float(request.json_schema),
        ]
    )  # fmt: skip
