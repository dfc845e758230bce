"""How well the kind and the form of an answer are known from what a verifier was fitted on.

Where they are not, its weights say little: a verifier that invents a level misleads more than one
that knows nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router.answers.constants import FAR, SUPPORT
from router.types import FloatArray, IntArray

ARRAYS = {"support": ("k",), "centre": ("k", "s"), "precision": ("k", "s", "s"), "level": ("2",)}


@dataclass(frozen=True, slots=True)
class Familiar:
    """What the rows of a fit looked like, by kind of evidence; s statistics of the answer.

    `support` (k,): their weight in rows. `centre` (k, s), `precision` (k, s, s): mean and inverse
    covariance of their standardised statistics. `level` (2,): logits of the share of good answers,
    local ones of the reference model and the cloud's, each source counting alike.
    """

    support: NDArray[Any]
    centre: NDArray[Any]
    precision: NDArray[Any]
    level: NDArray[Any]

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "Familiar":
        """Pick its arrays out of an artifact's."""
        return cls(**{name: arrays[name].astype(np.float64) for name in ARRAYS})

    def degree(self, statistics: FloatArray, kinds: IntArray) -> FloatArray:
        """How familiar answers are, 0 (nothing like it was seen) to 1, shape (n,).

        `statistics` (n, s): standardised, `kinds` (n,). Falls with the Mahalanobis distance where
        that is beyond what is usual: its square is the number of statistics on average.
        """
        away = statistics - self.centre[kinds]
        if len(away) == 1:
            square = (self.precision[kinds[0]] @ away[0] @ away[0])[None]
        else:
            square = np.einsum("ns,nst,nt->n", away, self.precision[kinds], away)
        beyond = np.maximum(square / (away.shape[1] * FAR) - 1.0, 0.0)
        out: FloatArray = np.minimum(self.support[kinds] / SUPPORT, 1.0) / (1.0 + beyond)
        return out


def anchored(logits: FloatArray, degree: FloatArray, otherwise: FloatArray) -> FloatArray:
    """`logits` (n, 2) as far as answers are familiar (n,), for the rest `otherwise` (n, 2).

    >>> anchored(np.array([[2.0, 2.0]]), np.array([0.25]), np.array([[0.0, 1.0]])).tolist()
    [[0.5, 1.25]]
    """
    return otherwise + degree[:, None] * (logits - otherwise)
