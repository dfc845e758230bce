"""Every command that reads the log, on a long one: python -m tests.million --rows 1000000.

Writes the log where there is none (SQLite in `--folder`, or with `--postgres` in a PostgreSQL of
its own), runs each command as a process of its own, and prints seconds, megabytes at most, and
when it first said on stderr what it was doing. Ends with 1 where one took more than 10 s or 500 MB
and said nothing. Two servers on loopback stand in for Ollama and the cloud.
"""

import argparse
import contextlib
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import func, select

from router.outcomes.database import open_database
from router.outcomes.tables import decisions
from tests.million.gateway import gateway
from tests.million.measure import Taken, taken
from tests.million.rows import write
from tests.servers import upstream
from tests.servers.postgres import Postgres, database

COMMANDS: tuple[tuple[str, ...], ...] = (
    ("savings", "--days", "30"),
    ("savings", "--days", "3650"),
    ("top", "--once"),
    ("models",),
    ("models", "tidy"),
    ("doctor",),
    ("predict", "Why is the sky blue?"),
    ("explain", "Why is the sky blue?"),
    ("ask", "Why is the sky blue?", "--tier", "local"),
    ("rate", "--count", "1"),
    ("judge", "--sample", "2", "--yes"),
    ("study", "--budget", "120s"),
    ("log", "export", "--out", "outcomes.jsonl"),
    ("log", "export", "--out", "outcomes.csv"),
    ("log", "export", "--out", "outcomes.parquet"),
    ("log", "export", "--what", "answers", "--out", "answers.parquet"),
    ("log", "dump", "dump"),
    ("log", "load", "dump"),
    ("what-if", "--threshold", "0.2"),
    ("learn", "--now"),
    ("models", "rollback"),
)


def main() -> int:
    """Measure, print a table, and say whether everything is within bounds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, help="where the log is kept for the next time")
    parser.add_argument("--postgres", nargs="?", const="", help="an address, or one of its own")
    parser.add_argument("--only", action="append", help="commands that begin so, or gateway")
    options = parser.parse_args()
    beyond = 0
    with contextlib.ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=options.folder)))
        url = f"sqlite:///{options.folder or scratch}/outcomes.db"
        empty = f"sqlite:///{scratch}/loaded.db"
        if options.postgres is not None:
            url = options.postgres or stack.enter_context(Postgres()).url
            empty = stack.enter_context(database(url, f"loaded_{time.time_ns()}"))
        _filled(url, options.rows)
        print(
            "| command | s | of them CPU | MB | says what it does |\n|---|---|---|---|---|",
            flush=True,
        )
        for found in _measured(scratch, url, empty, options.only):
            print(found.row(), flush=True)
            print(f"  {found.code} {found.words}", file=sys.stderr, flush=True)
            beyond += not found.good
    return bool(beyond)


def _filled(url: str, rows: int) -> None:
    engine = open_database(url)
    with engine.connect() as connection:
        there = connection.execute(select(func.count()).select_from(decisions)).scalar_one()
    if not there:
        write(engine, rows, until=time.time())
    elif there < rows:
        raise SystemExit(f"The log there has {there} rows; remove it to have {rows} written.")
    engine.dispose()


def _measured(cwd: Path, url: str, empty: str, only: list[str] | None) -> Iterator[Taken]:
    with upstream.Upstream(upstream.local) as local, upstream.Upstream(upstream.cloud) as cloud:
        given = {
            "ROUTER_LOG_URL": url,
            "ROUTER_LOCAL_URL": local.url,
            "ROUTER_LOCAL_MODEL": "small",
            "ROUTER_CLOUD_URL": cloud.url,
            "ROUTER_CLOUD_API_KEY": "none",
        }
        for arguments in COMMANDS:
            name = " ".join(arguments)
            if only and not any(name.startswith(one) for one in only):
                continue
            mine = given | {"ROUTER_LOG_URL": empty} if arguments[:2] == ("log", "load") else given
            typed = "q\n" if arguments[0] == "rate" else ""
            yield taken(name, *arguments, cwd=cwd, given=mine, typed=typed)
        if not only or "gateway" in only:
            yield from gateway(cwd, given)


if __name__ == "__main__":
    sys.exit(main())
