from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from router.errors import DataError
from router.registry.ability import normalised
from router.registry.artifact import Artifact
from tests.conftest import EVERYDAY
from training.bench.answers import bench_answers
from training.bench.heldout import characters_in, folds_of, heldout_rows
from training.bench.prompts import (
    WORKS,
    base_for,
    bench,
    load_training_set,
    task_of,
    works_in,
)
from training.bench.unmeasured import run_unmeasured, without
from training.data.dataset import Dataset
from training.data.readers import read
from training.data.splits import group_folds
from training.report import tables as report

pytestmark = pytest.mark.slow


def write_source(folder: Path, rows: pd.DataFrame, source: str) -> None:
    prompts = rows.drop_duplicates("prompt_id").rename(columns={"group": "qkey"})
    prompts = prompts[["prompt_id", "qkey", "category", "prompt"]].assign(source=source)
    prompts.to_parquet(folder / f"{source}.prompts.parquet")
    outcomes = rows[["prompt_id", "tier", "model", "score"]]
    outcomes.to_parquet(folder / f"{source}.outcomes.parquet")


@pytest.fixture()
def folder(tmp_path: Path, small: Dataset) -> Path:
    """Two sources that share a tenth of their groups; one carries the names of a known work."""
    groups = small.rows["group"].unique()
    first = small.rows["group"].isin(groups[:220])
    second = small.rows["group"].isin(groups[200:])
    names = {"llama3.1:8b": WORKS[2].local, "claude-sonnet-5-5": WORKS[2].cloud}
    write_source(tmp_path, small.rows[first].replace({"model": names}), "ZeroEval")
    other = small.rows[second].assign(prompt_id="o" + small.rows["prompt_id"])
    write_source(tmp_path, other, "mine")
    return tmp_path


@pytest.fixture()
def two_folds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every split into folds, that of a fit too, into two: what a fold does, two of them show."""

    def halves(groups: Any, folds: int, rng: np.random.Generator) -> Any:
        return group_folds(groups, min(folds, 2), rng)

    for module in ("bench.prompts", "bench.everyday", "fit.head"):
        monkeypatch.setattr(f"training.{module}.group_folds", halves)


@pytest.fixture()
def some_everyday(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A third of the graded prompts, every kind among them."""
    folder = tmp_path_factory.mktemp("everyday")
    lines = (EVERYDAY / "written.jsonl").read_text().splitlines(keepends=True)
    (folder / "written.jsonl").write_text("".join(lines[::3]))
    return folder


def test_bench_runs_every_method_on_known_and_unknown_sources(
    folder: Path, shipped: Artifact, some_everyday: Path, two_folds: None
) -> None:
    result = bench(folder, shipped, seeds=2, jobs=1, everyday=some_everyday)
    assert list(result["works"]) == ["ZeroEval", "mine"]
    for work in result["works"].values():
        methods = work["methods"]
        apgr = {m: v["apgr"]["value"] for m, v in methods.items()}
        assert {"router", "router with base", "router, 0 labels", "prompt length"} <= set(apgr)
        assert apgr["oracle"] > apgr["router"] > apgr["random"]
        for value in methods["router"].values():
            assert value["low"] <= value["value"] <= value["high"]
    assert result["everyday"]["auc"]["mean of folds"]["value"] > 0.85
    console = Console(record=True, width=140)
    report.bench(console, result)
    text = console.export_text()
    assert "router with base" in text
    assert "ZeroEval" in text


def test_base_shares_no_group_with_the_target(folder: Path, shipped: Artifact) -> None:
    known = load_training_set(folder, shipped)
    works = works_in(known.data.rows)
    assert base_for(works[0], known) is not None
    # Nothing is left for a base when the other source holds the same groups.
    alone = known.data.rows.assign(group="one")
    same = replace(known, data=Dataset(alone))
    assert base_for(works[0], same) is None


def test_task_pairs_both_outcomes(folder: Path, shipped: Artifact) -> None:
    known = load_training_set(folder, shipped)
    task, at = task_of(works_in(known.data.rows)[0], known)
    assert len(task.local) == len(task.cloud) == len(at) == len(task.prompts)
    prompts = known.data.prompts["prompt"].to_numpy()
    assert [prompts[i] for i in at[:5]] == list(task.prompts[:5])
    assert np.isin(task.local, [0, 1]).all()


def test_one_tier_only_is_an_error(small: Dataset) -> None:
    with pytest.raises(DataError, match="both tiers"):
        works_in(small.rows[small.rows["tier"] == "local"])


