"""Stored answers of local models, beside the outcomes they belong to.

A folder of `<source>.prompts`, `<source>.outcomes` and `<source>.answers` Parquet files, or one
table of answers that holds its prompts. Columns: `prompt_id`, `model`, and `text`, or where the
text was not kept `final` (the final answer) with `chars` (its length).
"""

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
from training.data.dataset import Dataset
from training.data.readers import SUFFIXES, read_table

COLUMNS = ("prompt_id", "model", "text", "final", "chars")
PROMPT = ("prompt_id", "group", "source", "category", "prompt")
_CHUNK = 256


@dataclass(frozen=True)
class Answered:
    """Answers with their readings.

    `frame`: one row per (prompt, local model): prompt_id, group, source, model, asks, `score` of
    the answer (NaN where no one knows) and `cloud`, the mean score of the cloud models at the
    prompt (NaN likewise). `readings[i]` belongs to row i.
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
    return pd.concat([_checked(read_table(f), f) for f in files], ignore_index=True)


def _checked(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    missing = [c for c in ("prompt_id", "model") if c not in frame]
    if missing or not {"text", "final"} & set(frame):
        raise DataError(f"{path} lacks the column {(missing or ['text'])[0]} of answers.")
    frame = frame.reindex(columns=list(COLUMNS))
    for column in ("text", "final"):
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
    """The prompts that answers belong to: prompt_id, group, source, category, prompt.

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

    Raises DataError when no answer belongs to a prompt.
    """
    frame = answers[list(COLUMNS)].merge(
        prompts, on="prompt_id", how="inner", validate="many_to_one"
    )
    if frame.empty:
        raise DataError("No answer belongs to a prompt; check the prompt_id on both sides.")
    if outcomes is None:
        frame["score"] = frame["cloud"] = np.nan
    else:
        rows = outcomes.rows
        local = rows[rows["tier"] == "local"][["prompt_id", "model", "score"]]
        frame = frame.merge(local, on=["prompt_id", "model"], how="left")
        cloud = rows[rows["tier"] == "cloud"].groupby("prompt_id")["score"].mean()
        frame["cloud"] = frame["prompt_id"].map(cloud)
    asked = {
        p: asks_for(request_from_prompt(t))
        for p, t in zip(prompts["prompt_id"], prompts["prompt"], strict=True)
    }
    frame["asks"] = frame["prompt_id"].map(asked)
    readings = _readings(frame, reader)
    columns = ["prompt_id", "group", "source", "category", "model", "asks", "score", "cloud"]
    return Answered(frame[columns], readings)


def _readings(frame: pd.DataFrame, reader: Reader) -> list[Reading]:
    out: list[Reading] = [only_final(classify(""), 0)] * len(frame)
    known = frame["text"].notna().to_numpy()
    with_text = np.flatnonzero(known)
    texts, asks = frame["text"].to_numpy(), frame["asks"].to_numpy()
    for start in range(0, len(with_text), _CHUNK):
        at = with_text[start : start + _CHUNK]
        for i, reading in zip(
            at, reader.read([Answer(texts[i]) for i in at], asks[at].tolist()), strict=True
        ):
            out[i] = reading
    finals = frame["final"].astype("object").fillna("").to_numpy()
    kinds = {f: classify(str(f)) for f in np.unique(finals[~known].astype(str))}
    lengths = frame["chars"].fillna(0).to_numpy(dtype="float64")
    for i in np.flatnonzero(~known):
        out[i] = only_final(kinds[str(finals[i])], lengths[i])
    return out
