"""What people said as bets: a burst of requests is one act, whoever was asked about it."""

import pytest

from router.monitor.bets import Bet, by_acts
from router.monitor.constants import SITTING_S
from router.outcomes.queries import Rated


def bet(at: float, score: float = 1.0, asked_by: str = "app", audited: bool = True) -> Bet:
    said = Rated(
        decision=f"d{at}",
        group=f"d{at}",
        at=90_000.0 + at,
        key="owner",
        asked_at=at,
        asked_by=asked_by,
        source="user",
        score=score,
        p_local=0.5,
        p_final=0.5,
        agreement=None,
        audited=audited,
    )
    return Bet(p=0.5, score=score, weight=1.0, audited=audited, key="owner", about=(said,))


def test_audited_answers_of_one_burst_are_one_bet() -> None:
    (one,) = by_acts([bet(0.0), bet(60.0, 0.0), bet(120.0, 0.0), bet(180.0, 0.0)])
    assert one.score == pytest.approx(0.25) and len(one.about) == 4 and one.audited


def test_a_burst_ends_however_many_requests_come() -> None:
    steps = [bet(i * SITTING_S / 2) for i in range(9)]
    assert [len(one.about) for one in by_acts(steps)] == [3, 3, 3]


def test_audited_answers_to_different_askers_or_hours_are_bets_of_their_own() -> None:
    apart = [bet(0.0), bet(1.0, asked_by="other"), bet(2 * SITTING_S)]
    assert len(by_acts(apart)) == 3
    # All were rated in one go, which joins what a volunteer chose and nothing else.
    chosen = [bet(i * SITTING_S * 0.9, audited=False) for i in range(4)]
    assert len(by_acts(chosen)) == 1


def test_a_burst_that_is_rated_out_of_order_is_one_bet_too() -> None:
    assert len(by_acts([bet(200.0), bet(0.0), bet(100.0)])) == 1
