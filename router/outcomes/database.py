"""Opening the outcome database: the one place that knows its address."""

import hashlib
import logging
import re
import sqlite3
import threading
from functools import cache, partial
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

from platformdirs import user_data_path
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, OperationalError, SQLAlchemyError

from router.errors import LogError, LogLocked, LogUnreachable, MissingExtra
from router.outcomes.constants import LOCKED_S, RETRY_S

if TYPE_CHECKING:
    from alembic.config import Config

_log = logging.getLogger("router.outcomes")
# Held until the transaction ends.
_LOCK = {
    "sqlite": "BEGIN IMMEDIATE",
    "postgresql": "SELECT pg_advisory_xact_lock(7682)",
}
_NOW = {
    "sqlite": "SELECT (julianday('now') - 2440587.5) * 86400.0",
    "postgresql": "SELECT extract(epoch FROM clock_timestamp())",
}
# An end to every wait, so that a database that hangs is noticed. Chosen: as long as for SQLite.
_PATIENCE: dict[str, dict[str, object]] = {
    "sqlite": {"timeout": 5.0},
    "postgresql": {
        "connect_timeout": 5,
        "tcp_user_timeout": 10_000,
        "options": "-c lock_timeout=5000",
    },
}
# What a PostgreSQL server says to whom it never lets in. Before a connection stands the driver has
# no SQLSTATE (28000, 28P01, 3D000, 42501), only these words; a server that speaks another language
# than English (lc_messages) is not understood, and is waited for like one that is down.
_NEVER = re.compile(
    r"(password|Peer|certificate) authentication failed|no password supplied|pg_hba\.conf"
    r'|(role|database) ".*" does not exist|not permitted to log in|permission denied for database'
)
_LOCKED = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_LOCK_NOT_AVAILABLE = "55P03"  # PostgreSQL's SQLSTATE
_migrating = threading.Lock()  # Alembic's context is one for all threads
MIGRATIONS = Path(__file__).parent / "migrations"


def open_database(url: str, durable: bool = False) -> Engine:
    """Connect and bring the tables up to date. Raises LogError.

    `url`: as SQLAlchemy writes them, `sqlite:////home/me/outcomes.db` or
    `postgresql+psycopg://user@host/name`. `durable`: a commit survives the death of the machine, as
    it does on PostgreSQL, and not of the process alone. A log that another program holds is waited
    for, with a word, LOCKED_S at most.
    """
    engine = engine_of(url, durable)
    ends, reason = monotonic() + LOCKED_S, unready(engine)
    if isinstance(reason, LogLocked):
        _log.warning("%s It is waited for, %.0f seconds at most.", reason, LOCKED_S)
    while isinstance(reason, LogLocked) and monotonic() < ends:
        sleep(RETRY_S)
        reason = unready(engine)
    if reason is not None:
        engine.dispose()
        raise reason
    return engine


def engine_of(url: str, durable: bool = False) -> Engine:
    """See `open_database`, without connecting. Raises LogError for what is no such address."""
    try:
        known = make_url(url)
        if known.get_backend_name() not in _LOCK:
            raise LogError("log_url must be a sqlite or postgresql address.")
        if known.get_backend_name() == "sqlite" and known.database:
            Path(known.database).expanduser().parent.mkdir(parents=True, exist_ok=True)
            known = known.set(database=str(Path(known.database).expanduser()))
        engine = create_engine(known, connect_args=_PATIENCE[known.get_backend_name()])
        if engine.dialect.name == "sqlite":
            event.listen(engine, "connect", partial(_careful_sqlite, durable))
    except ModuleNotFoundError as error:
        raise MissingExtra(str(error.name), "postgres") from error
    except (ArgumentError, SQLAlchemyError, OSError) as error:
        raise _unopened(_safe(url), error) from error
    return engine


