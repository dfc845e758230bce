"""The bundled log, or anybody's, opened for reading and learning."""

import tempfile
from pathlib import Path

from sqlalchemy import Engine

from router.outcomes import transfer
from router.outcomes.database import open_database


def open_log(source: str | Path) -> Engine:
    """The log at a database address, or a dump's folder loaded into a database of its own.

    Of a dump nothing is written back: its database lies in a temporary folder. Raises LogError.
    """
    if "://" in str(source):
        return open_database(str(source))
    folder = Path(tempfile.mkdtemp(prefix="router-log-"))
    engine = open_database(f"sqlite:///{folder / 'outcomes.db'}")
    transfer.load(Path(source), engine)
    return engine
