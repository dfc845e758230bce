"""Opening the outcome database: the one place that knows its address."""

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from router.errors import LogError, MissingExtra

# Held until the transaction ends.
_LOCK = {
    "sqlite": "BEGIN IMMEDIATE",
    "postgresql": "SELECT pg_advisory_xact_lock(7682)",
}
MIGRATIONS = Path(__file__).parent / "migrations"


def open_database(url: str) -> Engine:
    """Connect and bring the tables up to date. Raises LogError.

    `url`: as SQLAlchemy writes them, `sqlite:////home/me/outcomes.db` or
    `postgresql+psycopg://user@host/name`.
    """
    try:
        known = make_url(url)
        if known.get_backend_name() not in _LOCK:
            raise LogError("log_url must be a sqlite or postgresql address.")
        if known.get_backend_name() == "sqlite" and known.database:
            Path(known.database).expanduser().parent.mkdir(parents=True, exist_ok=True)
            known = known.set(database=str(Path(known.database).expanduser()))
        engine = create_engine(known)
        if engine.dialect.name == "sqlite":
            event.listen(engine, "connect", _careful_sqlite)
        migrate(engine)
    except ModuleNotFoundError as error:
        raise MissingExtra(str(error.name), "postgres") from error
    except (ArgumentError, SQLAlchemyError, OSError) as error:
        raise LogError(
            f"The outcome log at {_safe(url)} cannot be opened ({_cause(error)}); check log_url, "
            "the rights of its folder and the space on the disk."
        ) from error
    return engine


def migrate(engine: Engine) -> None:
    """Bring the tables to the newest form (Alembic); of several processes one at a time."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    with engine.begin() as connection:
        lock(connection)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def lock(connection: Connection) -> None:
    """Keep other processes that lock the database waiting until this transaction ends.

    It must be the transaction's first statement.
    """
    connection.exec_driver_sql(_LOCK[connection.dialect.name])


def _careful_sqlite(connection: Any, record: object) -> None:
    """Write-ahead log: readers never wait, and a commit survives the death of the process."""
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=NORMAL",
        "busy_timeout=5000",
        "foreign_keys=ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _safe(url: str) -> str:
    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return "log_url"


def _cause(error: Exception) -> str:
    """The driver's own words, without the statement and its parameters."""
    inner = getattr(error, "orig", None) or error
    return str(inner).splitlines()[0][:200] if str(inner) else type(inner).__name__
