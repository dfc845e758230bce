"""What the datasheet promises of the everyday prompts."""

import numpy as np
import pandas as pd
import pytest

from router.registry.artifact import Artifact
from tests.conftest import EVERYDAY
from training.bench.everyday import graded
from training.data.featurize import featurize
from training.evaluate import metrics
from training.fit.encoder import of_artifact

OTHER_SCRIPTS = {"ar", "el", "hi", "ja", "ko", "ru", "uk", "zh"}


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return graded(EVERYDAY)


def test_counts(table: pd.DataFrame) -> None:
    assert len(table) >= 2000
    assert table["kind"].nunique() >= 40
    assert (table["origin"] == "template").mean() <= 1 / 3
    assert 0.13 <= (table["language"] != "en").mean() <= 0.20
    assert not table["prompt"].duplicated().any()
    assert table["reason"].str.len().between(2, 60).all()


def test_grades_agree_with_needs_cloud(table: pd.DataFrame) -> None:
    assert set(table["difficulty"]) == {1, 2, 3, 4, 5}
    assert (table.loc[table["difficulty"] <= 2, "needs_cloud"] == 0).all()
    assert (table.loc[table["difficulty"] == 5, "needs_cloud"] == 1).all()
    assert 0.25 <= table["needs_cloud"].mean() <= 0.5


def test_length_alone_does_not_predict_the_label(table: pd.DataFrame) -> None:
    length = table["prompt"].str.len().to_numpy(dtype="float64")
    assert metrics.auc(length, table["needs_cloud"].to_numpy()) < 0.75
    words = table["prompt"].str.split().str.len()
    assert words.min() == 1
    assert words.max() > 400
    long, hard = words > words.quantile(0.8), table["needs_cloud"] == 1
    assert (long & ~hard).sum() > 100
    assert (~long & hard).sum() > 100


@pytest.mark.slow
def test_no_near_duplicates(table: pd.DataFrame, shipped: Artifact) -> None:
    # The encoder's vocabulary is Latin; other scripts fall into single letters and all look alike.
    latin = table[~table["language"].isin(OTHER_SCRIPTS)].reset_index(drop=True)
    extractor = of_artifact(shipped).extractor()
    vectors = featurize(extractor, latin["prompt"].tolist(), cache=False).embedding
    similarity = vectors @ vectors.T
    np.fill_diagonal(similarity, 0)
    assert similarity.max() < 0.955
