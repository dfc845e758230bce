"""The outcome log in the form that training reads."""

import csv
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

from sqlalchemy import Boolean, Engine, Float, Integer, RowMapping, Select, func, or_, select

from router.errors import InputError, LogError
from router.outcomes.constants import PIECE_ROWS
from router.outcomes.pieces import Progress, pieces, untold
from router.outcomes.tables import decisions, feedback
from router.text.request import request_from_body
from router.text.structure import clip
from router.types import Request

# How an answer came about, as columns of the log: what an estimate of another policy needs.
LOGGED = (
    *("rule", "explored", "escalated", "propensity", "audited", "audit"),
    *("p_local", "p_cloud", "gain", "threshold", "max_tokens", "cost_usd", "cloud_usd"),
    "latency_s",
)
# Columns of the log that tell what was asked, and what local models answered.
_COMMON = ("id", "api", "request")
_LOCAL = (
    *("tier", "held_until", "answer", "local_answer"),
    *("local_model", "second_model", "second_answer"),
)


def outcomes(
    engine: Engine,
    progress: Progress = untold,
    *,
    since: float = float("-inf"),
    until: float = float("inf"),
) -> Iterator[dict[str, Any]]:
    """One row per answer whose words were kept, with the mean of what was said of it.

    Of requests from `since` to before `until` (Unix seconds).

    `score` is None where nobody rated it: what was not rated belongs to what a policy would have
    come to. Beside the canonical columns stand how it was decided and what it took (LOGGED). The
    log is read in pieces; `progress` hears after each how many of its requests are read.
    """
    rated = (
        select(
            feedback.c.decision_id,
            func.avg(feedback.c.score).label("score"),
            func.min(feedback.c.source).label("one"),
            func.max(feedback.c.source).label("other"),
        )
        .join(decisions, decisions.c.id == feedback.c.decision_id)
        .where(or_(feedback.c.tier.is_(None), feedback.c.tier == decisions.c.tier))
        .group_by(feedback.c.decision_id)
        .subquery()
    )
    said = (rated.c.score.label("rated"), rated.c.one, rated.c.other)
    columns = [decisions.c[name] for name in (*_COMMON, "at", "tier", "model", "answer", *LOGGED)]
    joined = select(*columns, *said).join(
        rated, rated.c.decision_id == decisions.c.id, isouter=True
    )
    ours = joined.where(decisions.c.at >= since, decisions.c.at < until)
    for row in _read(engine, ours, progress):
        common = _common(row)
        if common is None or row["tier"] is None or not row["model"]:
            continue
        yield {
            **common,
            "tier": row["tier"],
            "model": row["model"],
            "score": row["rated"],
            "weight": 1.0,
            "created_at": row["at"],
            "tool_calls": calls_of(row["answer"])[1],
            "judge": row["one"] if row["one"] == row["other"] else "several",
            **{name: row[name] for name in LOGGED},
        }


def answers(engine: Engine, progress: Progress = untold) -> Iterator[dict[str, Any]]:
    """One row per local answer whose words were kept: what `study` reads, no rating needed.

    `progress`: as of `outcomes`.
    """
    columns = [decisions.c[name] for name in (*_COMMON, *_LOCAL)]
    for row in _read(engine, select(*columns), progress):
        common = _common(row)
        if common is None:
            continue
        opinions = (
            (row["local_model"], local_answer_of(row)),
            (row["second_model"], row["second_answer"]),
        )
        for model, text in opinions:
            if model and text:
                beside, calls = calls_of(text)
                yield {**common, "model": model, "text": beside, "tool_calls": calls}


def _read(engine: Engine, query: Select[Any], progress: Progress) -> Iterator[RowMapping]:
    """Requests in the order of time, never more of them in memory than a piece."""
    with engine.connect() as connection:
        of = 0
        if progress is not untold:  # counting them all takes its time
            of = connection.execute(select(func.count()).select_from(decisions)).scalar_one()
        rows = connection.execution_options(yield_per=PIECE_ROWS).execute(
            query.order_by(decisions.c.at, decisions.c.id)
        )
        for number, piece in enumerate(rows.mappings().partitions()):
            progress(number * PIECE_ROWS, of)
            yield from piece


def calls_of(written: str | None) -> tuple[str, str | None]:
    """A kept answer's text, and the tool calls that stand below it as a JSON list.

    >>> calls_of('Let me see.\\n[{"name": "add", "arguments": {"a": 1}}]')
    ('Let me see.', '[{"name": "add", "arguments": {"a": 1}}]')
    """
    whole = str(written or "")
    text, _, last = whole.rpartition("\n")
    if last.startswith('[{"name": ') and _are_calls(last):
        return text, last
    return whole, None


