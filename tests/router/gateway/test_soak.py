"""The short form of `make soak`: every fault once, in seconds; nothing that hangs on time."""

import asyncio
from pathlib import Path

import pytest

from tests.soak.siege import Siege

pytestmark = [pytest.mark.servers, pytest.mark.slow]


def test_a_short_siege_loses_and_leaks_nothing(tmp_path: Path) -> None:
    siege = Siege(tmp_path, 14, rate=25, seed=3, fault_s=0.5, quiet_s=0.4)
    report = asyncio.run(siege.run())
    assert report.broken == []
    assert len(report.faults) == 12
    assert report.statuses[200] > 100
