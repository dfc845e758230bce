"""The whole log as text files, to move it to another database or keep it."""

import base64
import json
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, LargeBinary, Table, insert, select

from router.errors import LogError
from router.outcomes.tables import decisions, events, feedback, opinions, probes, shadow

TABLES: tuple[Table, ...] = (decisions, feedback, opinions, probes, shadow, events)
_BATCH = 500


def dump(engine: Engine, folder: Path) -> dict[str, int]:
    """Write every table to `folder/<table>.jsonl`; returns the rows of each. Raises LogError."""
    counts = {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with engine.connect() as connection:
            for table in TABLES:
                rows = connection.execute(select(table).order_by(*table.primary_key)).mappings()
                lines = [json.dumps(_plain(dict(row)), ensure_ascii=False) for row in rows]
                path = folder / f"{table.name}.jsonl"
                path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
                counts[table.name] = len(lines)
    except OSError as error:
        raise LogError(f"{folder} could not be written ({error.strerror}).") from error
    return counts


def load(folder: Path, engine: Engine) -> dict[str, int]:
    """Put what `dump` wrote into an empty log. Raises LogError naming the file."""
    counts = {}
    if not (folder / f"{decisions.name}.jsonl").is_file():
        raise LogError(f"{folder} holds no dump; name a folder that router log dump wrote.")
    with engine.begin() as connection:
        if connection.execute(select(decisions.c.id).limit(1)).first() is not None:
            raise LogError("The log holds requests already; load into an empty one (log_url).")
        for table in TABLES:
            path = folder / f"{table.name}.jsonl"
            rows = _rows(path, table)
            for start in range(0, len(rows), _BATCH):
                connection.execute(insert(table), rows[start : start + _BATCH])
            counts[table.name] = len(rows)
    return counts


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """Without what is null; bytes as base64."""
    return {
        k: base64.b64encode(v).decode() if isinstance(v, bytes) else v
        for k, v in row.items()
        if v is not None
    }


def _rows(path: Path, table: Table) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    binary = {c.name for c in table.columns if isinstance(c.type, LargeBinary)}
    names = [c.name for c in table.columns]
    out = []
    try:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            row = json.loads(line)
            for name in binary & set(row):
                row[name] = base64.b64decode(row[name])
            if set(row) - set(names):
                raise ValueError(number)
            out.append({name: row.get(name) for name in names})
    except (OSError, ValueError, TypeError) as error:
        raise LogError(f"{path} is no dump of the table {table.name}.") from error
    return out
