"""Learning from the log's own export, which has one answer a request."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Engine, insert

from router.decide.router import Router
from router.errors import DataError
from router.outcomes import export
from router.outcomes.database import open_database
from router.outcomes.tables import decisions, feedback
from router.registry.artifact import Artifact
from tests import ROOT
from tests.commands import command
from tests.training import logs
from training.data.dataset import Dataset
from training.data.readers import read
from training.evaluate.one_tier import evaluate_one_tier
from training.pipelines.prompts import Trained, train

pytestmark = pytest.mark.slow
REQUESTS, EXPLORED = 520, 0.5


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory, router: Router) -> Iterator[Engine]:
    """Requests that a threshold decided on, half explored, nine in ten rated."""
    opened = open_database(f"sqlite:///{tmp_path_factory.mktemp('log') / 'outcomes.db'}")
    rng = np.random.default_rng(0)
    rows, said = [], []
    for number, text in enumerate(logs.prompts(REQUESTS)):
        explored = bool(rng.random() < EXPLORED)
        planned = router.predict(text).tier == "cloud"
        cloud = planned ^ explored
        more = {
            "tier": "cloud" if cloud else "local",
            "model": logs.CLOUD if cloud else logs.LOCAL,
            "rule": "exploration" if explored else "learned",
            "explored": explored,
            "propensity": EXPLORED if explored else 1 - EXPLORED,
            "cost_usd": 0.01 if cloud else 0.0,
            "max_tokens": 100,
            "latency_s": 1.5,
        }
        rows.append(logs.decision(router, number, text, **more))
        good = 0.95 if cloud else logs.contrary(text)
        if number % 10:
            said.append(logs.said(number, float(rng.random() < good)))
    with opened.begin() as connection:
        connection.execute(insert(decisions), rows)
        connection.execute(insert(feedback), said)
    yield opened
    opened.dispose()


@pytest.fixture(scope="module")
def exported(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("export") / "outcomes.parquet"
    assert export.write(export.outcomes(engine), out) == REQUESTS
    return out


@pytest.fixture(scope="module")
def learned(exported: Path, shipped: Artifact) -> Trained:
    return train(read(exported), None, base=shipped, version_name="of-log")


@pytest.mark.parametrize("suffix", [".parquet", ".jsonl", ".csv"])
def test_an_export_tells_how_each_answer_came_about(
    engine: Engine, suffix: str, tmp_path: Path
) -> None:
    out = tmp_path / f"outcomes{suffix}"
    export.write(export.outcomes(engine), out)
    data = read(out)
    assert data.log is not None and len(data.log) == REQUESTS
    assert len(data) == REQUESTS * 9 // 10 and data.rows["score"].notna().all()
    assert set(data.log["propensity"].round(2)) == {EXPLORED}
    found = next(iter(export.outcomes(engine)))
    assert (found["max_tokens"], found["latency_s"]) == (100, 1.5)


def test_a_fit_on_a_log_is_judged_by_later_requests(learned: Trained, exported: Path) -> None:
    data, found = read(exported), learned.one_tier
    assert found is not None and learned.judged and not learned.evaluation.rows
    rows, local = found.heads["local"]
    assert 20 <= rows < REQUESTS / 4
    assert local["auc"].low <= local["auc"].value <= local["auc"].high
    assert 0 <= local["ece"].value < 1
    for one in (found.served, found.policy):
        assert one is not None and one.usd is not None and one.quality is not None
        assert 20 < one.rows <= REQUESTS / 4 and not one.quality.interval  # a tenth is not rated
        assert one.quality.low < 0.85 < one.quality.high
    later = evaluate_one_tier(learned.artifact, data)  # of a version: what it has not seen
    assert later.heads["local"][0] == rows
    assert later.heads["local"][1]["auc"].value == pytest.approx(local["auc"].value, abs=1e-6)


def test_what_one_tier_cannot_tell_is_said(learned: Trained) -> None:
    assert learned.one_tier is not None
    said = " ".join(learned.one_tier.missing)
    assert "APGR" in said and "router judge --random" in said
    assert learned.artifact.manifest["metrics"]["one_tier"]["missing"]


def test_few_ratings_are_no_evaluation(exported: Path, shipped: Artifact) -> None:
    data = read(exported)
    few = train(Dataset(data.rows[:30], {}, data.log), None, base=shipped)
    assert not few.judged
    assert few.one_tier is not None and "20 are needed" in few.one_tier.missing[0]


def test_a_log_without_any_rating_is_refused_in_words(engine: Engine, tmp_path: Path) -> None:
    out = tmp_path / "outcomes.jsonl"
    export.write(({**row, "score": None} for row in export.outcomes(engine)), out)
    with pytest.raises(DataError, match="holds 520 answers and no rating; rate some"):
        read(out)


def test_the_commands_report_it_and_save_nothing_that_was_not_judged(
    exported: Path, engine: Engine, tmp_path: Path
) -> None:
    data = ("--data", str(exported))
    given = (
        "fit",
        "--base",
        str(ROOT / "models" / "default-3"),
        "--out",
        str(tmp_path / "m"),
        "--no-track",
    )
    code, out, err = command("training", *given, *data, "--name", "one")
    assert code == 0, err
    assert "Each head on later answers" in out and "Missing: Quality at equal cost" in out
    code, out, err = command("training", "evaluate", "--model", str(tmp_path / "m" / "one"), *data)
    assert code == 0 and "Each head on later answers" in out, err
    few = tmp_path / "few.jsonl"
    rows = list(export.outcomes(engine))
    for row in rows[40:]:
        row["score"] = None
    export.write(rows, few)
    code, out, err = command("training", *given, "--data", str(few), "--name", "two")
    assert code == 1 and "nothing was saved (--unjudged does)" in err
    assert not (tmp_path / "m" / "two").exists()
