"""The whole log as text files, to move it to another database or keep it."""

import base64
import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, LargeBinary, RowMapping, Table, func, insert, select

from router.errors import LogError
from router.outcomes.constants import PIECE_BYTES, PIECE_ROWS
from router.outcomes.pieces import Progress, pieces, untold
from router.outcomes.tables import decisions, events, feedback, opinions, probes, shadow

TABLES: tuple[Table, ...] = (decisions, feedback, opinions, probes, shadow, events)


def dump(engine: Engine, folder: Path, progress: Progress = untold) -> dict[str, int]:
    """Write every table to `folder/<table>.jsonl`; returns the rows of each. Raises LogError.

    `progress` hears how many rows are written, of all tables together.
    """
    counts: dict[str, int] = {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with engine.connect() as connection:
            of = sum(
                connection.execute(select(func.count()).select_from(table)).scalar_one()
                for table in TABLES
            )
            for table in TABLES:
                done = sum(counts.values())
                counts[table.name] = 0
                with (folder / f"{table.name}.jsonl").open("w", encoding="utf-8") as out:
                    for piece in _pieces(connection, table):
                        progress(done + counts[table.name], of)
                        out.writelines(
                            f"{json.dumps(_plain(dict(row)), ensure_ascii=False)}\n"
                            for row in piece
                        )
                        counts[table.name] += len(piece)
    except OSError as error:
        raise LogError(f"{folder} could not be written ({error.strerror}).") from error
    return counts


def _pieces(connection: Connection, table: Table) -> Iterator[Sequence[RowMapping]]:
    rows = connection.execute(
        select(table).order_by(*table.primary_key),
        execution_options={"yield_per": PIECE_ROWS},
    )
    yield from rows.mappings().partitions()


def load(folder: Path, engine: Engine, progress: Progress = untold) -> dict[str, int]:
    """Put what `dump` wrote into an empty log. Raises LogError naming the file.

    `progress` hears how many lines are read, of all files together.
    """
    counts: dict[str, int] = {}
    paths = {table: folder / f"{table.name}.jsonl" for table in TABLES}
    if not paths[decisions].is_file():
        raise LogError(f"{folder} holds no dump; name a folder that router log dump wrote.")
    of = sum(_lines(path) for path in paths.values())
    with engine.begin() as connection:
        if connection.execute(select(decisions.c.id).limit(1)).first() is not None:
            raise LogError("The log holds requests already; load into an empty one (log_url).")
        for table, path in paths.items():
            done = sum(counts.values())
            counts[table.name] = 0
            for piece in pieces(_rows(path, table), PIECE_ROWS):
                progress(done + counts[table.name], of)
                connection.execute(insert(table), piece)
                counts[table.name] += len(piece)
    return counts


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """Without what is null; bytes as base64."""
    return {
        k: base64.b64encode(v).decode() if isinstance(v, bytes) else v
        for k, v in row.items()
        if v is not None
    }


def _lines(path: Path) -> int:
    """How many there are; none in a file that is not there or cannot be read."""
    with suppress(OSError), path.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(PIECE_BYTES), b""))
    return 0


def _rows(path: Path, table: Table) -> Iterator[dict[str, Any]]:
    if not path.exists():
        return
    binary = {c.name for c in table.columns if isinstance(c.type, LargeBinary)}
    names = [c.name for c in table.columns]
    try:
        # Only line feeds end a line: texts hold what else might (U+2028 and its like).
        with path.open(encoding="utf-8", newline="\n") as lines:
            for number, line in enumerate(lines, 1):
                row = json.loads(line)
                for name in binary & set(row):
                    row[name] = base64.b64decode(row[name])
                if set(row) - set(names):
                    raise ValueError(number)
                yield {name: row.get(name) for name in names}
    except (OSError, ValueError, TypeError) as error:
        raise LogError(f"{path} is no dump of the table {table.name}.") from error
