"""The outcome log in the form that training reads."""

import csv
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TextIO

from sqlalchemy import Engine, RowMapping, func, select

from router.errors import InputError, LogError
from router.outcomes.tables import decisions, feedback
from router.text.request import request_from_body
from router.text.structure import clip
from router.types import Request


def outcomes(engine: Engine) -> Iterator[dict[str, Any]]:
    """One row per answer with feedback and words: the mean of its scores.

    A request whose words were not kept, or that nobody rated, gives none.
    """
    rated = (
        select(feedback.c.decision_id, func.avg(feedback.c.score).label("score"))
        .where(feedback.c.tier.is_(None))
        .group_by(feedback.c.decision_id)
        .subquery()
    )
    joined = select(decisions, rated.c.score.label("rated")).join(
        rated, rated.c.decision_id == decisions.c.id
    )
    with engine.connect() as connection:
        for row in connection.execute(joined.order_by(decisions.c.at)).mappings():
            common = _common(row)
            if common is None or row["tier"] is None:
                continue
            yield {
                **common,
                "tier": row["tier"],
                "model": row["model"],
                "score": row["rated"],
                "weight": 1.0,
                "created_at": row["at"],
            }


def answers(engine: Engine) -> Iterator[dict[str, Any]]:
    """One row per local answer whose words were kept: what `study` reads, no rating needed."""
    with engine.connect() as connection:
        for row in connection.execute(select(decisions).order_by(decisions.c.at)).mappings():
            common = _common(row)
            if common is None:
                continue
            opinions = (
                (row["local_model"], local_answer_of(row)),
                (row["second_model"], row["second_answer"]),
            )
            for model, text in opinions:
                if model and text:
                    yield {**common, "model": model, "text": text}


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


def request_of(request: str | None, api: str) -> Request | None:
    """What the router judged of a kept request; None where no words were kept."""
    if request is None:
        return None
    try:
        return request_from_body(json.loads(request), api == "anthropic")
    except InputError:
        return None


def _common(row: RowMapping) -> dict[str, Any] | None:
    request = request_of(row["request"], row["api"])
    if request is None:
        return None
    return {
        "prompt_id": row["id"],
        "group": group_of(request.text),
        "source": "log",
        "category": "",
        "prompt": clip(request.text),
    }


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
    import pandas as pd

    frame = pd.DataFrame(rows)
    frame.to_parquet(path, index=False)
    return len(frame)
