"""Stored answers of local models, beside the outcomes they belong to.

A folder of `<source>.prompts`, `<source>.outcomes` and `<source>.answers` Parquet files, or one
table of answers that holds its prompts. Columns: `prompt_id`, `model`, and `text`, or where the
text was not kept `final` (the final answer) with `chars` (its length); `calls`, the tool calls in
the text as a JSON list. A source whose prompts nobody may pass on has its scores in the same table:
`tier`, `score`, and `judge` where several judged the same answers.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from router.answers.final import classify
from router.answers.reading import Answer, Reader, Reading, only_final
from router.errors import DataError
from router.text.asks import asks_for
from router.text.request import request_from_prompt
from router.types import Offer
from training.data.dataset import Dataset
from training.data.readers import SUFFIXES, read_table

COLUMNS = ("prompt_id", "model", "text", "final", "chars", "calls", "judge", "score", "cloud")
PROMPT = ("prompt_id", "group", "source", "category", "prompt", "tools")
_CHUNK = 256


@dataclass(frozen=True)
class Answered:
    """Answers with their readings.

    `frame`: one row per (prompt, local model, judge): prompt_id, group, source, model, judge, asks,
    `score` of the answer (NaN where no one knows) and `cloud`, the mean score of the cloud models
    at the prompt (NaN likewise). A prompt has an id of its own for each judge, as judges have
    levels of their own. `readings[i]` belongs to row i.
    """

    frame: pd.DataFrame
    readings: list[Reading]

    def __len__(self) -> int:
        return len(self.readings)


def read_answers(path: Path) -> pd.DataFrame:
    """The answers in a file, or in all `*.answers.*` files of a folder.

    Raises DataError when there are none, a column is missing, or two texts contradict.
    """
    files = [path]
    if path.is_dir():
        files = sorted(f for f in path.glob("*.answers.*") if f.suffix in SUFFIXES)
    if not files or not path.exists():
        raise DataError(f"{path} holds no answers; name a file or a folder of *.answers.parquet.")
    return pd.concat([_checked(_local(read_table(f)), f) for f in files], ignore_index=True)


def _local(frame: pd.DataFrame) -> pd.DataFrame:
    """The local answers of a table that holds scores of its own; of the cloud's the mean score."""
    if "judge" in frame and "prompt_id" in frame:
        group = frame["group"] if "group" in frame else frame["prompt_id"]
        ids = frame["prompt_id"].astype(str) + "@" + frame["judge"].astype(str)
        frame = frame.assign(group=group, prompt_id=ids)
    if not {"tier", "score", "prompt_id"} <= set(frame):
        return frame.drop(columns=["score"], errors="ignore")
    cloud = frame[frame["tier"] == "cloud"].groupby("prompt_id")["score"].mean()
    local = frame[frame["tier"] == "local"]
    return local.assign(cloud=local["prompt_id"].map(cloud)).reset_index(drop=True)


