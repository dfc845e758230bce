"""On a long log: questions go along an index, and what reads all of it reads it in pieces."""

import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, event, inspect, select

from router.decide.router import Router
from router.labelling import judge, logged
from router.outcomes import events, export, live, queries, transfer
from router.outcomes.budget import Caps, settled_usd, standings
from router.outcomes.database import MIGRATIONS, migrate, open_database
from router.outcomes.savings import savings
from router.outcomes.tables import decisions, feedback
from tests.million import rows
from tests.million.measure import taken
from tests.servers.postgres import database

NOW = 1_795_003_200.0
FEW, MORE = 500, 1500


@pytest.fixture(scope="module")
def pool() -> list[rows.Known]:
    return rows.pool(40)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def engine(
    request: pytest.FixtureRequest, pool: list[rows.Known], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    """A log of FEW requests."""
    if request.param == "sqlite":
        folder = tmp_path_factory.mktemp("long")
        made = filled(f"sqlite:///{folder / 'o.db'}", FEW, pool)
        yield made
        made.dispose()
        return
    with database(request.getfixturevalue("postgres_url"), "long_log") as url:
        made = filled(url, FEW, pool)
        yield made
        made.dispose()


def filled(url: str, count: int, pool: list[rows.Known]) -> Engine:
    engine = open_database(url)
    rows.write(engine, count, until=NOW, days=20.0, known=pool)
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")
    return engine


def plan_of(engine: Engine, question: Callable[[Engine], Any]) -> str:
    """How the database goes about all statements of a question, with little choice left to it."""
    asked: list[tuple[str, Any]] = []

    def hear(connection: Any, cursor: Any, statement: str, given: Any, *rest: Any) -> None:
        asked.append((statement, given))

    event.listen(engine, "before_cursor_execute", hear)
    question(engine)
    event.remove(engine, "before_cursor_execute", hear)
    explain = "EXPLAIN QUERY PLAN " if engine.dialect.name == "sqlite" else "EXPLAIN "
    out = []
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":  # it reads so short a table whole, if it may
            connection.exec_driver_sql("SET enable_seqscan = off")
            connection.exec_driver_sql("SET enable_bitmapscan = off")
        for statement, given in asked:
            found = connection.exec_driver_sql(explain + statement, given).all()
            out += [str(row[-1]) for row in found]
    return "\n".join(out)


CAPS = Caps(day_usd=1.0, month_usd=2.0, key_day_usd=1.0)
QUESTIONS: dict[str, tuple[Callable[[Engine], Any], str]] = {
    "traffic": (lambda e: live.traffic(e, NOW - 1e5, NOW, 30), "decisions_sums"),
    "savings": (lambda e: savings(e, NOW - 1e5), "decisions_sums"),
    "the last requests": (lambda e: live.last_seen(e, 12), "decisions_sums"),
    "the last of one key": (lambda e: live.last_seen(e, 12, "home"), "decisions_key"),
    "latency": (lambda e: live.took(e, 2000), "decisions_sums"),
    "the curve": (lambda e: live.choices(e, NOW - 1e6, 500), "decisions_sums"),
    "what drift looks at": (lambda e: queries.recent_requests(e, 200), "decisions_sums"),
    "whether it is idle": (queries.newest_at, "decisions_sums"),
    "what is paid": (lambda e: settled_usd(e, NOW - 1e5), "ix_reservations_day"),
    "what caps leave": (lambda e: standings(e, CAPS, "home", NOW), "ix_reservations_month"),
    "what is to be rated": (lambda e: queries.to_rate(e, 3), "decisions_audited"),
    "how much that is": (queries.left_to_rate, "decisions_audited"),
    "a shadow": (lambda e: shadowed(e), "shadow_version"),
}


def shadowed(engine: Engine) -> None:
    with engine.begin() as connection:
        queries.decided_in_shadow("learned-1", [])(connection)


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_that_somebody_waits_for_goes_along_an_index(engine: Engine, name: str) -> None:
    question, index = QUESTIONS[name]
    plan = plan_of(engine, question)
    assert index in plan
    assert "SCAN decisions\n" not in plan + "\n" and "Seq Scan on decisions" not in plan


def test_sums_read_no_row_of_the_log(engine: Engine) -> None:
    plan = plan_of(engine, lambda e: savings(e, 0.0))
    assert "COVERING INDEX" in plan or "Index Only Scan" in plan


def test_labels_of_a_version_are_looked_for_among_what_was_said_last(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with engine.connect() as connection:
        said = select(decisions.c.router_version).join(feedback).order_by(feedback.c.id.desc())
        versions = connection.execute(said).scalars().all()
    of = partial(queries.fresh_labels, engine, limit=100)
    before = next(version for version in versions if version != versions[0])
    assert of(before)
    monkeypatch.setattr(queries, "SAID_ROWS", versions.index(before))
    assert of(versions[0]) and not of(before)
    plan = plan_of(engine, lambda e: of("nobody's"))
    assert "SCAN feedback" not in plan and "Seq Scan on feedback" not in plan


def test_what_reads_the_whole_log_asks_for_it_in_pieces(
    engine: Engine, router: Router, tmp_path: Path
) -> None:
    whole: list[bool] = []

    def hear(
        connection: Any, cursor: Any, statement: str, given: Any, context: Any, many: bool
    ) -> None:
        if " AS " not in statement.split("FROM")[0] and "decisions.request" in statement:
            whole.append("yield_per" not in context.execution_options)

    event.listen(engine, "before_cursor_execute", hear)
    assert sum(1 for _ in export.outcomes(engine)) > FEW / 2
    assert sum(1 for _ in export.answers(engine)) > FEW / 4
    assert transfer.dump(engine, tmp_path)["decisions"] == FEW
    assert logged.waiting(engine, router, ()).first
    assert judge.chosen(engine, router, 5)
    assert queries.fresh_labels(engine, "default-3", 100)
    event.remove(engine, "before_cursor_execute", hear)
    assert len(whole) >= 5 and not any(whole)
    assert events.recent(engine)


def peak_mb(work: Callable[[], Any]) -> float:
    tracemalloc.start()
    work()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most / 2**20


def test_memory_does_not_grow_with_the_log(
    pool: list[rows.Known], router: Router, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, name in (
        (export, "PIECE_ROWS"),
        (transfer, "PIECE_ROWS"),
        (queries, "NUMBERS_ROWS"),
        (judge, "CONSIDERED"),
    ):
        monkeypatch.setattr(module, name, 50)
    logs = [filled(f"sqlite:///{tmp_path}/{n}.db", n, pool) for n in (FEW, MORE)]
    copies = [open_database(f"sqlite:///{tmp_path}/copy-{n}.db") for n in (FEW, MORE)]
    works: dict[str, Callable[[Engine, Engine], Any]] = {
        "jsonl": lambda e, _: export.write(export.outcomes(e), tmp_path / "o.jsonl"),
        "csv": lambda e, _: export.write(export.answers(e), tmp_path / "o.csv"),
        "parquet": lambda e, _: export.write(export.outcomes(e), tmp_path / "o.parquet"),
        "dump": lambda e, _: transfer.dump(e, tmp_path / "dump"),
        "load": lambda _, copy: transfer.load(tmp_path / "dump", copy),
        "judge": lambda e, _: judge.chosen(e, router, 2),
        "watch": lambda e, _: queries.fresh_labels(e, "default-3", 50),
    }
    peaks: dict[str, list[float]] = {name: [] for name in works}
    for engine, copy in zip(logs, copies, strict=True):
        for name, work in works.items():
            peaks[name].append(peak_mb(partial(work, engine, copy)))
        engine.dispose()
        copy.dispose()
    grown = {name: (few, more) for name, (few, more) in peaks.items() if more > 1.5 * few + 1}
    assert not grown


def test_an_older_log_is_brought_up_to_date_with_a_word(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0006")
    before = {index["name"] for index in inspect(engine).get_indexes("decisions")}
    migrate(engine)
    assert "is brought to its newest form" in caplog.text
    after = {index["name"] for index in inspect(engine).get_indexes("decisions")}
    assert before == {"decisions_at"}
    assert after == {"decisions_sums", "decisions_key", "decisions_audited"}
    caplog.clear()
    migrate(engine)
    assert not caplog.text


def test_a_command_is_measured_as_a_process_of_its_own(
    pool: list[rows.Known], tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/o.db"
    filled(url, 20, pool).dispose()
    given = {"ROUTER_LOG_URL": url}
    found = taken("savings", "savings", "--days", "9", cwd=tmp_path, given=given)
    assert found.code == 0 and found.spoke_s is None and "saved" in found.words
    assert found.cpu_s > 0 and found.mb > 20
    wrong = taken("savings", "savings", "--days", "none", cwd=tmp_path, given=given)
    assert wrong.code == 2 and not wrong.good and "beyond" in wrong.row()
