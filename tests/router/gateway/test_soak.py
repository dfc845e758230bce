"""The short form of `make soak`: every fault once, in seconds; nothing that hangs on time."""

import asyncio
from pathlib import Path

import pytest

from tests.servers.postgres import Postgres, programs
from tests.soak.siege import Report, Siege

pytestmark = [pytest.mark.servers, pytest.mark.slow]


def besieged(folder: Path, seconds: float, postgres: Postgres | None = None) -> Report:
    siege = Siege(folder, seconds, rate=25, seed=3, fault_s=0.5, quiet_s=0.4, postgres=postgres)
    return asyncio.run(siege.run())


def test_a_short_siege_loses_and_leaks_nothing(tmp_path: Path) -> None:
    report = besieged(tmp_path, 12)
    assert report.broken == []
    assert len(report.faults) == 11
    assert report.statuses[200] > 100


@pytest.mark.skipif(programs() is None, reason="PostgreSQL is not installed")
def test_nor_does_one_while_postgresql_hangs_up_and_restarts(tmp_path: Path) -> None:
    with Postgres() as postgres:
        report = besieged(tmp_path, 6, postgres)
    assert report.broken == []
    assert {"PostgreSQL hangs up", "PostgreSQL restarts"} <= set(report.faults)
    assert report.statuses[200] > 50


def test_memory_that_grows_is_told_from_memory_that_fills_at_first() -> None:
    report = Report()
    assert report.growth_mb is None
    report.faults.update({"one": 10, "another": 10})
    report.memory = [(minute, 180 + min(10 * minute, 40)) for minute in range(30)]
    assert report.growth_mb == pytest.approx(0)
    report.memory = [(minute, mb + 2 * minute) for minute, mb in report.memory]
    assert report.growth_mb == pytest.approx(2)
    report.memory = report.memory[:3]
    assert report.growth_mb is None
