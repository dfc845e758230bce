"""The journal: rows outlive their worker, their database's absence and a full disk."""

import asyncio
import os
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, text

from router.errors import JournalFull, LogError
from router.outcomes import constants, queries
from router.outcomes.budget import Caps, Ledger, Reservation
from router.outcomes.database import journal_folder, open_database
from router.outcomes.frames import MARK
from router.outcomes.journal import Journal, Sync
from router.outcomes.writer import OutcomeLog, open_log
from tests.router.outcomes.rows import ROW
from tests.servers import upstream
from tests.servers.fixtures import Run
from tests.servers.running import EASY, HARD, Gateway, until

# A worker that notes rows, and dies without a word.
DIES = """
import asyncio, os, sys
from router.outcomes.journal import Journal
from tests.router.outcomes.rows import ROW
async def main():
    journal = Journal(__import__("pathlib").Path(sys.argv[1]), "never")
    for name in sys.argv[2:]:
        journal.append("decision", {**ROW, "id": name})
    os.kill(os.getpid(), 9)
asyncio.run(main())
"""


def url_in(folder: Path) -> str:
    return f"sqlite:///{folder}/o.db"


def dead_worker(folder: Path, *ids: str) -> Path:
    """The file that a worker left which noted these rows."""
    before = set(folder.glob("*"))
    command = [sys.executable, "-c", DIES, str(folder), *ids]
    assert subprocess.run(command, check=False).returncode == -9
    (left,) = set(folder.glob("*")) - before
    return left


def ids_in(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.execute(text("SELECT id FROM decisions ORDER BY id")).scalars())


def write(log: OutcomeLog, *ids: str) -> None:
    async def main() -> None:
        for name in ids:
            written = log.write({**ROW, "id": name})
            if written is not None:
                await written

    asyncio.run(main())


def flush(log: OutcomeLog) -> None:
    log.call(lambda connection: None).result(20)


