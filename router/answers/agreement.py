"""How far two answers to one request agree: exactly where they can be compared, else by degree."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from router.answers.literals import CallLiteral, canonical
from router.answers.reading import STATISTICS, Reading
from router.answers.same import same
from router.types import FloatArray, IntArray

AGREEMENT: tuple[str, ...] = (
    "comparable",
    "equal",
    "texts known",
    "meaning",
    "conclusion",
    "words",
    "numbers",
    "numbers known",
    "names",
    "names known",
    "calls",
    "length",
)
_SIZE = len(AGREEMENT)
_LENGTH = STATISTICS.index("length of the answer")


def agreement(a: Reading, b: Reading, weight: FloatArray) -> FloatArray:
    """The measures named in AGREEMENT, each 0..1, shape (SIZE,).

    `weight` (v,) says how much a shared token counts (its idf). Symmetric; 1 in every measure
    that is known for an answer beside itself. What cannot be compared is 0, and so is the
    measure that says it is known.
    """
    out = np.zeros(_SIZE)
    equal = same(a.final, b.final)
    if equal is not None:
        out[0], out[1] = 1.0, float(equal)
    if a.final.kind == b.final.kind == "call":
        out[10] = calls_in_common(a.final.value, b.final.value)
    if not (a.known and b.known):
        return out
    out[2] = 1.0
    out[3] = max(0.0, float(a.meaning @ b.meaning))
    out[4] = max(0.0, float(a.conclusion @ b.conclusion))
    out[5] = _words_in_common(a.words, b.words, weight)
    out[6], out[7] = _shared(a.numbers, b.numbers)
    out[8], out[9] = _shared(a.names, b.names)
    shorter, longer = sorted((a.statistics[_LENGTH], b.statistics[_LENGTH]))
    out[11] = shorter / longer if longer else 1.0
    return out


def _words_in_common(a: IntArray, b: IntArray, weight: FloatArray) -> float:
    """Cosine of the two idf vectors: a rare word in common counts more than a common one.

    `a` and `b` are sorted and free of repetitions.

    >>> _words_in_common(np.array([1, 2]), np.array([2, 3]), np.array([0.0, 3.0, 4.0, 3.0]))
    0.64
    """
    if not len(a) or not len(b):
        return 0.0
    merged = np.sort(np.concatenate([a, b]))
    both = merged[:-1][merged[1:] == merged[:-1]]
    of_a, of_b, shared = weight[a], weight[b], weight[both]
    norms = float(of_a @ of_a) * float(of_b @ of_b)
    return float(shared @ shared) / norms**0.5 if norms else 0.0


def calls_in_common(a: tuple[CallLiteral, ...], b: tuple[CallLiteral, ...]) -> float:
    """Share of names and arguments that two lists of calls have in common, in any order (Jaccard).

    >>> one = CallLiteral("add", {"a": 1.0, "b": 2.0})
    >>> two = CallLiteral("add", {"a": 1.0, "b": 3.0})
    >>> calls_in_common((one,), (one,)), calls_in_common((one,), (two,))
    (1.0, 0.5)
    """
    left, right = _parts(a), _parts(b)
    return len(left & right) / len(left | right) if left | right else 1.0


def _parts(calls: tuple[CallLiteral, ...]) -> set[tuple[str, str, str]]:
    parts = set()
    for call in calls:
        name = call.name.casefold()
        parts.add((name, "", ""))
        arguments: Mapping[str, Any] = call.arguments
        parts |= {(name, str(k).casefold(), canonical(v)) for k, v in arguments.items()}
    return parts


def _shared(a: frozenset[str], b: frozenset[str]) -> tuple[float, float]:
    """Jaccard overlap, and whether there is anything to compare."""
    either = len(a | b)
    return (len(a & b) / either, 1.0) if either else (0.0, 0.0)
