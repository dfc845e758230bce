"""What a person watches of the log, on both databases."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine, insert

from router.outcomes import live
from router.outcomes.budget import Caps, Standing, settled_usd, standings
from router.outcomes.database import open_database
from router.outcomes.tables import decisions, feedback, reservations
from tests.servers.postgres import database

DAY_S = 86_400
NOON = 1_795_003_200.0  # a UTC noon


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An empty log."""
    if request.param == "sqlite":
        made = open_database(f"sqlite:///{tmp_path / 'o.db'}")
        yield made
        made.dispose()
        return
    with database(request.getfixturevalue("postgres_url"), f"live_{uuid4().hex}") as url:
        made = open_database(url)
        yield made
        made.dispose()


def row(at: float, **more: Any) -> dict[str, Any]:
    return {
        "id": f"d{at:.3f}",
        "at": at,
        "api": "openai",
        "stream": False,
        "rule": "learned",
        "reason": "",
        "tier": "local",
        "explored": False,
        "escalated": False,
        "status": 200,
        "p_local": 0.8,
        "p_cloud": 0.9,
        "gain": 0.1,
        "propensity": 0.95,
        "latency_s": 0.5,
        **more,
    }


def put(engine: Engine, *rows: dict[str, Any]) -> None:
    with engine.begin() as connection:
        for one in rows:
            connection.execute(insert(decisions).values(**one))


def test_requests_are_counted_in_the_bar_they_came_in(engine: Engine) -> None:
    cloud = {"tier": "cloud", "cost_usd": 0.25}
    put(
        engine,
        *(row(NOON + at) for at in (0.0, 0.4, 9.9, 10.1, 39.9)),
        row(NOON + 15, **cloud),
        row(NOON + 25, tier="local", status=503),
        row(NOON + 26, tier=None, status=400),
        row(NOON - 1),
        row(NOON + 40),
    )
    found = live.traffic(engine, NOON, NOON + 40, 4)
    assert (found.local, found.cloud, found.none) == ([3, 1, 0, 1], [0, 1, 0, 0], [0, 0, 2, 0])
    assert (found.since, found.width_s, found.usd) == (NOON, 10.0, [0.0, 0.25, 0.0, 0.0])


def test_the_last_requests_come_with_their_ratings_and_without_private_words(
    engine: Engine,
) -> None:
    words = json.dumps({"messages": [{"role": "user", "content": "Hi."}]})
    kept = {"request": words, "answer": "x" * 30_000, "local_answer": "no"}
    put(
        engine,
        row(NOON, key="a", **kept),
        row(NOON + 1, key="b", private_kinds='["email"]', **kept),
        row(NOON + 2, key="b", request=json.dumps({"messages": [], "user": "y" * 1_000_000})),
    )
    said = {"decision_id": f"d{NOON:.3f}", "at": NOON, "source": "user"}
    with engine.begin() as connection:
        connection.execute(insert(feedback).values(**said, score=1.0))
        connection.execute(insert(feedback).values(**said, score=0.0))
        judged = {**said, "source": "judge", "tier": "local"}
        connection.execute(insert(feedback).values(**judged, score=1.0))
    long, private, plain = live.last_seen(engine, 5)
    assert [one.at - NOON for one in (long, private, plain)] == [2, 1, 0]
    assert (plain.rating, plain.rated_as, long.rating) == (0.0, "user", None)
    assert (plain.request, plain.answer) == (None, None)
    assert [one.kept for one in (long, private, plain)] == [False, False, True]
    every = [long.id, private.id, plain.id]
    assert live.requests_of(engine, every) == {plain.id: words}
    assert [one.key for one in live.last_seen(engine, 5, "b")] == ["b", "b"]
    assert len(live.last_seen(engine, 1)) == 1
    whole = live.seen(engine, plain.id)
    assert whole is not None and whole.answer is not None
    assert (len(whole.answer), whole.local_answer, whole.request) == (20_000, "no", words)
    hidden = live.seen(engine, private.id)
    assert hidden is not None
    assert (hidden.request, hidden.answer, hidden.local_answer) == (None, None, None)
    assert live.seen(engine, "none") is None


def test_choices_are_the_models_own_and_ratings_belong_to_their_tier(engine: Engine) -> None:
    put(
        engine,
        row(NOON),
        row(NOON + 1, rule="explicit"),
        row(NOON + 2, rule="exploration", tier="cloud", propensity=0.05, cost_usd=0.01),
        row(NOON + 3, status=500),
        row(NOON - 10),
    )
    found = live.choices(engine, NOON, 10)
    assert [(one.tier, one.cost_usd) for one in found] == [("cloud", 0.01), ("local", 0.0)]
    assert len(live.choices(engine, 0.0, 2)) == 2
    local, cloud = f"d{NOON:.3f}", f"d{NOON + 2:.3f}"
    about = [(local, 1.0, None), (local, 0.0, "cloud"), (cloud, 0.5, None), (cloud, 0.0, "local")]
    with engine.begin() as connection:
        for name, score, tier in about:
            said = {"decision_id": name, "at": NOON, "source": "user", "score": score, "tier": tier}
            connection.execute(insert(feedback).values(**said))
    assert live.scores_of(engine, [local, cloud, "none"]) == {local: 1.0, cloud: 0.5}
    rated = {(r.decision, r.tier): (r.p, r.score) for r in live.rated_answers(engine, 0.0, 10)}
    assert rated[local, "local"] == (0.8, 1.0) and rated[cloud, "local"] == (0.8, 0.0)
    assert rated[local, "cloud"] == (0.9, 0.0) and rated[cloud, "cloud"] == (0.9, 0.5)
    assert live.rated_answers(engine, NOON + 1, 10) == []
    assert [t.tier for t in live.took(engine, 2)] == ["cloud", "local"]


def test_what_was_paid_since_a_day_and_what_caps_leave(engine: Engine) -> None:
    def paid(at: float, usd: float, key: str | None, settled: bool = True) -> dict[str, Any]:
        day = "2026-11-17" if at < NOON else "2026-11-18"
        month = {"id": uuid4().hex, "at": at, "key": key, "day": day, "month": "2026-11"}
        return {**month, "usd": usd, "settled": settled}

    with engine.begin() as connection:
        for one in (
            paid(NOON - DAY_S, 1.0, "a"),
            paid(NOON, 2.0, "a"),
            paid(NOON, 4.0, None),
            paid(NOON, 8.0, "a", settled=False),
        ):
            connection.execute(insert(reservations).values(**one))
    assert settled_usd(engine, NOON) == 6.0
    assert settled_usd(engine, NOON - DAY_S) == 7.0
    caps = Caps(day_usd=20.0, month_usd=30.0, key_day_usd=12.0)
    assert standings(engine, caps, "a", NOON) == [
        Standing("a day", 20.0, 14.0),
        Standing("a month", 30.0, 15.0),
        Standing("a day and key", 12.0, 10.0),
    ]
    assert len(standings(engine, caps, None, NOON)) == 2
    assert standings(engine, Caps(), "a", NOON) == []