@contextmanager
def locked(database: Path, gateway: Gateway | None = None) -> Iterator[None]:
    """Somebody else holds the database; the writer of `gateway` waits 20 ms for it, not 5 s."""
    if gateway is not None:
        gateway.service.log.call(
            lambda c: c.exec_driver_sql("PRAGMA busy_timeout=20").close()
        ).result()
    with sqlite3.connect(database, isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")
    other.close()


def test_what_dead_workers_left_is_replayed_once(tmp_path: Path) -> None:
    folder = journal_folder(url_in(tmp_path))
    dead_worker(folder, "a", "b")
    dead_worker(folder, "c")
    again = dead_worker(folder, "b", "c")  # drained by one who died before it said so
    log = open_log(url_in(tmp_path))
    flush(log)
    assert ids_in(log.engine) == ["a", "b", "c"]
    assert not again.exists()
    assert log.lost == 0
    log.close()
    assert list(folder.iterdir()) == []


def test_two_workers_never_take_the_same_journal(tmp_path: Path) -> None:
    first = Journal(tmp_path, "never")
    second = Journal(tmp_path, "never")
    assert first.adopt() == second.adopt() == 0
    left = dead_worker(tmp_path, "a")
    assert (first.adopt(), second.adopt()) == (1, 0)
    first.close()
    assert left.exists()  # it was not drained
    assert second.adopt() == 1
    second.close()


def test_a_row_cut_off_is_no_loss_and_a_damaged_one_is_counted(tmp_path: Path) -> None:
    folder = journal_folder(url_in(tmp_path))
    left = dead_worker(folder, "a", "b", "c")
    data = bytearray(left.read_bytes())
    data[data.index(b"\xa1b") + 1] ^= 0xFF  # the id of the second row
    end = len(data.rstrip(b"\0"))
    data[end : end + 9] = MARK + b"\x99\x00\x00\x00?"  # where a fourth was being written
    left.write_bytes(data)
    log = open_log(url_in(tmp_path))
    flush(log)
    assert ids_in(log.engine) == ["a", "c"]
    assert log.lost == 1
    log.close()
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("sync", ["never", "second", "always"])
def test_rows_of_any_size_reach_the_database_however_the_journal_is_synced(
    tmp_path: Path, sync: Sync
) -> None:
    log = open_log(url_in(tmp_path), sync=sync)
    large = "x" * (2 * constants.SEGMENT_BYTES)

    async def main() -> None:
        for name in ("a", "b", "c"):
            written = log.write({**ROW, "id": name, "request": large if name == "b" else None})
            assert (written is not None) == (sync == "always")
            if written is not None:
                await asyncio.wait_for(written, 20)
        await log.flushed()

    asyncio.run(main())
    with log.engine.connect() as connection:
        kept = connection.execute(text("SELECT length(request) FROM decisions WHERE id = 'b'"))
        assert kept.scalar() == len(large)
    assert ids_in(log.engine) == ["a", "b", "c"]
    log.close()


def test_answers_go_on_while_the_database_is_locked_and_say_how_far_behind_it_is(run: Run) -> None:
    gateway = run()
    rated = gateway.chat(EASY).headers["x-router-decision-id"]
    with locked(gateway.database, gateway):
        for _ in range(30):
            assert gateway.chat(EASY).status_code == 200
        until(lambda: gateway.service.log.failing)
        said = gateway.client.get("/readyz").json()
        assert said["ready"] and said["log"] == "behind"
        assert said["behind"]["rows"] == 30
        assert said["behind"]["seconds"] > 0
        assert "router_log_behind_rows 30.0" in gateway.client.get("/metrics").text
        refused = gateway.client.post("/v1/feedback", json={"decision_id": rated, "score": 1.0})
        assert (refused.status_code, refused.headers["x-router-error"]) == (503, "log_failing")
    until(lambda: not gateway.service.log.failing)
    assert len(gateway.rows()) == 31
    assert gateway.service.log.lost == 0
    assert gateway.client.get("/readyz").json()["log"] == "ok"


def test_nobody_waits_for_a_database_that_hangs(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = run()
    gateway.chat(EASY)
    gateway.flush()
    monkeypatch.setattr("router.outcomes.writer.LATE_S", 0.05)
    with locked(gateway.database):  # the writer waits for five seconds, and knows no better
        gateway.chat(EASY)
        until(lambda: gateway.service.log.late)
        assert gateway.client.get("/readyz").json()["log"] == "behind"
        with pytest.raises(LogError, match="is behind now"):
            gateway.service.log.call(lambda connection: None).result(0)
    until(lambda: not gateway.service.log.behind.rows)
    assert len(gateway.rows()) == 2


def test_a_locked_database_stops_spending_where_there_are_caps_and_only_there(run: Run) -> None:
    gateway = run(budget_day_usd=5.0)
    assert gateway.chat(HARD).headers["x-router-tier"] == "cloud"
    with locked(gateway.database, gateway):
        assert gateway.chat(EASY).status_code == 200
        until(lambda: gateway.service.log.failing)
        assert gateway.chat(HARD).headers["x-router-tier"] == "local"
        assert gateway.chat(HARD, model="cloud").status_code == 402
    until(lambda: not gateway.service.log.failing)
    free = run()
    with locked(free.database, free):
        assert free.chat(EASY).status_code == 200
        until(lambda: free.service.log.failing)
        assert free.chat(HARD).headers["x-router-tier"] == "cloud"
    until(lambda: not free.service.log.failing)
    with free.service.log.engine.connect() as connection:
        accounts = "SELECT count(*), sum(settled) FROM reservations"
        assert tuple(connection.exec_driver_sql(accounts).one()) == (2, 2)


def test_a_gateway_that_ends_while_the_database_is_locked_leaves_its_rows_to_the_next(
    run: Run, tmp_path: Path, local: upstream.Upstream, cloud: upstream.Upstream
) -> None:
    with Gateway(tmp_path, local_url=local.url, cloud_url=cloud.url) as gateway:
        gateway.chat(EASY)
        gateway.flush()
        with locked(gateway.database, gateway):
            gateway.chat(EASY)
            gateway.__exit__()
    assert len(run().rows()) == 2


def test_what_was_answered_a_moment_ago_can_be_rated_judged_and_retrieved(run: Run) -> None:
    gateway = run()
    for _ in range(20):
        made = gateway.client.post("/v1/responses", json={"model": "auto", "input": EASY})
        name = made.json()["id"]
        assert gateway.client.get(f"/v1/responses/{name}").status_code == 200
        rating = {"decision_id": made.headers["x-router-decision-id"], "rating": "good"}
        assert gateway.client.post("/v1/feedback", json=rating).status_code == 200


def test_deleted_words_are_in_no_file(run: Run) -> None:
    gateway = run()
    body = {"model": "auto", "input": "Tell me about the zebrafish."}
    name = gateway.client.post("/v1/responses", json=body).json()["id"]
    assert gateway.client.delete(f"/v1/responses/{name}").status_code == 200
    journals = list(journal_folder(gateway.settings.log_url).iterdir())
    assert journals
    assert not any(b"zebrafish" in file.read_bytes() for file in journals)


def test_words_of_private_requests_are_not_in_the_journal(run: Run) -> None:
    gateway = run()
    with locked(gateway.database, gateway):
        gateway.chat("Write to ann.lee@mail.example.org that the zebrafish are well.")
        gateway.chat("Tell me about the axolotl.")
        files = journal_folder(gateway.settings.log_url).iterdir()
        written = b"".join(file.read_bytes() for file in files)
    assert b"axolotl" in written  # store = "full" keeps these
    assert b"zebrafish" not in written and b"ann.lee" not in written
    mode = [
        file.stat().st_mode & 0o077 for file in journal_folder(gateway.settings.log_url).iterdir()
    ]
    assert set(mode) == {0}


def test_a_full_disk_is_refused_before_anybody_is_asked(run: Run, local: upstream.Upstream) -> None:
    gateway = run()
    assert gateway.chat(EASY).status_code == 200
    gateway.flush()
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = gateway.service.log.behind
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1, unlimited[1]))
        gateway.chat(EASY)  # the first learns of it at its end
        local.got.clear()
        refused = gateway.chat(EASY)
        assert (refused.status_code, refused.headers["x-router-error"]) == (503, "journal_full")
        assert "make room on the disk" in refused.json()["error"]["message"]
        assert not [got for got in local.got if got.method == "POST"]
        ready = gateway.client.get("/readyz")
        assert (ready.status_code, ready.json()["log"]) == (503, "full")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    assert before.rows == 0
    assert gateway.client.get("/readyz").status_code == 200
    assert gateway.chat(EASY).status_code == 200
    assert [row["status"] for row in gateway.rows()] == [200, 200]


