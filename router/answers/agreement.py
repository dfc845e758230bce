"""How far two answers to one request agree: exactly where they can be compared, else by degree."""

import numpy as np

from router.answers.call_agreement import IN_COMMON, calls_in_common
from router.answers.reading import STATISTICS, Reading
from router.answers.same import same
from router.types import FloatArray, IntArray

MEASURES: tuple[str, ...] = (
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
AGREEMENT: tuple[str, ...] = (*MEASURES, *IN_COMMON)
_SIZE = len(AGREEMENT)
_CALLS = slice(len(MEASURES), _SIZE)
_ARGUMENTS = AGREEMENT.index("arguments in common")
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
    mine, theirs = a.final.calls, b.final.calls
    if mine or theirs or (a.checks.any() and b.checks.any()):
        out[_CALLS] = calls_in_common(mine, theirs)
        out[10] = out[_ARGUMENTS]
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


def _shared(a: frozenset[str], b: frozenset[str]) -> tuple[float, float]:
    """Jaccard overlap, and whether there is anything to compare."""
    either = len(a | b)
    return (len(a & b) / either, 1.0) if either else (0.0, 0.0)