def _are_calls(text: str) -> bool:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return all(isinstance(c, dict) and set(c) == {"name", "arguments"} for c in found)


def local_answer_of(row: RowMapping) -> str | None:
    """The local model's answer, given or replaced; None where it was stopped at its beginning."""
    if row["tier"] == "local":
        return str(row["answer"]) if row["answer"] else None
    whole = row["held_until"] in (None, "end")
    return str(row["local_answer"]) if whole and row["local_answer"] else None


def group_of(text: str) -> str:
    """Names requests that say the same: case, numbers and spacing do not count.

    >>> group_of("What is 2 + 2?") == group_of("what is  7 + 12?")
    True
    """
    plain = " ".join(re.sub(r"\d+", "0", text.casefold()).split())
    return hashlib.sha256(plain.encode("utf-8", "replace")).hexdigest()[:16]


def request_of(body: Mapping[str, Any] | None, api: str) -> Request | None:
    """What the router judged of a kept request, see `body_of`; None where no words were kept."""
    if body is None:
        return None
    try:
        return request_from_body(body, api == "anthropic")
    except InputError:
        return None


def body_of(kept: object) -> dict[str, Any] | None:
    """A kept request, or None where none was kept or nobody can read what stands there.

    >>> body_of('{"half'), body_of("[1]"), body_of('{"messages": []}')
    (None, None, {'messages': []})
    """
    try:
        body = json.loads(kept) if isinstance(kept, str) else None
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def _common(row: RowMapping) -> dict[str, Any] | None:
    body = body_of(row["request"])
    request = request_of(body, row["api"])
    if request is None or body is None:
        return None
    return {
        "prompt_id": row["id"],
        "group": group_of(request.text),
        "source": "log",
        "category": "",
        "prompt": clip(request.text),
        "messages": _conversation(body),
        "tools": json.dumps(body["tools"], ensure_ascii=False) if request.offer else None,
    }


def _conversation(body: dict[str, Any]) -> str | None:
    """All messages as JSON, the system prompt first; None where one turn of plain text is all."""
    messages = body["messages"]
    if body.get("system"):
        messages = [{"role": "system", "content": body["system"]}, *messages]
    if len(messages) == 1 and isinstance(messages[0].get("content"), str):
        return None
    return json.dumps(messages, ensure_ascii=False)


def write(rows: Iterable[dict[str, Any]], path: Path) -> int:
    """Write rows as .jsonl, .csv or .parquet; returns how many. Raises LogError."""
    writers: dict[str, Callable[[Iterable[dict[str, Any]], Path], int]] = {
        ".jsonl": _jsonl,
        ".csv": _csv,
        ".parquet": _parquet,
    }
    if path.suffix not in writers:
        raise LogError(f"{path.name} must end in .jsonl, .csv or .parquet.")
    part = path.with_name(path.name + ".part")
    try:
        count = writers[path.suffix](rows, part)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise LogError(f"{path} could not be written ({error.strerror}).") from error
    return count


def _jsonl(rows: Iterable[dict[str, Any]], path: Path) -> int:
    with path.open("w", encoding="utf-8") as out:
        return sum(1 for row in rows if out.write(json.dumps(row, ensure_ascii=False) + "\n"))


def _csv(rows: Iterable[dict[str, Any]], path: Path) -> int:
    out: TextIO
    with path.open("w", encoding="utf-8", newline="") as out:
        first = next(iter_rows := iter(rows), None)
        if first is None:
            return 0
        writer = csv.DictWriter(out, list(first))
        writer.writeheader()
        writer.writerow(first)
        return 1 + sum(1 for row in iter_rows if writer.writerow(row))


def _parquet(rows: Iterable[dict[str, Any]], path: Path) -> int:
    """In pieces, so the types of columns are known before the rows are."""
    import pyarrow as pa
    from pyarrow.parquet import ParquetWriter

    count, left = 0, iter(rows)
    first = next(left, {})
    schema = pa.schema([(name, _TYPES.get(name, "string")) for name in first])
    left = chain([first] if first else [], left)
    with ParquetWriter(path, schema) as out:
        for piece in pieces(left, PIECE_ROWS):
            out.write_table(pa.Table.from_pylist(piece, schema))
            count += len(piece)
    return count


_TYPES = {
    **dict.fromkeys(("score", "weight", "created_at"), "float64"),
    **{
        c.name: {Float: "float64", Boolean: "bool", Integer: "int64"}.get(type(c.type), "string")
        for c in decisions.columns
        if c.name in LOGGED
    },
}
