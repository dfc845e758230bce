"""The bundled log: that it is what its page says, and what can be asked of it."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import Engine, update

from router.decide.extractors import extractor_of
from router.errors import DataError, LogError
from router.labelling.probes import load_probes
from router.monitor.constants import MIN_EFFECTIVE_ROWS
from router.outcomes.tables import decisions
from router.registry.artifact import Artifact
from tests import ROOT
from training.data.log import Window, read_window
from training.data.sample import open_log
from training.evaluate.mistakes import mistakes
from training.evaluate.what_if import what_if

pytestmark = pytest.mark.slow

TRAFFIC = ROOT / "data" / "traffic"
MEASURED = json.loads((TRAFFIC / "measured.json").read_text())


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    opened = open_log(TRAFFIC)
    yield opened
    opened.dispose()


@pytest.fixture(scope="module")
def window(engine: Engine, shipped: Artifact) -> Window:
    return read_window(engine, extractor_of(shipped), since=0, until=2e9, maturity_s=86_400)


def test_the_log_holds_own_prompts_only(window: Window) -> None:
    own = {p.prompt for p in load_probes()}
    assert len(window) == MEASURED["logged"]
    assert set(window.frame["prompt"]) <= own
    assert set(window.frame["model"]) == {"smollm2-135m", "qwen2.5-coder-1.5b (stand-in)"}


def test_the_logged_propensities_are_those_of_its_exploration(window: Window) -> None:
    learned = window.frame[window.frame["rule"].isin(["learned", "exploration"])]
    explored = learned["explored"].astype(bool)
    assert set(learned.loc[explored, "propensity"]) == {0.2}
    assert set(learned.loc[~explored, "propensity"]) == {0.8}
    assert abs(explored.mean() - 0.2) < 0.07


def test_off_policy_estimates_agree_with_what_routing_showed(window: Window) -> None:
    """Nearly everything to the strong model: measured on held-out requests, estimated here."""
    (found,) = what_if(window, [0.0])
    assert found.share > 0.95
    strong = MEASURED["always strong"]
    assert found.quality is not None and found.quality.interval and found.usd is not None
    assert found.quality.low < strong[2] and found.quality.high > strong[1]
    assert found.quality.effective > MIN_EFFECTIVE_ROWS and found.usd.dr.value > 0


def test_another_model_can_be_asked_about(window: Window, shipped: Artifact) -> None:
    """The log's local model has 135M parameters; it was taken for one of 2B when it was written."""
    cut = float(window.frame["gain"].quantile(0.3))
    logged, again = what_if(window, [cut]), what_if(window, [cut], model=shipped)
    assert logged[0].share == pytest.approx(0.7, abs=0.01)
    assert again[0].share > 0.9


def test_a_log_without_exploration_is_refused(shipped: Artifact) -> None:
    sure = open_log(TRAFFIC)
    with sure.begin() as connection:
        connection.execute(update(decisions).values(propensity=1.0, explored=False))
    with pytest.raises(DataError, match="no exploration"):
        read = read_window(sure, extractor_of(shipped), since=0, until=2e9, maturity_s=86_400)
        what_if(read, [0.1])
    sure.dispose()


def test_mistakes_are_told_in_the_requests_own_words(window: Window) -> None:
    scores = {d: p for (d, tier), p in window.free.items() if tier == "local"}
    found = mistakes(window, pd.Series(scores))
    assert found == sorted(found, key=lambda m: -m.requests)
    assert any({"translate", "translation"} & set(m.words) and m.error < 0 for m in found)
    assert mistakes(window, pd.Series(dict.fromkeys(scores, np.nan))) == []


def test_what_is_no_dump_is_named(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="holds no dump"):
        open_log(tmp_path)
