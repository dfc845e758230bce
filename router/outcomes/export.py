"""The outcome log in the form that training reads."""

import csv
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TextIO

from sqlalchemy import Engine, func, select

from router.errors import InputError, LogError
from router.outcomes.tables import decisions, feedback
from router.request import request_from_messages
from router.structure import clip


def outcomes(engine: Engine) -> Iterator[dict[str, Any]]:
    """One row per answer with feedback and words: the mean of its scores.

    A request whose words were not kept, or that nobody rated, gives none.
    """
    rated = (
        select(feedback.c.decision_id, func.avg(feedback.c.score).label("score"))
        .group_by(feedback.c.decision_id)
        .subquery()
    )
    joined = select(decisions, rated.c.score.label("rated")).join(
        rated, rated.c.decision_id == decisions.c.id
    )
    with engine.connect() as connection:
        for row in connection.execute(joined.order_by(decisions.c.at)).mappings():
            prompt = prompt_of(row["request"])
            if prompt is None or row["tier"] is None:
                continue
            yield {
                "prompt_id": row["id"],
                "group": hashlib.sha256(prompt.encode()).hexdigest()[:16],
                "source": "log",
                "category": "",
                "prompt": prompt,
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
            prompt = prompt_of(row["request"])
            if prompt is None:
                continue
            group = hashlib.sha256(prompt.encode()).hexdigest()[:16]
            local = row["local_answer"] if row["escalated"] else None
            if row["tier"] == "local":
                local = row["answer"]
            opinions = (
                (row["local_model"], local),
                (row["second_model"], row["second_answer"]),
            )
            for model, text in opinions:
                if model and text:
                    yield {
                        "prompt_id": row["id"], "group": group, "source": "log", "category": "",
                        "prompt": prompt, "model": model, "text": text,
                    }  # fmt: skip


def prompt_of(request: str | None) -> str | None:
    """What the router judged of a kept request; None where no words were kept."""
    if request is None:
        return None
    body = json.loads(request)
    messages = body.get("messages") or []
    if body.get("system"):
        messages = [{"role": "system", "content": body["system"]}, *messages]
    try:
        return clip(request_from_messages(messages).text)
    except InputError:
        return None


def write(rows: Iterable[dict[str, Any]], path: Path) -> int:
    """Write rows as .jsonl, .csv or .parquet; returns how many. Raises LogError."""
    writers: dict[str, Callable[[Iterable[dict[str, Any]], Path], int]] = {
        ".jsonl": _jsonl, ".csv": _csv, ".parquet": _parquet,
    }  # fmt: skip
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
