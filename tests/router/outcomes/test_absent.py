"""A gateway that starts while its database is not there."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from router.errors import LogError, LogUnreachable
from router.outcomes import database
from router.outcomes.database import open_database
from router.outcomes.writer import open_log
from tests.router.outcomes.test_journal import dead_worker, flush, ids_in, locked, url_in
from tests.servers.fixtures import Run
from tests.servers.postgres import Postgres, programs
from tests.servers.running import EASY, HARD, until


@pytest.fixture
def server() -> Iterator[Postgres]:
    """A PostgreSQL of the test's own, as it is stopped."""
    if programs() is None:
        pytest.skip("needs PostgreSQL: install it")
    with Postgres() as made:
        yield made


@pytest.mark.servers
def test_it_answers_and_says_how_far_behind_it_is_and_catches_up(
    run: Run, server: Postgres, tmp_path: Path
) -> None:
    server.stop()
    with pytest.raises(LogUnreachable, match="cannot be opened"):
        open_database(server.url)  # a command has nothing to do without it
    gateway = run(log_url=server.url, journal_dir=tmp_path / "journal", budget_day_usd=5.0)
    answered = [gateway.chat(EASY).headers["x-router-decision-id"] for _ in range(5)]
    said = gateway.client.get("/readyz").json()
    assert said["ready"] and said["log"] == "behind"
    assert said["behind"]["rows"] == 5 and said["behind"]["bytes"] > 0
    assert "router_log_failing 1.0" in gateway.client.get("/metrics").text
    # What was spent is not known, so with a cap nothing more is.
    assert gateway.chat(HARD).headers["x-router-tier"] == "local"
    assert gateway.chat(HARD, model="cloud").status_code == 402
    server.start()
    until(lambda: not gateway.service.log.late)
    assert gateway.client.get("/readyz").json()["log"] == "ok"
    engine = create_engine(server.url)
    with engine.connect() as connection:
        kept = connection.execute(text("SELECT id FROM decisions")).scalars().all()
    engine.dispose()
    assert set(answered) < set(kept)
    assert gateway.chat(HARD).headers["x-router-tier"] == "cloud"
    gateway.__exit__()  # before the server stops


def test_a_file_that_is_locked_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(database._PATIENCE, "sqlite", {"timeout": 0.05})
    (tmp_path / "o.db").touch()
    with locked(tmp_path / "o.db"):
        log = open_log(url_in(tmp_path))
        assert log.failing and log.late
        with pytest.raises(LogError, match="is behind now"):
            log.call(lambda connection: None).result(0)
    until(lambda: not log.failing)
    assert ids_in(log.engine) == []
    log.close()


def test_what_a_dead_worker_leaves_is_drained_by_one_that_lives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("router.outcomes.writer.ORPHANS_S", 0.05)
    log = open_log(url_in(tmp_path))
    flush(log)
    left = dead_worker(tmp_path / "elsewhere", "a", "b")
    moved = left.rename(tmp_path / "o.db.journal" / left.name)
    until(lambda: ids_in(log.engine) == ["a", "b"])
    until(lambda: not moved.exists())
    log.close()
