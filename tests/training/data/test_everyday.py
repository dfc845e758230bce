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

LANGUAGES = {
    *("ar", "de", "el", "es", "fr", "hi", "id", "it", "ja", "ko"),
    *("nl", "pl", "pt", "ru", "sv", "th", "tr", "uk", "vi", "zh"),
}


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return graded(EVERYDAY)


def test_counts(table: pd.DataFrame) -> None:
    assert len(table) >= 2000
    assert table["kind"].nunique() >= 40
    assert (table["origin"] == "written").all()
    assert 0.4 <= (table["language"] != "en").mean() <= 0.6
    assert (table["language"].value_counts()[list(LANGUAGES)] >= 60).all()
    assert not table["prompt"].duplicated().any()
    assert table["reason"].str.len().between(2, 60).all()


def test_grades_agree_with_needs_cloud(table: pd.DataFrame) -> None:
    assert set(table["difficulty"]) == {1, 2, 3, 4, 5}
    assert (table.loc[table["difficulty"] <= 2, "needs_cloud"] == 0).all()
    assert (table.loc[table["difficulty"] == 5, "needs_cloud"] == 1).all()
    assert 0.25 <= table["needs_cloud"].mean() <= 0.5


def test_length_alone_does_not_predict_the_label(table: pd.DataFrame) -> None:
    length = table["prompt"].str.len().to_numpy(dtype="float64")
    assert metrics.auc(length, table["needs_cloud"].to_numpy()) < 0.85
    words = table["prompt"].str.split().str.len()
    assert words.min() == 1
    assert words.max() > 150
    long, hard = words > words.quantile(0.8), table["needs_cloud"] == 1
    assert (long & ~hard).sum() > 100
    assert (~long & hard).sum() > 100


@pytest.mark.slow
def test_no_near_duplicates(table: pd.DataFrame, shipped: Artifact) -> None:
    # The encoder's vocabulary is English; other languages fall into pieces that all look alike.
    english = table[table["language"] == "en"]
    extractor = of_artifact(shipped).extractor()
    vectors = featurize(extractor, english["prompt"].tolist(), cache=False).embedding
    similarity = vectors @ vectors.T
    np.fill_diagonal(similarity, 0)
    assert similarity.max() < 0.955


def test_no_prompt_of_another_language_repeats_one_of_its_own(table: pd.DataFrame) -> None:
    for language in sorted(LANGUAGES):
        prompts = table.loc[table["language"] == language, "prompt"]
        pieces = [{p[i : i + 5] for i in range(max(len(p) - 4, 1))} for p in prompts]
        for i, one in enumerate(pieces):
            assert all(len(one & other) <= 0.6 * len(one | other) for other in pieces[:i]), language
