"""The log: on disk before the last byte, whatever happens to the process or the disk."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, event, insert, inspect

from router.errors import LogError, MissingExtra, RequestRefused
from router.outcomes import export
from router.outcomes.budget import Caps, Ledger, Reservation
from router.outcomes.database import open_database
from router.outcomes.savings import savings
from router.outcomes.tables import decisions, feedback, metadata
from router.outcomes.writer import OutcomeLog, open_log
from tests.router.outcomes.rows import ROW
from tests.servers.fixtures import Run
from tests.servers.running import EASY, HARD


@pytest.fixture
def log(tmp_path: Path) -> Iterator[OutcomeLog]:
    log = open_log(f"sqlite:///{tmp_path}/x/o.db")
    yield log
    log.close()


def noted(log: OutcomeLog, *rows: dict[str, Any]) -> None:
    """Write rows and wait until the database has them."""

    async def main() -> None:
        for row in rows:
            log.write(row)
        await log.flushed()

    asyncio.run(main())


def test_who_leaves_before_his_turn_does_not_end_the_writer(log: OutcomeLog) -> None:
    begun, left = threading.Event(), threading.Event()

    def slow(connection: Any) -> None:
        begun.set()
        assert left.wait(20)

    async def main() -> str:
        log.call(slow)
        waiting = asyncio.create_task(log.flushed())
        await asyncio.to_thread(begun.wait, 20)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        left.set()
        return await asyncio.wrap_future(log.call(lambda connection: "still there"))

    assert asyncio.run(asyncio.wait_for(main(), 30)) == "still there"


def test_the_migrations_make_the_tables_that_the_code_means(log: OutcomeLog) -> None:
    made = inspect(log.engine)
    for table in metadata.tables.values():
        columns = {c["name"]: c for c in made.get_columns(table.name)}
        assert set(columns) == {c.name for c in table.columns}
        for column in table.columns:
            assert columns[column.name]["nullable"] == (column.nullable is True)


def test_an_address_that_cannot_be_opened_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no database " * 1000)
    for url in (
        f"sqlite:///{tmp_path}/file/o.db",
        "nonsense",
        "oracle://u:secret@h/x",
        f"sqlite:///{tmp_path}/file",
    ):
        with pytest.raises((LogError, MissingExtra)) as caught:
            open_database(url)
        assert "secret" not in str(caught.value)


def test_every_row_is_drained_once(log: OutcomeLog) -> None:
    noted(log, *({**ROW, "id": str(i)} for i in range(3000)))
    with log.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM decisions").scalar() == 3000


def test_one_bad_row_does_not_take_the_others_along(log: OutcomeLog) -> None:
    faulty = {**ROW, "id": "y"}
    del faulty["rule"]
    noted(log, {**ROW, "id": "x"}, {**ROW, "id": "x"}, faulty, {**ROW, "id": "z"})
    with log.engine.connect() as connection:
        found = connection.exec_driver_sql("SELECT id FROM decisions ORDER BY id").scalars().all()
    assert found == ["x", "z"]
    assert log.lost == 1


@pytest.mark.parametrize("caps", [{}, {"budget_day_usd": 5.0}])
def test_a_full_disk_stops_spending_where_there_are_caps_and_no_answer(
    run: Run, caps: dict[str, float]
) -> None:
    gateway = run(**caps)
    assert gateway.chat(HARD).headers["x-router-tier"] == "cloud"
    full = "PRAGMA query_only=1"  # nothing is written any more; the error is of the same kind
    gateway.service.log.call(lambda c: c.exec_driver_sql(full).close()).result()
    answer = gateway.chat(HARD)
    assert answer.status_code == 200
    assert answer.headers["x-router-tier"] == ("local" if caps else "cloud")
    named = gateway.chat(HARD, model="cloud")
    assert named.status_code == (402 if caps else 200)
    assert "What was spent cannot be" in named.text or not caps


def test_caps_hold_under_concurrency_and_across_restarts(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/o.db"
    now = [1_700_000_000.0]

    def opened() -> tuple[OutcomeLog, Ledger]:
        log = open_log(url)
        return log, Ledger(log, Caps(day_usd=1.0, key_day_usd=0.6), lambda: now[0])

    async def take(ledger: Ledger, key: str | None, count: int) -> list[Reservation]:
        got = await asyncio.gather(*(ledger.reserve(0.1, key) for _ in range(count)))
        return [g for g in got if isinstance(g, Reservation)]

    log, ledger = opened()
    held = asyncio.run(take(ledger, "laptop", 20))
    assert len(held) == 6
    assert len(asyncio.run(take(ledger, "phone", 20))) == 4
    ledger.settle(held[0], 0.0)
    log.close()
    log, ledger = opened()  # nine are still reserved; their process may have spent them
    assert len(asyncio.run(take(ledger, None, 20))) == 1
    reason = asyncio.run(ledger.reserve(0.1, None))
    assert isinstance(reason, str)
    assert "$1 a day" in reason
    now[0] += 86_400
    assert len(asyncio.run(take(ledger, None, 3))) == 3
    log.close()


def test_what_is_left_is_read_once_until_this_process_spends_or_saves(tmp_path: Path) -> None:
    now = [1_700_000_000.0]
    log = open_log(f"sqlite:///{tmp_path}/o.db")
    mine, other = (Ledger(log, Caps(day_usd=1.0), lambda: now[0]) for _ in range(2))
    read: list[str] = []
    event.listen(log.engine, "before_cursor_execute", lambda *a: read.append(a[2]))

    async def left(usd: float) -> bool:
        return await mine.exceeded(usd, None) is None

    async def main() -> None:
        assert await left(0.6)
        assert await left(1.0)
        assert not await left(1.1)
        assert sum("SUM" in said.upper() for said in read) == 1
        held = await mine.reserve(0.6, None)
        assert isinstance(held, Reservation)
        assert not await left(0.6)
        mine.settle(held, 0.1)
        assert await left(0.9)
        assert isinstance(await other.reserve(0.6, None), Reservation)
        now[0] += 1.0
        assert not await left(0.6)  # at the latest after a second
        now[0] -= 3600.0
        assert isinstance(await other.reserve(0.1, None), Reservation)
        assert not await left(0.3)  # a clock that was set back tells nothing

    asyncio.run(main())
    log.close()


def test_the_log_becomes_outcomes_that_training_reads(run: Run, tmp_path: Path) -> None:
    from training.data.readers import read

    gateway = run()
    for text, score in ((EASY, 1.0), (HARD, 0.0), ("ann.lee@mail.example.org?", 1.0)):
        made = gateway.chat(text).headers["x-router-decision-id"]
        for given in (score, score):
            body = {"decision_id": made, "score": given}
            assert gateway.client.post("/v1/feedback", json=body).status_code == 200
    out = tmp_path / "outcomes.parquet"
    assert export.write(export.outcomes(gateway.engine), out) == 2
    frame = read(out).rows
    assert list(frame["tier"]) == ["local", "cloud"]
    assert list(frame["score"]) == [1.0, 0.0]
    answers = list(export.answers(gateway.engine))
    assert [a["text"] for a in answers] == ["Hello there."]
    assert answers[0]["tool_calls"] is answers[0]["tools"] is answers[0]["messages"] is None
    assert set(frame["judge"]) == {"user"}
    with pytest.raises(LogError, match="end in"):
        export.write([], tmp_path / "x.doc")


def test_savings_add_up(log: OutcomeLog) -> None:
    rows = [
        {"id": "1", "tier": "local", "cost_usd": 0.0, "cloud_usd": 0.01},
        {"id": "2", "tier": "cloud", "cost_usd": 0.02, "cloud_usd": 0.02},
        {"id": "3", "tier": "cloud", "cost_usd": 0.03, "cloud_usd": 0.03, "explored": True},
        {"id": "4", "tier": "local", "cost_usd": 0.0, "cloud_usd": 0.5, "private_kinds": "[]"},
        {"id": "5", "status": 502, "cost_usd": 0.0, "cloud_usd": 0.01},
    ]
    blank = dict.fromkeys(c.name for c in decisions.columns)
    with log.engine.begin() as connection:
        connection.execute(insert(decisions), [{**blank, **ROW, **row} for row in rows])
    found = savings(log.engine)
    assert (found.requests, found.local, found.cloud, found.refused) == (5, 2, 2, 1)
    assert found.spent_usd == pytest.approx(0.05)
    assert found.exploration_usd == pytest.approx(0.03)
    assert found.all_cloud_usd == pytest.approx(0.06)
    assert found.saved_usd == pytest.approx(0.01)
    assert found.estimated == pytest.approx(1 / 6)


def test_store_none_and_features_keep_no_words(run: Run) -> None:
    for store in ("none", "features"):
        gateway = run(store=store, log_url=f"sqlite:///{store}.db".replace("sqlite:///", _memory()))
        gateway.chat("zebrafish swim")
        gateway.flush()
        engine = gateway.engine
        with engine.connect() as connection:
            row = dict(connection.exec_driver_sql("SELECT * FROM decisions").mappings().one())
        assert "zebrafish" not in json.dumps({k: str(v) for k, v in row.items()})
        assert (row["features"] is not None) == (store == "features")


def _memory() -> str:
    import tempfile

    return f"sqlite:///{tempfile.mkdtemp()}/"


def test_feedback_on_what_is_unknown_is_refused(log: OutcomeLog) -> None:
    row = {"decision_id": "no", "at": 0.0, "key": None, "score": 1.0, "source": "user"}
    with pytest.raises(RequestRefused):
        asyncio.run(log.add_feedback(row))


@pytest.mark.servers
def test_a_postgresql_log(postgres_url: str, tmp_path: Path) -> None:
    log = open_log(postgres_url, tmp_path / "journal")
    identity = str(time.time_ns())
    try:
        noted(log, {**ROW, "id": identity, "request": "naïve \u2603"})
        engine = create_engine(postgres_url)
        with engine.begin() as connection:
            found = connection.exec_driver_sql(
                f"SELECT request FROM decisions WHERE id = '{identity}'"
            ).scalar()
        engine.dispose()
        assert found == "naïve \u2603"
        ledger = Ledger(log, Caps(day_usd=1e9), time.time)
        assert isinstance(asyncio.run(ledger.reserve(0.1, None)), Reservation)
    finally:
        log.close()


def test_feedback_can_say_corrected_and_nobody_can_be_the_judge(run: Run) -> None:
    gateway = run()
    made = gateway.chat(EASY).headers["x-router-decision-id"]
    body = {"decision_id": made, "rating": "corrected"}
    assert gateway.client.post("/v1/feedback", json=body).status_code == 200
    claimed = {"decision_id": made, "score": 1.0, "source": "judge"}
    refused = gateway.client.post("/v1/feedback", json=claimed)
    assert refused.status_code == 400 and "source must not be judge" in refused.text
    with gateway.engine.connect() as connection:
        rows = connection.execute(feedback.select()).mappings().all()
    assert [(r["score"], r["source"]) for r in rows] == [(0.2, "corrected")]
