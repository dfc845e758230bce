"""Alarms, promotions and rollbacks, kept in the outcome log."""

from collections.abc import Callable
from dataclasses import dataclass
from time import time

from sqlalchemy import Connection, Engine, func, insert, select

from router.outcomes.tables import events
from router.registry.registry import Change, Listener


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a model. `at`: Unix time in seconds."""

    at: float
    kind: str
    version: str | None
    words: str


def note(kind: str, version: str | None, words: str) -> Callable[[Connection], None]:
    """Work for `OutcomeLog.call` that writes down an event."""

    def write_down(connection: Connection) -> None:
        row = {"at": time(), "kind": kind, "version": version, "words": words}
        connection.execute(insert(events).values(**row))

    return write_down


def write(engine: Engine, kind: str, version: str | None, words: str) -> None:
    """Write down an event in a transaction of its own."""
    with engine.begin() as connection:
        note(kind, version, words)(connection)


def listener(engine: Engine) -> Listener:
    """What writes down every move of a registry."""
    return lambda move: write(engine, move.change, move.version, move.words)


def recent(engine: Engine, limit: int = 20) -> list[Event]:
    """The last events, the newest first."""
    columns = events.c.at, events.c.kind, events.c.version, events.c.words
    query = select(*columns).order_by(events.c.at.desc(), events.c.id.desc()).limit(limit)
    with engine.connect() as connection:
        return [Event(*row) for row in connection.execute(query)]


def refused(engine: Engine) -> list[str]:
    """Versions of which the last word was a refusal or a rollback, the newest first."""
    moves = [c.value for c in Change]
    last = select(func.max(events.c.id)).where(events.c.kind.in_(moves)).group_by(events.c.version)
    against = events.c.kind.in_([Change.REFUSED.value, Change.ROLLED_BACK.value])
    query = select(events.c.version).where(events.c.id.in_(last), against)
    with engine.connect() as connection:
        found = connection.execute(query.order_by(events.c.id.desc())).scalars()
        return [version for version in found if version]


def rolled_back(engine: Engine, version: str) -> bool:
    """Whether the router ever had to go back from a version."""
    query = select(events.c.id).where(
        events.c.kind == Change.ROLLED_BACK, events.c.version == version
    )
    with engine.connect() as connection:
        return connection.execute(query).first() is not None
