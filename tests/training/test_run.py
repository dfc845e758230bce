"""What is asked of a whole log: refusals come from counts, and large logs are read in pieces."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine, event, insert

from router.decide.extractors import extractor_of
from router.decide.router import Router
from router.errors import DataError, TrainingError
from router.outcomes.faults import Fault
from router.outcomes.tables import decisions, feedback, opinions
from router.registry.artifact import Artifact
from router.settings import Settings, load_settings
from router.text.features import FeatureExtractor
from tests import ROOT
from tests.training import logs
from training.data import log as reading
from training.data.log import read_window
from training.evaluate.what_if import check_answerable
from training.pipelines.learn import check_learnable
from training.run import asked_of_log, train_on_log

DAY = 86_400.0
TEXTS = logs.prompts(60)
END = logs.START + 600.0 * len(TEXTS)  # less than a day after the first: nothing counts as quiet


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(
        models_dir=ROOT / "models", log_url=f"sqlite:///{tmp_path / 'outcomes.db'}"
    )


@pytest.fixture
def unlabelled(tmp_path: Path, router: Router) -> Engine:
    return logs.log(tmp_path, router, TEXTS, logs.contrary, rated=False)


@pytest.fixture
def asked() -> Iterator[list[str]]:
    """Every statement that is run on any database."""
    statements: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        statements.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    yield statements
    event.remove(Engine, "before_cursor_execute", note)


def texts_read(statements: list[str]) -> list[str]:
    """Statements that take words of requests out of the log, not just ask whether there are any."""
    return [s for s in statements if re.search(r"decisions\.request\b(?! IS)", s)]


def add(engine: Engine, table: Any, rows: list[dict[str, Any]]) -> None:
    with engine.begin() as connection:
        connection.execute(insert(table), rows)


def change(engine: Engine, **values: Any) -> None:
    with engine.begin() as connection:
        connection.execute(decisions.update().values(**values))


def learnable(engine: Engine, until: float = END) -> None:
    check_learnable(engine, since=0.0, until=until, maturity_s=DAY)


def test_what_if_without_labels_is_refused_without_reading_any_text(
    unlabelled: Engine, settings: Settings, asked: list[str]
) -> None:
    with pytest.raises(DataError, match="a propensity and a label; collect some: router study"):
        asked_of_log(settings, [0.1])
    assert any("decisions" in s for s in asked) and not texts_read(asked)


def test_what_if_without_exploration_is_refused_without_reading_any_text(
    unlabelled: Engine, settings: Settings, asked: list[str]
) -> None:
    add(unlabelled, opinions, [logs.opinion(i, 0.5) for i in range(len(TEXTS))])
    with pytest.raises(DataError, match="holds no exploration"):
        asked_of_log(settings, [-1.0])
    assert not texts_read(asked)


def test_what_if_of_the_policy_that_served_needs_no_exploration(
    unlabelled: Engine, settings: Settings, asked: list[str]
) -> None:
    add(unlabelled, opinions, [logs.opinion(i, 0.5) for i in range(len(TEXTS))])
    (found,) = asked_of_log(settings, [1.0])
    assert found.share == 0.0 and texts_read(asked)


def test_what_if_on_a_log_without_words_or_features_says_so(
    unlabelled: Engine, settings: Settings
) -> None:
    change(unlabelled, request=None)
    with pytest.raises(DataError, match="left words or features; let the gateway serve some"):
        asked_of_log(settings, [0.1])


@pytest.mark.parametrize("signal", ["feedback", "opinion", "fault", "asked again"])
def test_whatever_may_be_a_label_passes_the_counts_of_what_if(
    signal: str, unlabelled: Engine, router: Router
) -> None:
    if signal == "feedback":
        add(unlabelled, feedback, [logs.said(3, 1.0)])
    elif signal == "opinion":
        add(unlabelled, opinions, [logs.opinion(3, 0.5)])
    elif signal == "fault":
        change(unlabelled, checks=f'["{Fault.CUT_OFF}"]')
    else:
        again = {"rule": "explicit", "tier": "cloud", "at": logs.START + 300.0}
        add(unlabelled, decisions, [logs.decision(router, 900, TEXTS[0], **again)])
    check_answerable(unlabelled, [1.0], since=0.0, until=END, as_logged=True)


def test_too_few_labels_are_counted_before_any_feature_is_made(
    unlabelled: Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(self: FeatureExtractor, requests: Any) -> None:
        raise AssertionError("features were made of a log that gives no label")

    monkeypatch.setattr(FeatureExtractor, "extract", never)
    add(unlabelled, opinions, [logs.opinion(3, 0.5)])
    with pytest.raises(TrainingError, match=r"gives 2 labels .* 20 are needed; collect some"):
        train_on_log(settings, since=0, until=END)
    with pytest.raises(TrainingError, match="holds no request that can be learned from"):
        train_on_log(settings, since=0, until=logs.START)


@pytest.mark.parametrize("signal", ["feedback", "opinion", "fault"])
def test_what_can_be_learned_from_passes_by_counts_alone(
    signal: str, unlabelled: Engine, asked: list[str]
) -> None:
    if signal == "feedback":
        add(unlabelled, feedback, [logs.said(i, 1.0) for i in range(20)])
    elif signal == "opinion":
        add(unlabelled, opinions, [logs.opinion(i, 0.5) for i in range(10)])  # on either tier
    else:
        change(unlabelled, checks=f'["{Fault.EMPTY}"]')
    learnable(unlabelled)
    assert not texts_read(asked)


def test_repeated_requests_are_labels_that_no_count_shows(
    unlabelled: Engine, router: Router
) -> None:
    add(unlabelled, feedback, [logs.said(5, 0.0)])

    def again(numbers: range) -> list[dict[str, Any]]:
        return [
            logs.decision(router, 900 + i, TEXTS[i], at=logs.START + 600.0 * i + 300)
            for i in numbers
        ]

    add(unlabelled, decisions, again(range(18)))
    with pytest.raises(TrainingError, match="gives 19 labels"):
        learnable(unlabelled)
    add(unlabelled, decisions, again(range(18, 19)))
    learnable(unlabelled)


def test_a_window_is_the_same_read_whole_or_in_pieces(
    unlabelled: Engine, shipped: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(**more: Any) -> Any:
        extractor = extractor_of(shipped)
        return read_window(unlabelled, extractor, since=0, until=END, maturity_s=DAY, **more)

    add(unlabelled, feedback, [logs.said(i, 1.0) for i in range(9)])
    whole = read()
    monkeypatch.setattr(reading, "_PIECE", 7)
    pieces = read(texts=False)
    assert len(pieces) == len(TEXTS) and pieces.digest == whole.digest
    assert pieces.signals == whole.signals
    assert np.allclose(pieces.features.embedding, whole.features.embedding, atol=1e-6)
    assert pieces.features.words.flat.tolist() == whole.features.words.flat.tolist()
    assert set(whole.frame["prompt"]) == set(TEXTS) and set(pieces.frame["prompt"]) == {""}
