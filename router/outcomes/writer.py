"""Writing outcomes: many requests share one commit, made by a thread of its own."""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from functools import cache
from queue import SimpleQueue
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, insert, select
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from router.errors import LogError, RequestRefused
from router.outcomes.tables import decisions, feedback

_log = logging.getLogger("router.outcomes")
_T = TypeVar("_T")
Row = dict[str, Any]
_COLUMNS = tuple(c.name for c in decisions.columns)
_INSERT = insert(decisions)
_GROUP = 512  # rows committed together
_AT_ONCE = 32  # rows in one statement; SQLite keeps as many prepared
_KEPT = 10_000  # rows that wait in memory while the database cannot take them


class OutcomeLog:
    """One writer for a database.

    `write` returns when the row is committed, so whoever sends the last byte after it may be killed
    the next moment. While the disk is full, answers go on: rows wait in memory and are tried again
    with the next ones, and `failing` is true.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.failing = False
        self.lost = 0
        self._queue: SimpleQueue[tuple[Row, asyncio.Future[bool]] | Callable[[], None] | None] = (
            SimpleQueue()
        )
        self._kept: deque[Row] = deque()
        self._connection: Connection | None = None
        self._thread = threading.Thread(target=self._run, name="outcome-log", daemon=True)
        self._thread.start()

    def write(self, row: Row) -> asyncio.Future[bool]:
        """Commit a decision; the future is false if the database could not take it yet.

        Whoever is being cancelled need not wait for it.
        """
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._queue.put((row, done))
        return done

    def call(self, work: Callable[[Connection], _T]) -> "Future[_T]":
        """Run `work` in a transaction of its own, in the writer's turn. Fails with LogError."""
        future: Future[_T] = Future()

        def run() -> None:
            try:
                connection = self._opened()
                with connection.begin():
                    done = work(connection)
                future.set_result(done)
            except SQLAlchemyError as error:
                future.set_exception(LogError(f"The outcome log failed: {_words(error)}."))
            except Exception as error:
                future.set_exception(error)

        self._queue.put(run)
        return future

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

    def close(self) -> None:
        """Write what is waiting and stop."""
        self._queue.put(None)
        self._thread.join(timeout=10)
        self.engine.dispose()

    def _run(self) -> None:
        while True:
            item = self._queue.get()
            group: list[tuple[Row, asyncio.Future[bool]]] = []
            while isinstance(item, tuple):
                group.append(item)
                more = len(group) < _GROUP and not self._queue.empty()
                item = self._queue.get() if more else _nothing
            if group:
                try:
                    self._commit(group)
                except Exception as error:  # the writer must outlive whatever one group brings
                    _log.error("The outcome log failed (%s).", type(error).__name__)
                    self.failing = True
                    _tell(group, False)
            if item is None:
                self._commit([])
                if self._connection is not None:
                    self._connection.close()
                return
            if callable(item):
                item()

    def _commit(self, group: list[tuple[Row, asyncio.Future[bool]]]) -> None:
        rows = [*self._kept, *({c: row.get(c) for c in _COLUMNS} for row, _ in group)]
        if not rows:
            return
        try:
            self._insert(rows)
        except SQLAlchemyError as error:
            self._keep(rows, error)
        else:
            self._kept.clear()
            if self.failing:
                _log.warning("The outcome log takes rows again; none that waited was lost.")
            self.failing = False
        _tell(group, not self.failing)

    def _insert(self, rows: list[Row]) -> None:
        """All rows in one commit; if one of them is at fault, each in its own."""
        try:
            connection = self._opened()
            with connection.begin():
                for start in range(0, len(rows), _AT_ONCE):
                    self._write(connection, rows[start : start + _AT_ONCE])
        except OperationalError:
            raise
        except Exception as error:  # a driver's own, too: OverflowError for a number beyond 64 bits
            if len(rows) == 1:
                self.lost += 1
                _log.error("A row of the outcome log was refused (%s).", _words(error))
                return
            for row in rows:
                self._insert([row])

    def _opened(self) -> Connection:
        """The writer's own connection, opened anew after a failure."""
        if self._connection is None or self._connection.closed or self._connection.invalidated:
            self._connection = self.engine.connect()
        return self._connection

    def _write(self, connection: Connection, rows: list[Row]) -> None:
        if connection.dialect.name != "sqlite":
            connection.execute(_INSERT, rows)
            return
        # One statement for all: each would give up the interpreter's lock and wait for it anew.
        values = tuple(row[c] for row in rows for c in _COLUMNS)
        connection.exec_driver_sql(_sqlite_insert(len(rows)), values)

    def _keep(self, rows: list[Row], error: SQLAlchemyError) -> None:
        if not self.failing:
            _log.error("The outcome log takes no rows (%s); they wait in memory.", _words(error))
        self.failing = True
        self.lost += max(0, len(rows) - _KEPT)
        self._kept = deque(rows, maxlen=_KEPT)


@cache
def _sqlite_insert(rows: int) -> str:
    row = f"({', '.join('?' * len(_COLUMNS))})"
    return f"INSERT INTO decisions ({', '.join(_COLUMNS)}) VALUES {', '.join([row] * rows)}"


def _nothing() -> None:
    """What the writer does when a group is full."""


def _tell(group: list[tuple[Row, asyncio.Future[bool]]], good: bool) -> None:
    """Wake the requests, once per event loop."""
    loops: dict[asyncio.AbstractEventLoop, list[asyncio.Future[bool]]] = {}
    for _, future in group:
        loops.setdefault(future.get_loop(), []).append(future)
    for loop, futures in loops.items():
        try:
            loop.call_soon_threadsafe(_resolve, futures, good)
        except RuntimeError:  # the loop is closed; nobody waits any more
            continue


def _resolve(futures: list[asyncio.Future[bool]], good: bool) -> None:
    for future in futures:
        if not future.done():
            future.set_result(good)


def _words(error: Exception) -> str:
    """The driver's words; SQLAlchemy's own hold the row, and so a prompt."""
    inner = getattr(error, "orig", None)
    return str(inner).splitlines()[0][:200] if inner else type(error).__name__
