"""Two fits of the same columns as one: part way between them, one head of each, a level kept.

Everything is linear, so a blend of two fits serves as fast as either.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from router.decide.heads import Heads
from router.text.features import Features
from router.types import FloatArray
from training.fit.calibrate import shift_to
from training.fit.head import TIERS
from training.fit.heads import Fitted, logits

_WEIGHTS = ("embedding", "structure", "words", "pairs", "syllables", "bias")


def blended(before: Fitted, after: Fitted, share: tuple[float, float]) -> Fitted:
    """The logits of `before` moved by this share of the way to `after`; one share per head.

    Both must have been fitted with the same scaling, as a fit on a base is.
    """
    old, new = (_uncalibrated(f.heads) for f in (before, after))
    part = np.array(share)
    mixed = {
        name: _rows(1 - part, old[name]) * old[name] + _rows(part, new[name]) * new[name]
        for name in _WEIGHTS
    }
    heads = replace(before.heads, **mixed, calibration=np.array([[1.0, 0.0], [1.0, 0.0]]))
    models: dict[str, dict[str, float]] = {}
    for index, tier in enumerate(TIERS):
        slopes = [f.heads.calibration[index, 0] for f in (before, after)]
        models[tier] = {
            name: (1 - share[index]) * slopes[0] * before.ability(tier, name)
            + share[index] * slopes[1] * after.ability(tier, name)
            for name in sorted({*before.models[tier], *after.models[tier]})
        }
    return Fitted(heads, models, dict(after.strength))


def with_level_of(
    fitted: Fitted, before: Fitted, features: Features, pair: Mapping[str, str]
) -> Fitted:
    """`fitted` shifted so that its mean probabilities on `features` are those of `before`.

    Whoever rates bad answers more often than good ones moves the level of what is learned and
    nothing else (Prentice and Pyke 1979), so ratings of unknown habit teach no level.
    """
    wanted = [float(p.mean()) for p in before.predict(features, pair)]
    ability = np.array([fitted.ability(t, pair[t]) for t in TIERS])
    z = logits(fitted.heads, features, ability)
    return fitted.scaled([(1.0, shift_to(z[:, i], mean)) for i, mean in enumerate(wanted)])


def _uncalibrated(heads: Heads) -> dict[str, FloatArray]:
    """Weights with slope and shift of the calibration folded in."""
    slope, shift = heads.calibration.T
    folded: dict[str, FloatArray] = {}
    for name in _WEIGHTS:
        weights = np.asarray(getattr(heads, name), dtype=np.float64)
        folded[name] = _rows(slope, weights) * weights
    folded["bias"] = folded["bias"] + shift
    return folded


def _rows(factor: FloatArray, weights: FloatArray) -> FloatArray:
    """`factor` (2,) in the shape that multiplies each head's weights."""
    return factor if weights.ndim == 1 else factor[:, None]
