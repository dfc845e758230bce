from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from router.prices import price_usd
from router.registry.artifact import Artifact
from tests.commands import command
from tests.conftest import EVERYDAY
from training.bench.comparison import (
    Comparison,
    compare,
    encoder_choices,
    heldout_comparisons,
    try_encoder,
)
from training.data.dataset import Dataset
from training.data.readers import read
from training.evaluate import metrics, plots
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
    assert len(c.prompt_chars) == len(c.local)


def test_thresholds_in_dollars(comparison: Comparison) -> None:
    cost = comparison.cost_usd("claude-sonnet-4-5", 500)
    assert cost.min() >= 500 * price_usd("claude-sonnet-4-5", 0, 1000) / 1000
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
    cost = comparison.cost_usd("claude-sonnet-4-5", 500)
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


def test_what_a_share_of_the_cloud_costs_and_what_is_lost(comparison: Comparison) -> None:
    cost = comparison.cost_usd("claude-sonnet-4-5", 500)
    trade = comparison.trade(cost)
    assert trade["dollars"].is_monotonic_increasing
    assert (trade["dollars"] + trade["saved"]).to_numpy() == pytest.approx(
        1000 * cost.mean(), abs=0.011
    )
    assert trade["lost"].iloc[-1] == "0.000 [0.000, 0.000]"
    assert trade["score"].iloc[-1].startswith(f"{comparison.cloud.mean():.3f}")


def test_a_month_is_so_many_requests_of_the_same_trade(comparison: Comparison) -> None:
    cost = comparison.cost_usd("claude-sonnet-4-5", 500)
    month, trade = comparison.month(cost, 30_000), comparison.trade(cost)
    dollars = month["dollars a month"].str.replace(",", "").astype(float)
    assert dollars.to_numpy() == pytest.approx(30 * trade["dollars"].to_numpy(float), abs=0.2)
    assert month["good answers lost a month"].iloc[-1] == "0 [0, 0]"
    lost = float(month["good answers lost a month"].iloc[0].split()[0].replace(",", ""))
    assert lost == pytest.approx(
        30_000 * (comparison.cloud.mean() - comparison.local.mean()), abs=1
    )


def heldout() -> pd.DataFrame:
    """Two sources of which the second is half luck, as `python -m training heldout` writes them."""
    rng = np.random.default_rng(0)
    frames = []
    for source, luck in (("clear", 0.0), ("lucky", 0.5)):
        p = rng.uniform(0.2, 1.0, 900)
        local = np.where(rng.random(900) < luck, rng.random(900) < 0.5, rng.random(900) < p)
        frames.append(
            pd.DataFrame(
                {
                    "source": source,
                    "group": np.arange(900) // 2,
                    "local": local * 1.0,
                    "cloud": (rng.random(900) < 0.9) * 1.0,
                    "p_local": p,
                    "p_cloud": 0.9,
                    "kNN": -p,
                    "prompt_chars": 400.0,
                    "answer_chars": np.where(np.arange(900) < 450, np.nan, 4000.0),
                }
            )
        )
    return pd.concat(frames).reset_index(drop=True)


def test_held_out_rows_are_compared_by_source_with_real_lengths() -> None:
    found = heldout_comparisons(heldout())
    assert list(found) == ["clear", "lucky"]
    assert list(found["clear"].gains) == ["router", "kNN", "oracle"]
    cost = found["clear"].cost_usd("claude-sonnet-4-5", 500)
    assert cost[-1] > cost[0] > 0
    clear, lucky = (metrics.apgr(c.gains["router"], c.local, c.cloud) for c in found.values())
    assert clear > lucky


def test_floors_are_set_on_some_labels_and_judged_on_the_others() -> None:
    comparison = heldout_comparisons(heldout())["clear"]
    cost = comparison.cost_usd("claude-sonnet-4-5", 500)
    table = comparison.floors(cost, (0.8, 0.9, 0.999), labels=500)
    assert table["labels"].tolist() == [250] * 3
    assert table["threshold"].iloc[-1] == "refused" and table["to the cloud"].iloc[-1] == 1
    for floor in (0.8, 0.9):
        assert table.loc[floor, "kept"].value >= floor
    points = {f: (row["to the cloud"], row["kept"]) for f, row in table.iterrows()}
    gain = comparison.gains["router"]
    axes = plots.floor_curve(gain, comparison.local, comparison.cloud, points)
    assert len(axes.get_legend_handles_labels()[1]) == 1 + 2 * 3


def test_panels_share_one_legend(comparison: Comparison, tmp_path: Path) -> None:
    axes = plots.panels(["one", "two"])
    for one in axes.values():
        plots.quality_curves(comparison.gains, comparison.local, comparison.cloud, axes=one)
    figure = plots.together(axes)
    assert [len(legend.get_texts()) for legend in figure.legends] == [5]
    assert all(one.get_legend() is None for one in axes.values())
    plots.save(axes["one"], tmp_path / "panels.png")


def test_panels_that_say_different_things_keep_their_legends() -> None:
    axes = plots.panels(["one", "two", "three", "four"])
    p = np.linspace(0, 1, 100)
    for name, one in axes.items():
        plots.reliability_diagram({f"{name} local": (p, (p > 0.5) * 1.0)}, axes=one)
    figure = plots.together(axes)
    assert not figure.legends and all(one.get_legend() for one in axes.values())


def test_the_picture_is_drawn_from_held_out_rows(tmp_path: Path) -> None:
    named = heldout().assign(local_model="small", cloud_model="large")
    named.to_parquet(tmp_path / "rows.parquet")
    arguments = ("--rows", str(tmp_path / "rows.parquet"), "--out", str(tmp_path / "p.png"))
    code, said, _ = command("training", "picture", *arguments)
    assert code == 0
    assert said.splitlines() == ["clear: small against large", "lucky: small against large"]
    assert (tmp_path / "p.png").read_bytes()[:4] == b"\x89PNG"
    code, _, error = command("training", "picture", *arguments[:3], str(tmp_path / "no" / "p.png"))
    assert code == 1 and "could not be written" in error
