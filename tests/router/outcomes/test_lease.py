"""What only one of all gateways does."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import update

from router.outcomes import constants
from router.outcomes.database import open_database
from router.outcomes.lease import Leases
from router.outcomes.tables import leases
from router.outcomes.writer import OutcomeLog, open_log
from tests.servers.running import until

# A gateway that takes a lease and dies without a word.
DIES = """
import asyncio, os, pathlib, sys
from router.outcomes.lease import Leases
from router.outcomes.writer import open_log
url, folder, name = sys.argv[1:]
async def main():
    assert await Leases(open_log(url, pathlib.Path(folder)), "dead").mine(name)
    os.kill(os.getpid(), 9)
asyncio.run(main())
"""


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    return f"sqlite:///{tmp_path}/o.db"


@pytest.fixture
def logs(url: str, tmp_path: Path) -> Iterator[list[OutcomeLog]]:
    made = [open_log(url, tmp_path / "journal") for _ in range(2)]
    yield made
    for log in made:
        log.close()


@pytest.fixture
def name() -> str:
    """Of a lease that no other test asks for."""
    return f"test-{time.time_ns()}"


def test_one_holds_it_until_it_leaves(logs: list[OutcomeLog], name: str) -> None:
    first, second = Leases(logs[0], "first"), Leases(logs[1], "second")

    async def main() -> None:
        both = await asyncio.gather(first.mine(name), second.mine(name))
        assert sorted(both) == [False, True]
        holder, other = (first, second) if both[0] else (second, first)
        assert await holder.mine(name) and not await other.mine(name)
        await holder.leave()
        assert await other.mine(name)

    asyncio.run(main())


def test_it_moves_when_its_holder_dies(
    url: str, logs: list[OutcomeLog], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = [sys.executable, "-c", DIES, url, str(tmp_path / "other"), name]
    assert subprocess.run(command, check=False).returncode == -9
    mine = Leases(logs[0], "living")
    assert not asyncio.run(mine.mine(name))
    engine = open_database(url)
    with engine.begin() as connection:  # its time passes
        ended = leases.c.until - constants.LEASE_S
        connection.execute(update(leases).where(leases.c.name == name).values(until=ended))
    engine.dispose()
    until(lambda: asyncio.run(mine.mine(name)))
