"""Writing outcomes: into the journal at once, from there into the database in groups."""

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from functools import cache
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Table, insert, select
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError, StatementError

from router.errors import LogError, LogUnreachable, RequestRefused
from router.outcomes.constants import AT_ONCE, CLOSE_S, GATHER_S, LATE_S, ORPHANS_S, RETRY_S
from router.outcomes.database import engine_of, journal_folder, unready
from router.outcomes.frames import Entry
from router.outcomes.journal import Behind, Journal, Sync
from router.outcomes.tables import decisions, feedback, reservations

_log = logging.getLogger("router.outcomes")
_T = TypeVar("_T")
Row = dict[str, Any]
# What entries are called in the journal, which outlives a version of this code.
_DECISION, _RESERVED, _SETTLED = "decision", "reserved", "settled"


class OutcomeLog:
    """One writer for a database.

    `write` puts a decision into the journal, so whoever sends the last byte after it may be killed
    the next moment. A thread drains the journal into the database, each row once, and those that
    dead workers leave in the same folder. While the database takes nothing, answers go on, the
    journal grows and `failing` is true. `ready`: whether its tables are there; else the thread
    makes them once it can.
    """

    def __init__(self, engine: Engine, journal: Journal, ready: bool = True) -> None:
        self.engine, self._journal, self._ready = engine, journal, ready
        self.failing = not ready
        self._looked_at = -ORPHANS_S
        self._refused = 0
        self._nudged = self._ended = False
        self._queue: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._connection: Connection | None = None
        self._thread = threading.Thread(target=self._run, name="outcome-log", daemon=True)
        self._thread.start()

    @property
    def lost(self) -> int:
        """Rows that are not and will not be in the database: refused by it, or damaged on disk."""
        return self._refused + self._journal.damaged

    @property
    def behind(self) -> Behind:
        """How far the database is behind."""
        return self._journal.behind

    @property
    def late(self) -> bool:
        """Whether the database takes nothing, or was last even with the journal LATE_S ago."""
        return self.failing or self.behind.seconds > LATE_S

    def admit(self) -> None:
        """Make sure that a request can be noted at its end. Raises JournalFull."""
        self._journal.admit()

    def write(self, row: Row) -> "asyncio.Future[None] | None":
        """Note a decision. Raises JournalFull.

        Gives what is to be awaited before the last byte is sent, if the journal is synced for each.
        """
        return self._append(_DECISION, row)

    def reserve(self, row: Row) -> None:
        """Note money set aside without a look at what is left. Raises JournalFull."""
        self._append(_RESERVED, row)

    def settle(self, row: Row) -> None:
        """Note what was paid of a reservation, in its whole row. Raises JournalFull."""
        self._append(_SETTLED, row)

    def _append(self, kind: str, row: Row) -> "asyncio.Future[None] | None":
        written = self._journal.append(kind, row)
        if not self._nudged:  # the thread is woken once for many rows
            self._nudged = True
            self._queue.put(None)
        return written

    def call(self, work: Callable[[Connection], _T]) -> "Future[_T]":
        """Run `work` in a transaction of its own, after every row noted so far.

        Fails with LogError, at once while the database is late.
        """
        future: Future[_T] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():  # nobody waits for it any more
                return
            try:
                if self.failing:
                    raise _behind()
                connection = self._opened()
                with connection.begin():
                    done = work(connection)
                future.set_result(done)
            except SQLAlchemyError as error:
                future.set_exception(LogError(f"The outcome log failed: {_words(error)}."))
            except Exception as error:
                future.set_exception(error)

        if self.late:
            future.set_exception(_behind())
        else:
            self._queue.put(run)
        return future

    async def flushed(self) -> None:
        """Wait until the database has every row noted so far. Fails with LogError."""
        await asyncio.wrap_future(self.call(lambda connection: None))

    async def add_feedback(self, row: Row) -> None:
        """Store feedback. Raises RequestRefused (404) if no such decision is known."""

        def store(connection: Connection) -> None:
            known = select(decisions.c.id).where(decisions.c.id == row["decision_id"])
            if connection.execute(known).first() is None:
                raise RequestRefused(
                    404, "unknown_decision", "There is no decision with that id in the log."
                )
            connection.execute(insert(feedback).values(**row))

        await asyncio.wrap_future(self.call(store))

    def forget(self, work: Callable[[Connection], _T]) -> "Future[_T]":
        """`call` for what takes words away: the journal keeps none of them either."""
        self._journal.turn()
        return self.call(work)

    def close(self) -> None:
        """Drain what is waiting and stop; what the database does not take stays in the journal."""
        self._ended = True
        self._queue.put(None)
        self._thread.join(timeout=CLOSE_S)
        self._journal.close()
        self.engine.dispose()

    def _run(self) -> None:
        while not self._ended:
            self._look_for_orphans()
            self._drain()
            work = self._next(RETRY_S if self.failing else ORPHANS_S) or self._next(GATHER_S)
            self._nudged = False
            if work is not None:
                self._drain()
                work()
        self._drain()
        if self._connection is not None:
            self._connection.close()

    def _next(self, within_s: float | None) -> Callable[[], None] | None:
        with suppress(Empty):
            return self._queue.get(timeout=0 if self._ended else within_s)
        return None

    def _look_for_orphans(self) -> None:
        if monotonic() - self._looked_at < ORPHANS_S:
            return
        if left := self._journal.adopt():
            _log.warning("Rows in %d files that dead workers left are drained first.", left)
        self._looked_at = monotonic()

    def _drain(self) -> None:
        """Everything that waits, into the database; or note that it takes nothing."""
        try:
            if not self._ready and (reason := unready(self.engine)) is not None:
                raise reason
            self._ready = True
            while (piece := self._journal.take()) is not None:
                self._insert(piece.entries)
                self._journal.done(piece)
        except Exception as error:  # the writer must outlive whatever a piece brings
            if not self.failing:
                _log.error("The outcome log takes no rows (%s); they wait.", _words(error))
            self.failing = True
        else:
            if self.failing:
                _log.warning("The outcome log has every row that waited.")
            self.failing = False

    def _insert(self, entries: Sequence[Entry]) -> None:
        """All in one commit; if one of them is at fault, each in its own."""
        try:
            connection = self._opened()
            with connection.begin():
                for kind, group in groupby(entries, key=itemgetter(0)):
                    rows = [row for _, row in group]
                    for start in range(0, len(rows), AT_ONCE):
                        _STATEMENTS[kind].run(connection, rows[start : start + AT_ONCE])
        except Exception as error:
            if not _is_of_a_row(error):
                raise
            if len(entries) > 1:
                for entry in entries:
                    self._insert([entry])
                return
            self._refused += 1
            _log.error("A row of the outcome log was refused (%s).", _words(error))

    def _opened(self) -> Connection:
        """The writer's own connection, opened anew after a failure."""
        if self._connection is None or self._connection.closed or self._connection.invalidated:
            self._connection = self.engine.connect()
        return self._connection


