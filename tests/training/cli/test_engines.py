"""Which engine a log is read by, and which options are of none."""

from pathlib import Path

import pytest
from sqlalchemy import insert

from router.decide.router import Router
from router.outcomes.tables import opinions
from router.settings import load_settings
from tests import ROOT
from tests.commands import command
from tests.training import logs
from training.cli.engines import over_log
from training.engine import choose
from training.run import asked_of_log

COUNT = 60


@pytest.mark.parametrize(
    ("most", "said"), [(COUNT + 1, "all in memory"), (COUNT, "in pieces")], ids=["short", "long"]
)
def test_where_no_engine_is_named_the_size_of_the_log_chooses_and_it_is_said(
    most: int, said: str, router: Router, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = logs.log(tmp_path, router, logs.prompts(COUNT), logs.contrary, rated=False)
    with engine.begin() as connection:
        connection.execute(insert(opinions), [logs.opinion(i, 0.5) for i in range(COUNT)])
    settings = load_settings(models_dir=ROOT / "models", log_url=str(engine.url))
    monkeypatch.setattr(choose, "MEMORY_REQUESTS", most)
    steps: list[str] = []
    with over_log("auto", None, None, tmp_path / "work") as over:
        (found,) = asked_of_log(settings, [1.0], over=over, progress=steps.append)
    assert found.rows == COUNT
    assert steps[1] == f"reading the log, {said}"
    assert (tmp_path / "work").exists() == (said == "in pieces")


FIT = ("training", "fit", "--data", "data/everyday", "--base", "none", "--out", "models")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("router", "learn", "--address", "auto"), "--address is that of a Ray cluster; add"),
        (("router", "what-if", "--engine", "memory", "--address", "ray:1"), "add --engine ray."),
        (("router", "what-if", "--engine", "local", "--jobs", "3"), "--jobs is how many processes"),
        (("router", "learn", "--engine", "memory", "--work", "w"), "--work is a folder for pieces"),
        ((*FIT, "--address", "auto"), "--address is that of a Ray cluster; add --engine ray."),
        ((*FIT, "--engine", "local", "--jobs", "3"), "--jobs is how many processes a new Ray has"),
        ((*FIT, "--work", "w"), "--work is a folder for pieces; add --engine local"),
        (
            ("router", "learn", "--engine", "ray", "--jobs", "3", "--address", "auto"),
            "--jobs is of a new Ray, --address of one that runs; leave one out.",
        ),
    ],
)
def test_an_option_that_the_engine_would_not_heed_is_refused(
    arguments: tuple[str, ...], sentence: str, tmp_path: Path
) -> None:
    code, out, err = command(*arguments, cwd=tmp_path)
    assert (code, out) == (1, "") and sentence in err
    assert list(tmp_path.iterdir()) == []