def write_answers(folder: Path, rows: pd.DataFrame, source: str, seed: int) -> None:
    """Numbers that are right as often as the scores say."""
    rng = np.random.default_rng(seed)
    local = rows[rows["tier"] == "local"]
    truth = {p: int(rng.integers(1, 10**6)) for p in local["prompt_id"].unique()}
    texts = [
        f"We get {truth[p] if good else int(rng.integers(1, 10**6))}."
        for p, good in zip(local["prompt_id"], local["score"], strict=True)
    ]
    local[["prompt_id", "model"]].assign(text=texts).to_parquet(
        folder / f"{source}.answers.parquet"
    )


def test_looking_is_judged_on_any_source_with_answers(folder: Path, shipped: Artifact) -> None:
    data = read(folder)
    for seed, source in enumerate(("ZeroEval", "mine")):
        write_answers(folder, data.rows[data.rows["source"] == source], source, seed)
    result = bench_answers(folder, shipped, seeds=1, jobs=1)
    assert len(result["protocols"]) == 4 and len(result["transfer"]) == 2
    alone, asked = (
        next(
            m for name, m in result["protocols"].items() if name.startswith("mine") and end in name
        )
        for end in ("alone", "gemma")
    )
    assert asked["verifier"]["auc"]["value"] > alone["verifier"]["auc"]["value"]
    moved = next(iter(result["transfer"].values()))
    assert {"no label", "50 labels", "prompt from agreement labels"} <= set(moved)
    acts = next(iter(result["acts"].values()))
    assert acts["three acts at 0.05, 30% cloud"]["looks"]["value"] < 1
    console = Console(width=200, record=True, quiet=True)
    report.look(console, result)


def test_an_unmeasured_model_is_judged_as_if_never_seen(folder: Path, shipped: Artifact) -> None:
    rows = run_unmeasured(folder, shipped)
    assert {r["source"] for r in rows} == {"ZeroEval", "mine"}
    for row in rows:
        assert normalised(row["model"]) not in {
            normalised(k) for k in without(shipped, row["model"]).manifest["models"]["local"]
        }
        for side in ("right", "wrong"):
            assert 0 <= row[f"{side} sent, burden"] <= row[f"{side} sent, estimate"] <= 1


def test_held_out_rows_have_every_prompt_of_every_work_and_no_text(
    folder: Path, shipped: Artifact, two_folds: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.bench.heldout.FOLDS", 2)
    path = folder / "mine.outcomes.parquet"
    outcomes = pd.read_parquet(path)
    outcomes["output_chars"] = np.where(outcomes["tier"] == "cloud", 800.0, 100.0)
    outcomes.to_parquet(path)
    tools = pd.read_parquet(folder / "mine.prompts.parquet").assign(tools='[{"name": "f"}]')
    tools.to_parquet(folder / "mine.prompts.parquet")
    known = load_training_set(folder, shipped)
    folds, lengths = folds_of(known, 0), characters_in(folder)
    by_group = known.data.prompts.assign(fold=folds).groupby("group")["fold"].nunique()
    assert by_group.eq(1).all()
    first, second = (
        heldout_rows(work, known, folds, lengths, 0) for work in works_in(known.data.rows)
    )
    assert first["source"].eq("ZeroEval").all() and first["answer_chars"].isna().all()
    assert second["answer_chars"].eq(800.0).all()
    asked = known.data.prompts.loc[known.data.prompts["source"] == "mine", "prompt"].str.len()
    assert second["prompt_chars"].sum() == asked.sum() + len('[{"name": "f"}]') * len(asked)
    assert {"kNN", "TF-IDF + logistic", "prompt length"} <= set(first)
    assert not any("prompt" in name and name not in ALLOWED for name in first)
    # What was predicted of a fold does not change when all its outcomes do.
    rows = known.data.rows.copy()
    mine = set(known.data.prompts["prompt_id"][folds == 0])
    turned = rows["prompt_id"].isin(mine)
    rows.loc[turned, "score"] = 1 - rows.loc[turned, "score"]
    other = replace(known, data=Dataset(rows))
    again = heldout_rows(works_in(rows)[1], other, folds, lengths, 0)
    predicted = ["p_local", "p_cloud", "kNN", "TF-IDF + logistic"]
    held = again["fold"] == 0
    assert again.loc[held, predicted].equals(second.loc[held, predicted])
    assert not again.loc[~held, predicted].equals(second.loc[~held, predicted])


ALLOWED = ("prompt_chars", "prompt length")