class _Insert:
    """Inserts rows of a table, where `known` says what is done with one that is there already.

    One statement for many: each would give up the interpreter's lock and wait for it anew.
    """

    def __init__(self, table: Table, known: str) -> None:
        self._columns = tuple(column.name for column in table.columns)
        self._known = f"ON CONFLICT (id) DO {known}"
        self._into = f"INSERT INTO {table.name} ({', '.join(self._columns)}) VALUES "
        self._text = cache(self._text_of)

    def run(self, connection: Connection, rows: Sequence[Row]) -> None:
        values = tuple(row.get(name) for row in rows for name in self._columns)
        mark = "?" if connection.dialect.name == "sqlite" else "%s"
        connection.exec_driver_sql(self._text(mark, len(rows)), values)

    def _text_of(self, mark: str, rows: int) -> str:
        row = f"({', '.join([mark] * len(self._columns))})"
        return f"{self._into} {', '.join([row] * rows)} {self._known}"


_STATEMENTS = {
    _DECISION: _Insert(decisions, "NOTHING"),
    _RESERVED: _Insert(reservations, "NOTHING"),
    _SETTLED: _Insert(reservations, "UPDATE SET usd = excluded.usd, settled = excluded.settled"),
}


def _is_of_a_row(error: Exception) -> bool:
    """Whether a row is at fault and not the database: tried again it would fail again."""
    if isinstance(error, DBAPIError):
        return isinstance(error, IntegrityError | DataError)
    return isinstance(error, StatementError | OverflowError | ValueError | KeyError | TypeError)


def _behind() -> LogError:
    return LogError("The outcome log's database is behind now; see the gateway's log and wait.")


def open_log(
    url: str, folder: Path | None = None, sync: Sync = "second", limit_mb: float = 1024
) -> OutcomeLog:
    """The log at `url`, its journal in `folder` (default: beside the database).

    A database that is down or locked is waited for. Raises LogError for what waiting does not mend.
    """
    engine = engine_of(url, durable=sync != "never")
    reason = unready(engine)
    if reason is not None and not isinstance(reason, LogUnreachable):
        raise reason
    journal = Journal(folder or journal_folder(url), sync, round(limit_mb * 2**20))
    if reason is not None:
        _log.error("%s Answers go on; their rows wait in %s until then.", reason, journal.folder)
    return OutcomeLog(engine, journal, ready=reason is None)


def _words(error: Exception) -> str:
    """The driver's words; SQLAlchemy's own hold the row, and so a prompt."""
    inner = getattr(error, "orig", None)
    return str(inner).splitlines()[0][:200] if inner else type(error).__name__