def test_a_journal_of_its_greatest_size_refuses_until_the_database_takes_it(tmp_path: Path) -> None:
    log = open_log(url_in(tmp_path), limit_mb=16)
    log.call(lambda c: c.exec_driver_sql("PRAGMA busy_timeout=20").close()).result()
    row = {**ROW, "request": "x" * 2**20}
    written: list[str] = []

    async def fill() -> None:
        with pytest.raises(JournalFull, match="16 MB wait for the database"):
            for number in range(100):
                log.admit()
                log.write({**row, "id": f"{number:03}"})
                written.append(f"{number:03}")

    with locked(tmp_path / "o.db"):
        asyncio.run(fill())
        assert 8 < len(written) < 17
        assert log.behind.bytes > 8 * 2**20
    until(lambda: not log.failing and not log.behind.rows)
    log.admit()
    assert ids_in(log.engine) == written
    log.close()


def test_a_folder_that_cannot_be_used_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LogError, match="journal_dir"):
        Journal(tmp_path / "file" / "journal")


def test_payments_outlive_their_worker_and_the_account_is_the_same_twice(tmp_path: Path) -> None:
    url = url_in(tmp_path)
    log = open_log(url)
    free, capped = (Ledger(log, caps, lambda: 1.7e9) for caps in (Caps(), Caps(day_usd=1.0)))

    async def spend(ledger: Ledger) -> Reservation:
        made = await ledger.reserve(0.3, None)
        assert isinstance(made, Reservation)
        ledger.settle(made, 0.1)
        return made

    made = [asyncio.run(spend(ledger)) for ledger in (free, capped)]
    flush(log)

    async def again() -> str | Reservation:
        log.reserve({**vars_of(made[0])})
        log.settle({**vars_of(made[0]), "usd": 0.1, "settled": True})
        return await capped.reserve(0.85, None)

    assert "$0.2000 spent" in str(asyncio.run(again()))
    log.close()


def vars_of(reservation: Reservation) -> dict[str, Any]:
    return {name: getattr(reservation, name) for name in reservation.__slots__}


@pytest.mark.servers
def test_postgresql_may_hang_up_and_hold_its_table_and_gets_every_row_once(tmp_path: Path) -> None:
    url = os.environ.get("TEST_POSTGRES_URL")
    if not url:
        pytest.skip("needs a PostgreSQL server; set TEST_POSTGRES_URL, as .ci/run does")
    open_database(url).dispose()
    names = [f"{os.getpid()}-{number}" for number in range(300)]
    folder = tmp_path / "journal"
    dead_worker(folder, *names[:100])
    log = open_log(url, folder)
    engine = create_engine(url)
    hang_up = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    write(log, *names[:150])
    flush(log)
    with engine.begin() as connection:
        connection.execute(hang_up)
    write(log, *names[150:200])
    until(lambda: not log.behind.rows)
    with engine.begin() as connection:
        connection.execute(text("LOCK TABLE decisions IN ACCESS EXCLUSIVE MODE"))
        write(log, *names[200:])
        assert log.behind.rows == 100
    flush(log)
    with engine.connect() as connection:
        found = connection.execute(
            text("SELECT id FROM decisions WHERE id LIKE :mine"), {"mine": f"{os.getpid()}-%"}
        ).scalars()
        assert sorted(found) == sorted(names)
    assert log.lost == 0
    engine.dispose()
    log.close()


def test_an_opinion_on_a_row_that_waits_comes_after_it(tmp_path: Path) -> None:
    from router.decide.after import AgreementLabel

    log = open_log(url_in(tmp_path))
    label = AgreementLabel(
        p_local=0.5, p_cloud=0.5, agreement={}, weight=1.0, alone=(0.5, 0.5), strangers=(0.5, 0.5)
    )
    given = queries.opinion_on(
        "a", local_model="m", model="n", answer=None, label=label, version="v"
    )

    async def main() -> None:
        log.write(ROW)
        await asyncio.wrap_future(log.call(given))

    asyncio.run(main())
    assert queries.labels_until(log.engine) == (0, 1)
    log.close()
