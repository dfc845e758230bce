from pathlib import Path

import numpy as np
import pytest

from router.registry.artifact import Artifact
from tests.conftest import EVERYDAY
from training.bench.comparison import Comparison, compare, encoder_choices, try_encoder
from training.data.dataset import Dataset
from training.data.readers import read
from training.evaluate import plots
from training.fit.encoder import of_artifact

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def comparison(shipped: Artifact, everyday: Dataset) -> Comparison:
    return compare(shipped, everyday)


def test_methods_stand_in_their_order(comparison: Comparison) -> None:
    table = comparison.table()
    assert list(table.index) == ["router", "prompt length", "kNN", "random", "oracle"]
    apgr = table["APGR"].str.split(" ").str[0].astype(float)
    assert apgr["oracle"] >= apgr["router"] > apgr["random"]
    assert apgr["router"] > apgr["prompt length"]


def test_methods_are_judged_on_the_scored_rows_in_their_order(shipped: Artifact) -> None:
    rng = np.random.default_rng(3)
    rows = read(EVERYDAY).rows.sample(frac=1, random_state=1).reset_index(drop=True)
    # Several sources and models, so that pairs of a part differ in order from pairs of the whole.
    sources = dict(zip(rows["group"].unique(), "abc" * 1000, strict=False))
    rows["source"] = rows["group"].map(sources)
    rows["model"] = rows["tier"] + "-" + rows["source"] + rng.choice(["1", "2"], len(rows))
    rows["score"] = rng.random(len(rows))
    c = compare(shipped, Dataset(rows))
    assert np.array_equal(c.gains["oracle"], c.cloud - c.local)
    assert len(c.characters) == len(c.local)


def test_thresholds_in_dollars(comparison: Comparison) -> None:
    cost = comparison.cost_usd(2e-6, 10e-6, 500)
    assert cost.min() >= 0.005
    table = comparison.thresholds("router", cost, requests=1000)
    spent = table["dollars a month"]
    assert spent.is_monotonic_increasing
    assert spent.iloc[0] == 0
    assert spent.iloc[-1] == pytest.approx(cost.mean() * 1000, abs=0.01)
    assert table["saved against all cloud"].iloc[0] == pytest.approx(spent.iloc[-1])


def test_pictures_are_drawn(comparison: Comparison, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    axes = plots.quality_curves(
        comparison.gains, comparison.local, comparison.cloud, groups=comparison.group, rng=rng
    )
    assert "share" in axes.get_xlabel()
    assert len(axes.get_legend_handles_labels()[1]) == 5
    assert plots.save(axes, tmp_path / "a.png").stat().st_size > 10_000
    cost = comparison.cost_usd(2e-6, 10e-6, 500)
    axes = plots.quality_curves(comparison.gains, comparison.local, comparison.cloud, cost_usd=cost)
    assert "dollars" in axes.get_xlabel()


def test_wilson_interval() -> None:
    low, high = plots.wilson(np.array([0.0, 0.5]), np.array([10.0, 100.0]))
    assert low == pytest.approx([0.0, 0.404], abs=0.002)
    assert high == pytest.approx([0.278, 0.596], abs=0.002)


def test_narrow_encoder_is_smaller_and_not_better(small: Dataset, shipped: Artifact) -> None:
    choices = encoder_choices(of_artifact(shipped), None)
    assert list(choices) == [f"static, {d} dimensions" for d in (256, 64, 8)]
    wide, narrow = (try_encoder(n, choices[n], small) for n in list(choices)[::2])
    assert narrow.size_mb < wide.size_mb / 10
    assert narrow.auc_local.value < wide.auc_local.value + 0.05
    assert 0 < wide.latency_ms < 1000
