import pickle
from pathlib import Path

import numpy as np
import pytest

from router.registry.artifact import Artifact
from training.data import featurize as module
from training.data.featurize import featurize
from training.fit.encoder import of_artifact


@pytest.mark.slow
def test_cache_gives_the_same_and_survives_damage(
    shipped: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CACHE", tmp_path / "features")
    extractor = of_artifact(shipped).extractor()
    prompts = [f"Name {i} rivers and {'sort them ' * (i % 5)}by length." for i in range(1100)]
    first = featurize(extractor, prompts)
    (kept,) = (tmp_path / "features").glob("*.npz")
    again = featurize(extractor, prompts)
    kept.write_bytes(kept.read_bytes()[:1000])
    anew = featurize(extractor, prompts)
    for other in (again, anew):
        assert np.array_equal(other.embedding, first.embedding)
        assert np.array_equal(other.structure, first.structure)
        assert np.array_equal(other.words.flat, first.words.flat)
        assert np.array_equal(other.pairs.bounds, first.pairs.bounds)


def test_unwritable_cache_is_not_used(
    shipped: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(module, "CACHE", tmp_path / "file" / "features")
    prompts = [f"Count to {i}." for i in range(1100)]
    assert len(featurize(of_artifact(shipped).extractor(), prompts)) == 1100


class Planted:
    """A pickle that leaves a file behind when it is read."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.trace,)


def test_a_planted_pickle_is_never_read(
    shipped: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CACHE", tmp_path / "features")
    monkeypatch.chdir(tmp_path)
    extractor = of_artifact(shipped).extractor()
    prompts = [f"Spell {i} backwards." for i in range(1100)]
    first = featurize(extractor, prompts)
    (kept,) = (tmp_path / "features").iterdir()
    planted = pickle.dumps(Planted(tmp_path / "read"))
    kept.write_bytes(planted)
    old = tmp_path / ".cache" / "features" / kept.with_suffix(".joblib").name
    old.parent.mkdir(parents=True)
    old.write_bytes(planted)
    assert np.array_equal(featurize(extractor, prompts).embedding, first.embedding)
    assert not (tmp_path / "read").exists()
