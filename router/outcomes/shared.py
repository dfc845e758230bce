"""What gateways on one log remember for each other.

Nobody waits for it: what is put is written a moment later, together with what else was put then;
what others put is pulled every second; and what is asked for by name, as it was not heard of, is
waited for a quarter of a second at most. While the database takes nothing, each gateway goes on
with what it knows itself. No word of a request is among it.
"""

import asyncio
import hashlib
import logging
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import monotonic
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, delete, select, text
from sqlalchemy.exc import SQLAlchemyError

from router.errors import LogError
from router.outcomes.constants import (
    SHARE_GATHER_S,
    SHARE_KEPT_S,
    SHARE_MOST,
    SHARE_OVERLAP_S,
    SHARE_WAIT_S,
)
from router.outcomes.database import now
from router.outcomes.tables import shared

_log = logging.getLogger("router.outcomes")
_T = TypeVar("_T")
KEY = "key"  # the kind of API keys, which are kept until they are taken back
_PUT = text(
    "INSERT INTO shared (kind, name, at, holder, value)"
    " VALUES (:kind, :name, :at, :holder, :value) ON CONFLICT (kind, name) DO UPDATE SET"
    " at = excluded.at, holder = excluded.holder, value = excluded.value"
)


@dataclass(frozen=True, slots=True)
class Note:
    """Something remembered: a kind, a name that is unique in it, and JSON."""

    kind: str
    name: str
    value: str


def hashed(said: bytes) -> str:
    """A name for what nobody shall read in the log: 32 hexadecimal digits."""
    return hashlib.blake2b(said, digest_size=16).hexdigest()


class Shared:
    """One gateway's part. `holder`: a name that no other process has; `down`: whether the database
    takes nothing now. To be opened and closed on one event loop.
    """

    def __init__(self, engine: Engine, holder: str, down: Callable[[], bool]) -> None:
        self._engine, self._holder, self._down = engine, holder, down
        self._waiting: dict[tuple[str, str], str] = {}
        self._put = asyncio.Event()
        self._since: float | None = None
        # What the last pull gave, and when it was put.
        self._seen: dict[tuple[str, str], float] = {}
        self._silent_until = 0.0
        # Of its own: a database that hangs must not take the threads that requests are read in.
        self._threads = ThreadPoolExecutor(2, "shared")
        self._task = asyncio.create_task(self._write(), name="shared")

    def put(self, note: Note) -> None:
        """Let others know; where too much waits, they do without."""
        if len(self._waiting) < SHARE_MOST:
            self._waiting[note.kind, note.name] = note.value
            self._put.set()

    async def get(self, kind: str, names: Iterable[str]) -> dict[str, str]:
        """What is remembered by these names; as far as that is heard in time."""
        wanted = list(names)
        if not wanted or self._down() or monotonic() < self._silent_until:
            return {}
        try:
            return await asyncio.wait_for(self._aside(self._read, kind, wanted), SHARE_WAIT_S)
        except (SQLAlchemyError, TimeoutError):
            self._silent_until = monotonic() + 1.0  # nobody waits for each of the next
            return {}

    async def pull(self) -> list[Note]:
        """What others have put since the last time; at first all that is kept. Raises LogError."""
        if self._down():
            return []
        try:
            return await self._aside(self._news)
        except SQLAlchemyError as error:
            raise LogError("What other gateways remember cannot be read now.") from error

    async def prune(self) -> None:
        """Forget what is old. One gateway is enough for it."""
        await self._aside(self._forget)

    async def close(self) -> None:
        """Write what waits, and stop."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        if self._waiting and not self._down():
            await self._aside(self._keep, self._taken())
        self._threads.shutdown(wait=False)

    async def _write(self) -> None:
        while True:
            await self._put.wait()
            await asyncio.sleep(SHARE_GATHER_S)
            self._put.clear()
            notes = self._taken()
            if not self._down():
                await self._aside(self._keep, notes)

    def _taken(self) -> list[Note]:
        waiting, self._waiting = self._waiting, {}
        return [Note(kind, name, value) for (kind, name), value in waiting.items()]

    def _aside(self, work: Callable[..., _T], *given: Any) -> asyncio.Future[_T]:
        return asyncio.get_running_loop().run_in_executor(self._threads, work, *given)

    # In threads

    def _keep(self, notes: list[Note]) -> None:
        try:
            with self._engine.begin() as connection:
                put(connection, notes, self._holder)
        except Exception as error:  # whoever writes must outlive it
            _log.warning("Others do not hear what is remembered (%s).", type(error).__name__)

    def _read(self, kind: str, names: list[str]) -> dict[str, str]:
        query = select(shared.c.name, shared.c.value).where(
            shared.c.kind == kind, shared.c.name.in_(names)
        )
        with self._engine.connect() as connection:
            return {row.name: row.value for row in connection.execute(query)}

    def _news(self) -> list[Note]:
        query = select(shared.c.kind, shared.c.name, shared.c.value, shared.c.at)
        query = query.where(shared.c.holder != self._holder)
        if self._since is not None:
            query = query.where(shared.c.at > self._since - SHARE_OVERLAP_S)
        with self._engine.connect() as connection:
            at = now(connection)
            found = connection.execute(query.order_by(shared.c.at.desc()).limit(SHARE_MOST)).all()
        before, self._since = self._seen, at
        self._seen = {(kind, name): put_at for kind, name, _, put_at in found}
        return [
            Note(kind, name, value)
            for kind, name, value, put_at in reversed(found)
            if before.get((kind, name)) != put_at
        ]

    def _forget(self) -> None:
        with self._engine.begin() as connection:
            old = shared.c.at < now(connection) - SHARE_KEPT_S
            connection.execute(delete(shared).where(old, shared.c.kind != KEY))


def put(connection: Connection, notes: Iterable[Note], holder: str) -> None:
    """Write notes down, the newest value of each name."""
    at = now(connection)
    rows = [
        {"kind": n.kind, "name": n.name, "at": at, "holder": holder, "value": n.value}
        # In one order everywhere, or two gateways could wait for each other.
        for n in sorted(notes, key=lambda n: (n.kind, n.name))
    ]
    if rows:
        connection.execute(_PUT, rows)


def tell(engine: Engine, note: Note) -> None:
    """Let every gateway know, from outside of them."""
    with engine.begin() as connection:
        put(connection, [note], "a command")


def named(engine: Engine, kind: str) -> dict[str, str]:
    """All notes of a kind, by their names."""
    query = select(shared.c.name, shared.c.value).where(shared.c.kind == kind)
    with engine.connect() as connection:
        return {row.name: row.value for row in connection.execute(query)}
