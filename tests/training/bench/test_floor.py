import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from router.promise import Known
from training.bench import floor as bench
from training.bench.floor import kept, run_floors, world_of
from training.report import tables as report


def world(count: int = 4000) -> Known:
    rng = np.random.default_rng(0)
    gain = rng.uniform(-0.1, 0.7, count)
    local = (rng.random(count) < np.clip(0.85 - gain, 0, 1)) * 1.0
    return Known(gain, local, (rng.random(count) < 0.9) * 1.0, "drawn")


def test_the_promise_is_kept_where_the_average_breaks_it_in_every_second_sample() -> None:
    found = kept(world(), 0.95, 300, np.random.default_rng(1), draws=200)
    assert found["broken"] <= 0.05 and found["refused"] == 0
    assert 0.25 < found["broken on average"] < 0.75
    assert found["best"] < found["share"] < 1
    assert abs(found["share on average"] - found["best"]) < 0.1


def test_too_few_labels_are_refused_and_break_nothing() -> None:
    found = kept(world(), 0.95, 40, np.random.default_rng(2), draws=50)
    assert found["refused"] == 1.0 and found["broken"] == 0.0
    assert found["share"] == pytest.approx(1.0)


def test_a_group_counts_once() -> None:
    rows = pd.DataFrame(
        {
            "group": [1, 1, 2],
            "p_local": [0.2, 0.4, 0.9],
            "p_cloud": 0.9,
            "local": [0.0, 1.0, 1.0],
            "cloud": 1.0,
        }
    )
    known = world_of(rows)
    assert known.gain.tolist() == pytest.approx([0.6, 0.0])
    assert known.local.tolist() == [0.5, 1.0]


def test_every_source_floor_and_number_of_labels_is_a_row_of_the_table(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bench, "FLOOR_LABELS", (100, 1000, 10_000))
    monkeypatch.setattr(bench, "FLOORS", (0.9,))
    known = world(2000)
    rows = pd.DataFrame(
        {
            "source": "mine",
            "group": np.arange(2000),
            "p_local": 0.5 - known.gain / 2,
            "p_cloud": 0.5 + known.gain / 2,
            "local": known.local,
            "cloud": known.cloud,
        }
    )
    found = run_floors(rows, draws=20)
    assert [(r["source"], r["labels"]) for r in found] == [("mine", 100), ("mine", 1000)]
    console = Console(record=True, width=120)
    report.floors(console, found)
    assert "mine" in console.export_text()
