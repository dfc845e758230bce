"""A gateway that starts while its database is not there."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import URL, Connection, create_engine, make_url, text
from sqlalchemy.exc import OperationalError

from router.errors import LogError, LogLocked, LogUnreachable
from router.gateway.doctor import examine
from router.outcomes import database
from router.outcomes.database import engine_of, open_database
from router.outcomes.writer import open_log
from router.settings import load_settings
from tests.router.outcomes.test_journal import dead_worker, flush, ids_in, locked, url_in
from tests.servers.fixtures import Run, free_port
from tests.servers.postgres import Postgres, programs
from tests.servers.postgres import database as other_database
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


@pytest.fixture
def guarded(server: Postgres) -> Iterator[tuple[URL, Connection]]:
    """Where `me` is let in with the password `right`, and a superuser's connection."""
    engine = create_engine(server.url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE ROLE me SUPERUSER LOGIN PASSWORD 'right'")
        connection.exec_driver_sql("CREATE ROLE nobody NOLOGIN")
        rules = Path(connection.exec_driver_sql("SHOW hba_file").scalar_one())
        rules.write_text("host all me all scram-sha-256\nhost postgres all all trust\n")
        connection.exec_driver_sql("SELECT pg_reload_conf()")
        allowed = make_url(server.url).set(username="me", password="right")
        until(lambda: not opens(allowed.set(password="wrong")))
        yield allowed, connection
    engine.dispose()


def opens(url: URL) -> bool:
    engine = create_engine(url)
    try:
        engine.connect().close()
    except OperationalError:
        return False
    finally:
        engine.dispose()
    return True


@pytest.mark.parametrize(
    "place", ["me:a-secret@127.0.0.1:1/x", "me@127.0.0.1:1/x?password=a-secret"]
)
def test_no_message_holds_a_password(place: str) -> None:
    with pytest.raises(LogUnreachable, match=r"127\.0\.0\.1:1/x") as caught:
        open_database(f"postgresql+psycopg://{place}")
    assert "secret" not in str(caught.value)


@pytest.mark.servers
def test_whom_postgresql_never_lets_in_does_not_wait(
    guarded: tuple[URL, Connection], tmp_path: Path
) -> None:
    place = f"127.0.0.1:{guarded[0].port}"
    for who, where, words in (
        ("me:a-secret", f"{place}/postgres", 'password authentication failed for user "me"'),
        ("me", f"{place}/postgres", "no password supplied"),
        ("me:right", f"{place}/elsewhere", 'database "elsewhere" does not exist'),
        ("stranger", f"{place}/postgres", 'role "stranger" does not exist'),
        ("nobody", f"{place}/postgres", 'role "nobody" is not permitted to log in'),
        ("stranger", f"{place}/elsewhere", "no pg_hba.conf entry"),
        ("me:a-secret", f"/postgres?host={place}&host=127.0.0.1:1", "authentication failed"),
    ):
        with pytest.raises(LogError, match="lets in") as caught:
            open_log(f"postgresql+psycopg://{who}@{where}", tmp_path / "journal")
        assert not isinstance(caught.value, LogUnreachable)
        said = str(caught.value)
        assert words in said and "\n" not in said
        assert "secret" not in said and "right" not in said
    assert not (tmp_path / "journal").exists()


@pytest.mark.servers
def test_a_password_that_changes_under_a_gateway_makes_rows_wait(
    guarded: tuple[URL, Connection], run: Run, tmp_path: Path
) -> None:
    url, superuser = guarded
    address = url.render_as_string(hide_password=False)
    gateway = run(log_url=address, journal_dir=tmp_path / "journal")
    assert gateway.chat(EASY).status_code == 200
    gateway.flush()
    superuser.exec_driver_sql("ALTER ROLE me PASSWORD 'other'")
    superuser.exec_driver_sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'me'"
    )
    assert gateway.chat(EASY).status_code == 200
    until(lambda: gateway.service.log.failing)
    assert gateway.chat(EASY).status_code == 200
    assert gateway.client.get("/readyz").json()["behind"]["rows"] == 2
    superuser.exec_driver_sql("ALTER ROLE me PASSWORD 'right'")
    until(lambda: not gateway.service.log.late)
    assert superuser.exec_driver_sql("SELECT count(*) FROM decisions").scalar() == 3
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


@contextmanager
def held(url: str) -> Iterator[None]:
    """Another program is bringing the log at `url` up to date."""
    other = engine_of(url)
    with other.begin() as connection:
        database.lock(connection)
        yield
    other.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def held_url(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """A log's address; whoever opens it is soon told that it is held."""
    monkeypatch.setitem(database._PATIENCE, "sqlite", {"timeout": 0.05})
    short = {"options": "-c lock_timeout=50"}
    monkeypatch.setitem(database._PATIENCE, "postgresql", short)
    monkeypatch.setattr(database, "RETRY_S", 0.01)
    if request.param == "sqlite":
        yield url_in(tmp_path)
        return
    with other_database(request.getfixturevalue("postgres_url"), f"held_{uuid4().hex}") as url:
        yield url


def test_a_command_waits_for_a_log_that_is_held_and_says_so_once(
    held_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    open_database(held_url).dispose()
    with ThreadPoolExecutor(1) as pool:
        with held(held_url):
            opening = pool.submit(open_database, held_url)
            until(lambda: "waited for" in caplog.text)
            assert not opening.done()
        engine = opening.result(60)
    assert ids_in(engine) == []
    engine.dispose()
    (said,) = caplog.messages
    assert "the program that holds it" in said and "\n" not in said


def test_a_log_that_is_held_for_too_long_is_an_error_and_the_doctor_does_not_wait(
    held_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    dead = f"http://127.0.0.1:{free_port()}"
    settings = load_settings(log_url=held_url, local_url=dead, cloud_url=dead)
    with held(held_url):
        found = {check.part: check for check in asyncio.run(examine(settings))}["outcome log"]
        assert (found.good, found.fix) == (False, "wait for it")
        assert not caplog.messages
        monkeypatch.setattr(database, "LOCKED_S", 0.0)
        with pytest.raises(LogLocked, match="let the program that holds it finish"):
            open_database(held_url)


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
