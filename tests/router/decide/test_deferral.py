"""When to look, and when to read on."""

import numpy as np
import pytest

from router.answers.constants import MARKS
from router.decide.deferral import (
    FROM_PROMPT,
    TO_ANSWER,
    TO_BEGINNING,
    completed,
    pays_to_read_on,
    values_of_reading_on,
)
from router.registry.artifact import GRID, MOVES, TABLES
from router.types import FloatArray


def tables(*spreads: float) -> FloatArray:
    """Tables of looks whose moves have these spreads everywhere."""
    even = np.linspace(-1.0, 1.0, MOVES)
    return np.array([np.broadcast_to(s * even, (GRID, GRID, MOVES)) for s in spreads])


def values(look: FloatArray, at: int, p_local: float = 0.6, p_cloud: float = 0.8) -> FloatArray:
    one = (np.array([p]) for p in (p_local, p_cloud, 0.3))
    return values_of_reading_on(look, at, *one)[:, 0]


TAUGHT = tables(0.9, 0.6, 0.3, 0.4, 0.5, 0.6)


def test_a_longer_beginning_is_worth_more() -> None:
    found = values(TAUGHT, 0)
    assert len(found) == len(MARKS)
    assert 0 < found[0] < found[1] < found[2]


def test_what_was_read_is_no_news() -> None:
    anew, again = values(TAUGHT, 0), values(TAUGHT, 1)
    assert len(again) == len(MARKS) - 1
    assert all(0 < later < first for later, first in zip(again, anew[1:], strict=True))
    assert values(tables(0.9, 0.6, 0.4, 0.4, 0.4, 0.4), 1) == pytest.approx(0.0)
    assert len(values(TAUGHT, len(MARKS))) == 0


def test_where_nothing_can_change_the_decision_nothing_is_worth_reading() -> None:
    assert values(TAUGHT, 0, p_local=0.99, p_cloud=0.2).max() == 0


@pytest.mark.parametrize(
    ("reach", "price", "holds"),
    [
        (0.0, 0.02, False),  # nobody waits
        (100.0, 0.02, False),  # the first mark does not come in time
        (130.0, 0.02, True),
        (130.0, 0.5, False),  # it costs more than it brings
        (1e9, 0.5, True),  # who waits for ever pays nothing
    ],
)
def test_reading_on_must_come_in_time_and_be_worth_its_price(
    reach: float, price: float, holds: bool
) -> None:
    found = values(TAUGHT, 0)[:, None]
    assert pays_to_read_on(found, 0, reach, price).tolist() == [holds]


def test_a_version_that_was_taught_by_beginnings_keeps_its_tables() -> None:
    assert completed(TAUGHT) is TAUGHT


def test_tables_that_are_missing_follow_from_those_that_are_there() -> None:
    """What the answer alone shows is what both show, without what the opinion adds to it."""
    found = completed(tables(0.5, 0.3))
    assert len(found) == TABLES[-1]
    spread = np.sqrt((found**2).mean(axis=(1, 2, 3)))
    assert spread[TO_ANSWER] / spread[FROM_PROMPT] == pytest.approx(0.8)  # .5^2 - .3^2 = .4^2
    assert all(np.diff(spread[TO_BEGINNING:]) > 0)
    assert not completed(tables(0.3, 0.5))[TO_BEGINNING:].any()
