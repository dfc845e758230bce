from dataclasses import replace

import pytest

from router.decide.router import Router
from router.engine.constants import EXPLORED_AT_CUT, EXPLORED_FAR
from router.engine.exploring import exploration_of
from tests.servers.fixtures import Run
from tests.servers.running import EASY


def test_requests_near_the_cut_are_explored_more_and_none_never(router: Router) -> None:
    decision = replace(router.predict(EASY), threshold=0.3)
    shares = [
        exploration_of(0.02, 0.1, replace(decision, gain=gain)) for gain in (0.3, 0.4, 0.2, 0.9)
    ]
    assert shares[0] == pytest.approx(0.02 * EXPLORED_AT_CUT)
    assert shares[1] == pytest.approx(shares[2]) and shares[0] > shares[1] > shares[3]
    assert shares[3] == pytest.approx(0.02 * EXPLORED_FAR)
    endless = replace(decision, threshold=float("inf"))
    assert exploration_of(0.02, 0.1, endless) == pytest.approx(0.02 * EXPLORED_FAR)


def test_it_is_the_same_for_all_where_no_width_is_set_and_never_above_a_half(
    router: Router,
) -> None:
    decision = router.predict(EASY)
    assert exploration_of(0.02, 0.0, decision) == 0.02
    assert exploration_of(0.02, 0.1, None) == 0.02
    assert exploration_of(0.4, 0.1, replace(decision, gain=decision.threshold)) == 0.5
    assert exploration_of(0.0, 0.1, decision) == 0.0


def test_the_propensity_logged_is_the_one_drawn_with(run: Run) -> None:
    gateway = run(exploration=0.5, exploration_near=0.2)
    for _ in range(20):
        gateway.chat(EASY)
    rows = gateway.rows()
    distance = (rows[0]["gain"] - rows[0]["threshold"]) / 0.2
    share = EXPLORED_FAR + (EXPLORED_AT_CUT - EXPLORED_FAR) * 2.718281828 ** (-0.5 * distance**2)
    tried = min(0.5 * share, 0.5)
    for row in rows:
        expected = tried if row["explored"] else 1 - tried
        assert row["propensity"] == pytest.approx(expected)