def unready(engine: Engine) -> LogError | None:
    """Bring the tables up to date; what is in the way of that, if anything is."""
    try:
        migrate(engine)
    except (SQLAlchemyError, OSError) as error:
        return _unopened(_safe(engine.url), error, _kind(engine, error))
    return None


def _kind(engine: Engine, error: Exception) -> type[LogError]:
    """Whether waiting may help: it does not for a file's faults, nor if the server refuses."""
    if not isinstance(error, OperationalError):
        return LogError
    if engine.dialect.name == "sqlite":
        code = getattr(error.orig, "sqlite_errorcode", sqlite3.SQLITE_BUSY)
        return LogLocked if code & 0xFF in _LOCKED else LogError
    if getattr(error.orig, "sqlstate", None) == _LOCK_NOT_AVAILABLE:
        return LogLocked
    return LogError if _NEVER.search(str(error.orig)) else LogUnreachable


def _unopened(name: str, error: Exception, kind: type[LogError] = LogError) -> LogError:
    look = "check log_url, the rights of its folder and the space on the disk"
    if kind is LogLocked:
        look = "let the program that holds it finish, perhaps bringing it up to date, or end that"
    elif kind is LogUnreachable:
        look = "see that its server runs, and that log_url is right"
    elif _NEVER.search(str(error)):
        look = "name a user, a password and a database in log_url that its server lets in"
    return kind(f"The outcome log at {name} cannot be opened ({_cause(error)}); {look}.")


def migrate(engine: Engine) -> None:
    """Bring the tables to the newest form (Alembic); of several processes one at a time."""
    from alembic import command
    from alembic.migration import MigrationContext

    with _migrating, engine.begin() as connection:
        lock(connection)
        there = MigrationContext.configure(connection).get_current_revision()
        if there == _newest():
            return
        if there is not None:
            _log.warning("The outcome log is brought to its newest form, a long one in minutes.")
        config = _alembic()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


@cache
def _newest() -> str | None:
    """The newest form of the tables; to find it out is to load every migration."""
    from alembic.script import ScriptDirectory

    return ScriptDirectory.from_config(_alembic()).get_current_head()


def _alembic() -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config


def lock(connection: Connection) -> None:
    """Keep other processes that lock the database waiting until this transaction ends.

    It must be the transaction's first statement.
    """
    connection.exec_driver_sql(_LOCK[connection.dialect.name])


def now(connection: Connection) -> float:
    """The database's own time, Unix time in seconds: one clock for all machines."""
    return float(connection.exec_driver_sql(_NOW[connection.dialect.name]).scalar_one())


def journal_folder(url: str) -> Path:
    """Where the journals of those who write to this database are. Raises LogError."""
    try:
        known = make_url(url)
    except ArgumentError as error:
        raise LogError("log_url is no address of a database.") from error
    if known.get_backend_name() == "sqlite" and known.database:
        database = Path(known.database).expanduser()
        return database.with_name(f"{database.name}.journal")
    name = hashlib.sha256(known.set(password=None).render_as_string().encode()).hexdigest()[:12]
    return user_data_path("hybrid-router") / f"journal-{name}"


def is_server(url: str) -> bool:
    """Whether other machines may write there too: a server, no file."""
    return make_url(url).get_backend_name() != "sqlite"


def _careful_sqlite(durable: bool, connection: Any, record: object) -> None:
    """Write-ahead log: readers never wait, and a commit survives the death of the process."""
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        f"synchronous={'FULL' if durable else 'NORMAL'}",
        "foreign_keys=ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _safe(url: str | URL) -> str:
    """For a message: without a password, nor the query, which may hold one."""
    try:
        return make_url(url).set(query={}).render_as_string(hide_password=True)
    except ArgumentError:
        return "log_url"


def _cause(error: Exception) -> str:
    """The driver's own words, without the statement and its parameters."""
    inner = getattr(error, "orig", None) or error
    lines = str(inner).splitlines() or [type(inner).__name__]
    return next(filter(_NEVER.search, lines), lines[0])[:200]  # of several hosts, who refuses
