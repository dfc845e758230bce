"""The other encoder, and the distillation, with the real packaged MiniLM."""

from pathlib import Path

import numpy as np
import pytest

from router.decide.router import Router
from router.errors import TrainingError
from router.registry.artifact import Artifact
from training.data.dataset import Dataset
from training.fit.encoder import distil, of_artifact, read, with_transformer, write
from training.pipelines.prompts import save, train

pytestmark = [
    pytest.mark.slow,
    pytest.mark.encoder,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]
pytest.importorskip("torch", reason="needs the extra [encoder]: make test-encoder installs it")
MINILM = "sentence-transformers/all-MiniLM-L6-v2"


def test_router_on_a_sentence_transformer(
    small: Dataset, shipped: Artifact, tmp_path: Path
) -> None:
    source = with_transformer(of_artifact(shipped), MINILM)
    assert source.description["dimensions"] == 384
    fitted = train(small, source, version_name="minilm", strength=0.1, jobs=1)
    folder = save(fitted, tmp_path)
    router = Router.load(folder)
    prompts = small.prompts["prompt"].tolist()[:5]
    batch = router.predict_batch(prompts)
    singles = [router.predict(p).gain for p in prompts]
    assert np.abs(batch.gain - singles).max() < 1e-5
    assert fitted.evaluation.overall["auc_local"].value > 0.6


def test_distilled_encoder_equals_the_shipped_one(shipped: Artifact, tmp_path: Path) -> None:
    source = distil(MINILM)
    write(source, tmp_path)
    again = read(tmp_path)
    assert again == source
    texts = ["Translate this into French.", "Prove that the series converges."]
    from training.data.featurize import featurize

    mine = featurize(again.extractor(), texts, cache=False)
    theirs = featurize(of_artifact(shipped).extractor(), texts, cache=False)
    assert mine.words.flat.tolist() == theirs.words.flat.tolist()
    # PCA leaves signs and small rotations open; similarities between texts do not change.
    assert mine.embedding[0] @ mine.embedding[1] == pytest.approx(
        float(theirs.embedding[0] @ theirs.embedding[1]), abs=0.02
    )


def test_unknown_teacher_is_named() -> None:
    with pytest.raises(TrainingError, match="no-such-model"):
        distil("no-such-model-anywhere")
