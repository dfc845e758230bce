from pathlib import Path

import joblib
import numpy as np
import pytest

from router.errors import ArtifactMissing, DataError, PromotionRefused
from router.registry import artifact as artifacts
from router.registry.artifact import Artifact
from router.registry.registry import Registry
from training.data.dataset import Dataset
from training.evaluate import against_champion as promotion
from training.evaluate import scoring
from training.pipelines.prompts import Trained, save, train
from training.tracking import CHALLENGER, CHAMPION, REGISTERED, Tracking

pytestmark = pytest.mark.slow


def variant(artifact: Artifact, version: str, **arrays: np.ndarray) -> Artifact:
    manifest = {**artifact.manifest, "version": version}
    # Nothing seen: the comparison may then use all rows of a small data set.
    free = {"seen": np.zeros(0, dtype=np.uint64)}
    return Artifact(
        manifest=manifest,
        arrays={**artifact.arrays, **free, **arrays},
        tokenizer=artifact.tokenizer,
        encoder=artifact.encoder,
    )


@pytest.fixture()
def models(tmp_path: Path, shipped: Artifact) -> Path:
    folder = tmp_path / "models"
    artifacts.save(variant(shipped, "champion"), folder)
    artifacts.save(variant(shipped, "same"), folder)
    upside_down = {"embedding": -shipped.arrays["embedding"], "words": -shipped.arrays["words"]}
    artifacts.save(variant(shipped, "worse", **upside_down), folder)
    vain = shipped.arrays["calibration"] * np.array([[4.0, 1.0], [4.0, 1.0]])
    artifacts.save(variant(shipped, "vain", calibration=vain), folder)
    Registry(folder).promote("champion")
    return folder


def test_equal_model_is_promoted_and_rolled_back(models: Path, everyday: Dataset) -> None:
    verdict = promotion.promote(Registry(models), "same", everyday)
    assert verdict.quality.value == 0
    assert artifacts.resolve(models).name == "same"
    assert Registry(models).roll_back() == "champion"
    assert artifacts.resolve(models).name == "champion"


@pytest.mark.parametrize(
    ("challenger", "says"), [("worse", "quality"), ("vain", "calibration error")]
)
def test_worse_models_are_refused_with_the_reason(
    models: Path, everyday: Dataset, challenger: str, says: str
) -> None:
    with pytest.raises(PromotionRefused, match=says):
        promotion.promote(Registry(models), challenger, everyday)
    assert artifacts.resolve(models).name == "champion"


def test_too_little_evidence_is_refused(models: Path, everyday: Dataset) -> None:
    ids = everyday.prompts["prompt_id"].head(20)
    few = everyday.where(everyday.rows["prompt_id"].isin(ids))
    with pytest.raises(PromotionRefused, match="only 20 rows"):
        promotion.promote(Registry(models), "same", few)


def test_rollback_needs_a_promotion(models: Path) -> None:
    with pytest.raises(ArtifactMissing, match="no earlier promotion"):
        Registry(models).roll_back()


def test_rows_that_a_model_has_seen_are_left_out(trained: Trained, small: Dataset) -> None:
    scored = scoring.scored_by(trained.artifact, small)
    assert len(scored.gain) == trained.evaluation.rows
    known = small.where(~small.rows["group"].isin(scored.group))
    with pytest.raises(DataError, match="not fitted on"):
        scoring.scored_by(trained.artifact, known)


def test_every_fit_is_a_run_with_a_registered_model(
    tmp_path: Path, small: Dataset, shipped: Artifact
) -> None:
    import mlflow

    again = train(small, None, base=shipped, version_name="tracked-1", jobs=1)
    folder = save(again, tmp_path / "models")
    tracking = Tracking(tmp_path)
    run = tracking.client.get_run(tracking.log_fit(again, folder))
    assert run.data.params["data_sha256"] == small.digest
    assert run.data.params["version"] == "tracked-1"
    low, value, high = (run.data.metrics[f"apgr{s}"] for s in ("_low", "", "_high"))
    assert low <= value <= high
    names = {f.path for f in tracking.client.list_artifacts(run.info.run_id, "figures")}
    assert names == {"figures/cost_curve.png", "figures/reliability.png"}
    assert tracking.version_of(CHALLENGER) == "tracked-1"
    assert tracking.version_of(CHAMPION) is None
    assert tracking.point(CHAMPION, "tracked-1")
    assert not tracking.point(CHAMPION, "never-registered")
    assert tracking.version_of(CHAMPION) == "tracked-1"

    heads = mlflow.artifacts.download_artifacts(
        run_id=run.info.run_id, artifact_path="scikit-learn/heads.joblib", dst_path=str(tmp_path)
    )
    estimators = joblib.load(heads)
    assert {type(e).__module__.split(".")[0] for e in estimators.values()} <= {"sklearn"}

    served = mlflow.pyfunc.load_model(f"models:/{REGISTERED}@{CHAMPION}")
    import pandas as pd

    table = served.predict(pd.DataFrame({"prompt": ["Say hello.", "Prove Fermat's theorem."]}))
    assert table["gain"].iloc[0] < table["gain"].iloc[1]
