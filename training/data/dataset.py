"""Labelled outcomes in their one canonical form, and the gate that lets them in.

Long form, one row per (prompt, model). `rows` are what a fit sees; `prompts` (one row per
prompt) are what features are computed from.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from router.errors import DataError
from router.text.request import request_from_messages, request_from_prompt
from router.types import Request

REQUIRED = ("prompt_id", "group", "source", "category", "prompt", "tier", "model", "score")
CORE = (*REQUIRED, "weight", "created_at")
OF_PROMPT = ("tools", "messages", "language")  # what a row may say of its prompt, and of its answer
OF_ANSWER = ("tool_calls", "judge")
LISTS = ("tools", "messages", "tool_calls")  # JSON in one column
COLUMNS = (*CORE, *OF_PROMPT, *OF_ANSWER)
# Of an exported log: how an answer came about (`router.outcomes.export`).
LOGGED = (
    *("rule", "explored", "escalated", "propensity", "p_local", "p_cloud"),
    *("cost_usd", "cloud_usd"),
)
TIERS = ("local", "cloud")
_SHOWN_FAULTS = 20
# Grades of the rubric are about models of this class (data/README.md).
REFERENCE = {"local": "Meta-Llama-3.1-8B-Instruct", "cloud": "claude-3-5-sonnet-20241022"}


@dataclass(frozen=True)
class Dataset:
    """Checked outcomes.

    `rows`: the canonical columns, index 0..n-1. `left_out`: rule -> number of rows that
    `skip_bad` removed (empty when nothing was wrong). `log`: of an exported log every answer, rated
    or not, with the columns LOGGED beside the canonical ones; None for other data.
    """

    rows: pd.DataFrame
    left_out: dict[str, int] = field(default_factory=dict)
    log: pd.DataFrame | None = None

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def prompts(self) -> pd.DataFrame:
        """One row per prompt: prompt_id, group, source, category, prompt, and OF_PROMPT.

        The latter are None where nothing is known of them.
        """
        columns = ["prompt_id", "group", "source", "category", "prompt"]
        first = self.rows.drop_duplicates("prompt_id").reindex(columns=[*columns, *OF_PROMPT])
        for name in OF_PROMPT:
            first[name] = first[name].astype("object").where(first[name].notna(), None)
        return first.reset_index(drop=True)

    @cached_property
    def requests(self) -> list[Request]:
        """What the router judges of each of `prompts`, with its conversation and its tools."""
        columns = ["prompt", "messages", "tools"]
        return [request_of(*row) for row in self.prompts[columns].itertuples(index=False)]

    @property
    def every_answer(self) -> pd.DataFrame:
        """`rows`, and a log's answers that nobody rated."""
        if self.log is None:
            return self.rows
        rest = self.log[~self.log["prompt_id"].isin(self.rows["prompt_id"])]
        return pd.concat([self.rows, rest.reindex(columns=self.rows.columns)], ignore_index=True)

    @property
    def digest(self) -> str:
        """sha256 over the canonical rows in a fixed order: the same data, the same digest."""
        ordered = self.rows.sort_values(["prompt_id", "model"])
        columns = ["prompt_id", "group", "prompt", "tier", "model", "score", "weight"]
        hashed = pd.util.hash_pandas_object(ordered[columns], index=False)
        parts = [hashed.to_numpy().tobytes()]
        for name in ("tools", "messages"):
            if name in ordered and ordered[name].notna().any():
                parts.append(ordered[name].fillna("").str.cat(sep="\n").encode())
        return hashlib.sha256(b"".join(parts)).hexdigest()

    def where(self, mask: "pd.Series[bool] | np.ndarray[Any, Any]") -> "Dataset":
        """The rows for which `mask` is true."""
        return Dataset(self.rows[mask].reset_index(drop=True), self.left_out, self.log)


def request_of(prompt: str, messages: str | None = None, tools: str | None = None) -> Request:
    """The request of one row: its `messages` (JSON) where they were kept, else its prompt.

    Raises InputError where they are no conversation.
    """
    offered = json.loads(tools) if tools else None
    if messages:
        return request_from_messages(json.loads(messages), offered)
    if not offered:
        return request_from_prompt(prompt)
    return request_from_messages([{"role": "user", "content": prompt}], offered)


def _bad_score(frame: pd.DataFrame) -> "pd.Series[bool]":
    score = pd.to_numeric(frame["score"], errors="coerce")
    return ~score.between(0, 1)


def _bad_weight(frame: pd.DataFrame) -> "pd.Series[bool]":
    weight = pd.to_numeric(frame["weight"], errors="coerce")
    return ~weight.between(0, float("inf"), inclusive="neither")


def _blank(column: str) -> Callable[[pd.DataFrame], "pd.Series[bool]"]:
    def blank(frame: pd.DataFrame) -> "pd.Series[bool]":
        values = frame[column]
        return values.isna() | (values.astype("str").str.strip() == "")

    return blank


