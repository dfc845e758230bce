"""A blend of two fits is one of them at either end, and half-way in logits between."""

from dataclasses import replace

import numpy as np
import pytest

from router.decide.extractors import extractor_of
from router.registry.artifact import Artifact
from tests.training import logs
from training.data.dataset import REFERENCE
from training.data.featurize import featurize
from training.evaluate.scoring import fitted_of
from training.fit.blend import blended, with_level_of
from training.fit.head import TIERS
from training.fit.heads import Fitted

_BLOCKS = ("embedding", "structure", "words", "pairs", "syllables", "bias")


def other(fitted: Fitted) -> Fitted:
    rng = np.random.default_rng(0)
    moved = {}
    for name in _BLOCKS:
        weights = getattr(fitted.heads, name)
        moved[name] = weights + rng.normal(0, 0.1, weights.shape)
    return replace(fitted, heads=replace(fitted.heads, **moved)).scaled([(0.8, 0.2), (1.1, -0.1)])


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_every_block_moves_by_the_share(shipped: Artifact, share: float) -> None:
    features = featurize(extractor_of(shipped), [*logs.prompts(40), "Γράψε μια μικρή ιστορία."])
    assert len(features.syllables.flat)
    before = fitted_of(shipped)
    after = other(before)
    part = blended(before, after, (share, share))

    def logits(fitted: Fitted) -> "np.ndarray[tuple[int, int], np.dtype[np.float64]]":
        own = np.array([fitted.ability(t, REFERENCE[t]) for t in TIERS])
        return fitted.heads.logits(features, own)

    expected = (1 - share) * logits(before) + share * logits(after)
    assert np.abs(logits(part) - expected).max() < 1e-4
    level = with_level_of(part, before, features, REFERENCE)
    for mean, was in zip(level.predict(features), before.predict(features), strict=True):
        assert mean.mean() == pytest.approx(was.mean(), abs=1e-6)