def _checked(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    missing = [c for c in ("prompt_id", "model") if c not in frame]
    if missing or not {"text", "final"} & set(frame):
        raise DataError(f"{path} lacks the column {(missing or ['text'])[0]} of answers.")
    group = frame["group"] if "group" in frame else frame["prompt_id"]
    source = path.name.split(".")[0]
    frame = frame.reindex(columns=list(COLUMNS)).assign(own_group=group, own_source=source)
    for column in ("text", "final", "calls"):
        frame[column] = _texts(frame[column], path)
    frame = frame.drop_duplicates(["prompt_id", "model", "text", "final"])
    twice = frame.duplicated(["prompt_id", "model"])
    if twice.any():
        row = int(np.flatnonzero(twice)[0]) + 1
        raise DataError(f"{path}, row {row}: a second, different answer of one model to a prompt.")
    return frame


def _texts(values: "pd.Series[Any]", path: Path) -> "pd.Series[Any]":
    """`values` as text, None where there is none; tables may hold an answer 42 as a number."""
    nested = values.map(lambda v: isinstance(v, list | dict)).to_numpy(dtype=bool)
    if nested.any():
        row = int(np.flatnonzero(nested)[0]) + 1
        raise DataError(f"{path}, row {row}, column {values.name}: must be text, not a structure.")
    written = values.astype("object")
    return written.where(written.isna(), written.map(str)).where(written.notna(), None)


def read_prompts(path: Path) -> pd.DataFrame:
    """The prompts that answers belong to: prompt_id, group, source, category, prompt, tools.

    From the `*.prompts.*` files of a folder, or from the table of answers itself where it has a
    column `prompt`. Without a group, a prompt is its own. Raises DataError.
    """
    files = [path]
    if path.is_dir():
        files = sorted(f for f in path.glob("*.prompts.*") if f.suffix in SUFFIXES)
    frames = [read_table(f).rename(columns={"qkey": "group"}) for f in files if f.exists()]
    if not frames or any(not {"prompt_id", "prompt"} <= set(f) for f in frames):
        raise DataError(f"{path} holds no prompts; add the columns prompt_id and prompt.")
    frame = pd.concat(frames, ignore_index=True).reindex(columns=list(PROMPT)).astype("object")
    frame["group"] = frame["group"].fillna(frame["prompt_id"])
    frame = frame.fillna({"source": "own", "category": ""}).drop_duplicates("prompt_id")
    empty = ~frame["prompt"].fillna("").astype(str).str.strip().astype(bool)
    if empty.any():
        raise DataError(f"{path}, row {int(np.flatnonzero(empty)[0]) + 1}: the prompt is empty.")
    return frame.reset_index(drop=True)


def answered(
    answers: pd.DataFrame, prompts: pd.DataFrame, reader: Reader, outcomes: Dataset | None = None
) -> Answered:
    """Read `answers` and join them with their prompts and, where known, outcomes.

    Answers that have scores of their own need no prompt. Raises DataError when no other answer
    belongs to a prompt.
    """
    frame = answers.reindex(columns=[*COLUMNS, "own_group", "own_source"])
    frame = frame.merge(prompts, on="prompt_id", how="left", validate="many_to_one")
    known = frame["prompt"].notna()
    frame = frame[known | frame["score"].notna()].reset_index(drop=True)
    if frame.empty:
        raise DataError("No answer belongs to a prompt; check the prompt_id on both sides.")
    frame["group"] = frame["group"].fillna(frame["own_group"])
    frame["source"] = frame["source"].fillna(frame["own_source"])
    frame["category"] = frame["category"].fillna("")
    if "tools" not in frame:
        frame["tools"] = None
    if outcomes is not None:
        frame = _scored(frame, outcomes.rows)
    asked = {
        p: asks_for(request_from_prompt(t))
        for p, t in zip(prompts["prompt_id"], prompts["prompt"], strict=True)
    }
    frame["asks"] = frame["prompt_id"].map(asked).fillna("text")
    readings = _readings(frame, reader)
    columns = ["prompt_id", "group", "source", "category", "model", "judge", "asks", "score"]
    return Answered(frame[[*columns, "cloud"]], readings)


def _scored(frame: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """`frame` with the outcomes in canonical `rows`, where it has none of its own."""
    keys = ["prompt_id", "model"]
    local = rows[rows["tier"] == "local"].drop_duplicates(keys).set_index(keys)["score"]
    cloud = rows[rows["tier"] == "cloud"].groupby("prompt_id")["score"].mean()
    found = local.reindex(pd.MultiIndex.from_frame(frame[keys])).to_numpy(dtype="float64")
    score = frame["score"].astype("float64")
    return frame.assign(
        score=score.where(score.notna(), found),
        cloud=frame["cloud"].astype("float64").fillna(frame["prompt_id"].map(cloud)),
    )


def _answer(text: str, calls: str | None) -> Answer:
    """An answer as it would be served: calls apart from the text that they stood in."""
    if not calls:
        return Answer(text)
    try:
        made = json.loads(calls)
    except ValueError:
        return Answer(text)
    named = isinstance(made, list) and all(isinstance(call, dict) for call in made)
    return Answer("", tool_calls=made) if named else Answer(text)


def _offers(frame: pd.DataFrame) -> list[Offer | None]:
    """The tools that each row's prompt offers; the same object for one prompt."""
    known: dict[str, Offer | None] = {}
    for prompt_id, prompt, tools in zip(
        frame["prompt_id"], frame["prompt"], frame["tools"], strict=True
    ):
        if prompt_id not in known:
            known[prompt_id] = offer_of(tools, prompt)
    return [known[p] for p in frame["prompt_id"]]


def offer_of(tools: Any, prompt: Any) -> Offer | None:
    """What a row of the canonical form offers; None where that is nothing or no list."""
    if not isinstance(tools, str) or not tools.strip():
        return None
    try:
        definitions = json.loads(tools)
    except (ValueError, RecursionError):
        return None
    offered = isinstance(definitions, list) and definitions
    return Offer(definitions, prompt if isinstance(prompt, str) else None) if offered else None


def _readings(frame: pd.DataFrame, reader: Reader) -> list[Reading]:
    out: list[Reading] = [only_final(classify(""), 0)] * len(frame)
    known = frame["text"].notna().to_numpy()
    with_text = np.flatnonzero(known)
    texts, asks = frame["text"].to_numpy(), frame["asks"].to_numpy()
    calls = frame["calls"].astype("object").where(frame["calls"].notna(), None).to_numpy()
    offers = _offers(frame)
    for start in range(0, len(with_text), _CHUNK):
        at = with_text[start : start + _CHUNK]
        said = [_answer(texts[i], calls[i]) for i in at]
        for i, reading in zip(
            at, reader.read(said, asks[at].tolist(), [offers[i] for i in at]), strict=True
        ):
            out[i] = reading
    finals = frame["final"].astype("object").fillna("").to_numpy()
    kinds = {f: classify(str(f)) for f in np.unique(finals[~known].astype(str))}
    lengths = frame["chars"].fillna(0).to_numpy(dtype="float64")
    for i in np.flatnonzero(~known):
        out[i] = only_final(kinds[str(finals[i])], lengths[i])
    return out