def as_json(value: Any) -> Any:
    """A list as its JSON text, as files of JSON Lines may hold the list itself."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list) else value


def _no_list(column: str) -> Callable[[pd.DataFrame], "pd.Series[bool]"]:
    def no_list(frame: pd.DataFrame) -> "pd.Series[bool]":
        if column not in frame:
            return pd.Series(False, index=frame.index)
        present = frame[column].notna()
        lists = {text: _is_list(text) for text in frame[column][present].unique()}
        bad = [p and not lists[v] for v, p in zip(frame[column], present, strict=True)]
        return pd.Series(bad, index=frame.index, dtype=bool)

    return no_list


def _is_list(text: Any) -> bool:
    try:
        return isinstance(text, str) and isinstance(json.loads(text), list)
    except (ValueError, RecursionError):
        return False


def _contradictory(frame: pd.DataFrame) -> "pd.Series[bool]":
    scores = frame.groupby(_same_answer(frame), dropna=False)["score"]
    different: pd.Series[bool] = scores.transform("nunique").gt(1)
    return different


def _same_answer(frame: pd.DataFrame) -> list[str]:
    """What tells outcomes apart; two judges may think otherwise of one answer."""
    return ["prompt_id", "model", *(["judge"] if "judge" in frame else [])]


def _two_prompts(frame: pd.DataFrame) -> "pd.Series[bool]":
    return frame.groupby("prompt_id")["prompt"].transform("nunique") > 1


def _two_tiers(frame: pd.DataFrame) -> "pd.Series[bool]":
    return frame.groupby("model")["tier"].transform("nunique") > 1


# (column, rule in words, function that marks the rows that break it)
RULES: tuple[tuple[str, str, Callable[[pd.DataFrame], "pd.Series[bool]"]], ...] = (
    ("prompt_id", "must not be empty", _blank("prompt_id")),
    ("group", "must not be empty", _blank("group")),
    ("prompt", "must not be empty", _blank("prompt")),
    ("model", "must not be empty", _blank("model")),
    ("tier", "must be local or cloud", lambda f: ~f["tier"].isin(TIERS)),
    ("score", "must be a number from 0 to 1", _bad_score),
    ("weight", "must be a number above 0", _bad_weight),
    *((column, "must be a JSON list", _no_list(column)) for column in LISTS),
    ("score", "must not contradict another row of the same prompt and model", _contradictory),
    ("prompt", "must be one text for one prompt_id", _two_prompts),
    ("tier", "must be one tier for one model", _two_tiers),
)


def checked(frame: pd.DataFrame, where: str, *, skip_bad: bool = False) -> Dataset:
    """Let `frame` through the gate.

    Every fault is named with row (counted from 1, headers not counted), column and rule.
    With faults: DataError, or with `skip_bad` the faulty rows are left out and counted.
    Equal duplicates of (prompt_id, model) are merged into one row and counted too.
    """
    missing = [c for c in REQUIRED if c not in frame.columns]
    if missing:
        raise DataError(
            f"{where} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}; "
            f"the canonical form has {', '.join(COLUMNS)}."
        )
    frame = frame.reset_index(drop=True).copy()
    if "weight" not in frame:
        frame["weight"] = 1.0
    if "created_at" not in frame:
        frame["created_at"] = pd.NaT
    for column in LISTS:
        if column in frame:
            frame[column] = frame[column].map(as_json)
    log = None
    if set(LOGGED) <= set(frame.columns):
        log = frame[[c for c in (*COLUMNS, *LOGGED) if c in frame]]
        frame = _rated(frame, where)
    faulty = np.zeros(len(frame), dtype=bool)
    faults: list[str] = []
    left_out: dict[str, int] = {}
    for column, rule, broken in RULES:
        bad = broken(frame[~faulty]).reindex(frame.index, fill_value=False).to_numpy(dtype=bool)
        rows = np.flatnonzero(bad & ~faulty)
        if len(rows):
            left_out[f"{column} {rule}"] = len(rows)
            faults += [f"row {r + 1}, column {column}: {rule}" for r in rows[:_SHOWN_FAULTS]]
            faulty |= bad
    count = int(faulty.sum())
    if faults and not skip_bad:
        raise DataError(
            f"{where} has {count} faulty row{'s' * (count > 1)}; the first: "
            f"{faults[0]}. Correct the file or pass --skip-bad to leave such rows out.",
            faults,
        )
    frame = frame[~faulty]
    frame = frame.astype({"score": "float64", "weight": "float64"})
    same = frame.duplicated(_same_answer(frame))
    if same.any():
        left_out["equal duplicates merged"] = int(same.sum())
    frame = frame[~same].reset_index(drop=True)
    if frame.empty:
        raise DataError(f"{where} holds no usable row.")
    return Dataset(frame[[c for c in COLUMNS if c in frame]], left_out, log)


def _rated(frame: pd.DataFrame, where: str) -> pd.DataFrame:
    """Of an exported log the answers that were rated, index 0..n-1. Raises DataError for none."""
    rated = frame[frame["score"].notna()].reset_index(drop=True)
    if rated.empty:
        raise DataError(
            f"{where} holds {len(frame)} answers and no rating; rate some (POST /v1/feedback), let "
            "router judge do it, or learn without ratings: router study, then router learn."
        )
    return rated


def combined(datasets: list[Dataset]) -> Dataset:
    """Several datasets as one; contradictions between them are faults."""
    left_out: dict[str, int] = {}
    for dataset in datasets:
        for rule, count in dataset.left_out.items():
            left_out[rule] = left_out.get(rule, 0) + count
    rows = pd.concat([d.rows.astype({"created_at": "object"}) for d in datasets], ignore_index=True)
    joined = checked(rows, "The combined data")
    logs = [d.log for d in datasets if d.log is not None]
    log = pd.concat(logs, ignore_index=True) if logs else None
    return Dataset(joined.rows, {**left_out, **joined.left_out}, log)
