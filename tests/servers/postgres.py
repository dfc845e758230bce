"""A PostgreSQL of one's own: the system's programs, on loopback, in a folder that goes away."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from sqlalchemy import create_engine
from sqlalchemy.engine import make_url

from tests.servers.fixtures import free_port


def programs() -> Path | None:
    """The folder of initdb and pg_ctl, where the system has them."""
    on_path = shutil.which("pg_ctl")
    installed = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"), key=lambda p: float(p.parts[-3])
    )
    found = installed[-1] if installed else on_path and Path(on_path).resolve()
    return found.parent if found else None


class Postgres:
    """`with Postgres() as server: server.url`. Raises FileNotFoundError where there is none.

    It does not run as root; root runs it as postgres or nobody.
    """

    def __init__(self) -> None:
        if (found := programs()) is None:
            raise FileNotFoundError("PostgreSQL's initdb and pg_ctl are not installed.")
        self._programs, self._port = found, free_port()
        self.url = f"postgresql+psycopg://postgres@127.0.0.1:{self._port}/postgres"

    def __enter__(self) -> Self:
        self._folder = tempfile.mkdtemp()  # not pytest's: its folders are closed to other users
        if os.getuid() == 0:
            shutil.chown(self._folder, _user())
        self._run("initdb", "-A", "trust", "-U", "postgres", "--no-sync")
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._run("pg_ctl", "-m", "immediate", "-w", "stop")
        shutil.rmtree(self._folder)

    def restart(self) -> None:
        """Stop it under whoever is connected, and start it again."""
        self.stop()
        self.start()

    def stop(self) -> None:
        """Stop it under whoever is connected."""
        self._run("pg_ctl", "-m", "fast", "-w", "stop")

    def start(self) -> None:
        """Start it, for the first time or again."""
        options = f"-p {self._port} -c listen_addresses=127.0.0.1 -c unix_socket_directories="
        log = str(Path(self._folder) / "log")
        self._run("pg_ctl", "-w", "-l", log, "-o", options, "start")

    def _run(self, program: str, *options: str) -> None:
        command = [str(self._programs / program), "-D", self._folder, *options]
        as_other = ["runuser", "-u", _user(), "--"] if os.getuid() == 0 else []
        subprocess.run(
            [*as_other, *command], check=True, stdout=subprocess.DEVNULL, cwd=self._folder
        )


def _user() -> str:
    """Whom root runs it as."""
    known = {user.pw_name for user in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


@contextmanager
def database(url: str, name: str) -> Iterator[str]:
    """A database of its own on the PostgreSQL server at `url`."""
    server = create_engine(url, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.exec_driver_sql(f'CREATE DATABASE "{name}"')
    try:
        yield make_url(url).set(database=name).render_as_string(hide_password=False)
    finally:
        with server.connect() as connection:
            connection.exec_driver_sql(f'DROP DATABASE "{name}" WITH (FORCE)')
        server.dispose()
