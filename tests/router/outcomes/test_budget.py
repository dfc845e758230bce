"""Caps hold for all processes that share a database together."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from router.outcomes.budget import Caps, Ledger, Reservation
from router.outcomes.tables import reservations
from router.outcomes.writer import OutcomeLog, open_log

WORKERS, ASKED, ALLOWED = 4, 30, 25


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)])
def workers(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[list[OutcomeLog]]:
    """One log a worker, each with a connection and a thread of its own."""
    url = f"sqlite:///{tmp_path}/outcomes.db"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    logs = [open_log(url, tmp_path / "journals") for _ in range(WORKERS)]
    yield logs
    for log in logs:
        log.close()


def test_workers_that_reserve_at_once_do_not_overshoot_the_cap(workers: list[OutcomeLog]) -> None:
    # A key of its own: other tests' spending in a shared database is not this one's.
    key, caps = f"race-{time.time_ns()}", Caps(key_day_usd=(ALLOWED + 0.5) / 100)
    ledgers = [Ledger(log, caps, time.time) for log in workers]

    async def main() -> list[Reservation | str]:
        return await asyncio.gather(*(x.reserve(0.01, key) for _ in range(ASKED) for x in ledgers))

    made = [r for r in asyncio.run(main()) if isinstance(r, Reservation)]
    with workers[0].engine.connect() as connection:
        spent = connection.execute(reservations.select().where(reservations.c.key == key)).all()
    assert len(made) == len(spent) == ALLOWED
