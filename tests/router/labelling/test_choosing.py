"""Which requests a night's study begins with."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from router.decide.after import AgreementLabel
from router.decide.router import Router
from router.labelling import logged
from router.labelling.choosing import effort, worth_of_study
from router.outcomes import queries
from router.outcomes.queries import Logged
from tests.training import logs


@pytest.fixture
def answered(tmp_path: Path, router: Router) -> list[Logged]:
    """Six requests that the router is equally unsure of."""
    engine = logs.log(tmp_path, router, logs.prompts(6), logs.contrary, rated=False)
    same = {"p_local": 0.5, "p_cloud": 0.75, "threshold": 0.25, "local": "x" * 500}
    names = [name for piece in queries.unstudied(engine) for name in piece.ids]
    return [replace(one, **same) for one in queries.with_words(engine, names)]


def first(router: Router, found: list[Logged]) -> str:
    return logged.to_study(logged.considered(router, found), {})[0]


def test_cheap_questions_come_first(router: Router, answered: list[Logged]) -> None:
    long = [replace(one, local="x" * 5000) for one in answered]
    assert first(router, [*long[:3], answered[3], *long[4:]]) == answered[3].id
    absent = [replace(one, local=None, cloud="x" * 2000) for one in answered]
    assert first(router, [*absent[:4], answered[4], *absent[5:]]) == answered[4].id


def test_near_the_cut_and_where_the_other_tier_was_tried(
    router: Router, answered: list[Logged]
) -> None:
    far = [replace(one, threshold=0.9) for one in answered]
    assert first(router, [*far[:2], answered[2], *far[3:]]) == answered[2].id
    tried = [*answered[:5], replace(answered[5], explored=True)]
    assert first(router, tried) == answered[5].id


def test_kinds_with_few_labels_are_preferred() -> None:
    kinds = ["code", "text", "number"]
    value = worth_of_study(np.ones(3), np.zeros(3), kinds, {"text": 500, "code": 20})
    assert np.argsort(-value).tolist() == [2, 0, 1]


def test_what_was_studied_or_passed_is_not_asked_again(tmp_path: Path, router: Router) -> None:
    engine = logs.log(tmp_path, router, logs.prompts(6), logs.contrary, rated=False)
    every = logged.waiting(engine, router, ())
    assert (len(every.first), every.count) == (6, 6)
    one, two, *others = every.first
    label = AgreementLabel(
        agreement={}, p_local=0.5, p_cloud=0.5, weight=1.0, alone=(0.5, 0.5), strangers=(0.5, 0.5)
    )
    given = queries.opinion_on(
        one, local_model="a", model="b", answer=None, label=label, version="v"
    )
    queries.store(engine, given)
    left = logged.waiting(engine, router, {two})
    assert set(left.first) == set(others) and left.count == 4
    assert [x.id for x in queries.last_studied(engine, 5)] == [one]


def test_of_a_long_log_those_that_promise_most_are_looked_at(
    tmp_path: Path, router: Router, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = logs.log(tmp_path, router, logs.prompts(6), logs.contrary, rated=False)
    monkeypatch.setattr(logged, "CONSIDERED", 2)
    few = logged.waiting(engine, router, ())
    assert (len(few.first), few.count) == (2, 6)
    next_ones = logged.waiting(engine, router, few.looked_at)
    assert not set(next_ones.first) & set(few.first) and next_ones.count == 4


def test_writing_costs_more_than_reading_and_the_unknown_a_usual_answer() -> None:
    cost = effort(np.array([0.0, 4000.0, 0.0, 0.0]), np.array([1000.0, 1000.0, 5000.0, np.nan]))
    assert cost[0] < cost[1] < cost[2] and cost[3] == cost[0] == 1.0
