"""Stored answers of local models, beside the outcomes they belong to.

A folder of `<source>.prompts`, `<source>.outcomes` and `<source>.answers` Parquet files, or one
table of answers that holds its prompts. Columns: `prompt_id`, `model`, and `text`, or where the
text was not kept `final` (the final answer) with `chars` (its length); `tool_calls` (or
`calls`), its tool calls as a JSON list. A source whose prompts nobody may pass on has its scores in
the same table: `tier`, `score`, and `judge` where several judged the same answers. Prompts may have
`messages` and `tools`, JSON lists as well.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from router.answers.final import classify
from router.answers.reading import Answer, Reader, Reading, only_final
from router.answers.tool_calls import calls_in
from router.errors import DataError, InputError
from router.text.asks import asks_for
from router.types import Offer, Request
from training.data.dataset import OF_PROMPT, Dataset, request_of
from training.data.readers import SUFFIXES, read_table

COLUMNS = ("prompt_id", "model", "text", "final", "chars", "tool_calls", "judge", "score", "cloud")
GOOD_GRADE = 0.5  # chosen: 6 of a judge's 10, which are .56 of 0 to 1, are good enough; 5 are not
_BROKEN = (
    "",
    "I'm sorry, I can't help with that.",
    "I cannot answer this question.",
    "As an AI, I am unable to do that.",
)
BROKEN_SHARE = 0.1  # chosen: enough rows of every source to tell them by
# Characters after which streams are looked at, and shorter and longer beginnings around them.
BEGINNINGS = (60, 120, 240, 480, 960)
PROMPT = ("prompt_id", "group", "source", "category", "prompt", *OF_PROMPT)
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
    """The local answers of a table that holds scores of its own; of the cloud's the mean score.

    Of a judge's grades of the cloud's answers, the share that is good.
    """
    if "judge" in frame and "prompt_id" in frame:
        group = frame["group"] if "group" in frame else frame["prompt_id"]
        ids = frame["prompt_id"].astype(str) + "@" + frame["judge"].astype(str)
        frame = frame.assign(group=group, prompt_id=ids)
    if not {"tier", "score", "prompt_id"} <= set(frame):
        return frame.drop(columns=["score"], errors="ignore")
    cloud = frame[frame["tier"] == "cloud"]
    if "judge" in frame:
        cloud = cloud.assign(score=(cloud["score"] >= GOOD_GRADE) * 1.0)
    scores = cloud.groupby("prompt_id")["score"].mean()
    local = frame[frame["tier"] == "local"]
    return local.assign(cloud=local["prompt_id"].map(scores)).reset_index(drop=True)


def beginnings(
    answers: pd.DataFrame, rng: np.random.Generator, lengths: Sequence[int] = BEGINNINGS
) -> pd.DataFrame:
    """Answers as they stood while they were written, each cut at one of `lengths`, at random.

    Answers that are shorter than the length drawn, or whose text is unknown, are left out.
    """
    at = rng.choice(lengths, len(answers))
    longer = answers["text"].fillna("").str.len().to_numpy() > at
    frame, cut = answers[longer], at[longer].tolist()
    texts = [text[:n] for text, n in zip(frame["text"], cut, strict=True)]
    return frame.assign(text=texts, tool_calls=None, so_far=True).reset_index(drop=True)


def broken(answers: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Answers that say nothing, in place of some: empty ones, and refusals. Their score is 0.

    Hardly any measured answer is so poor, and at home a model may be. Where calls are known nothing
    is made up: to call nothing may be right there.
    """
    called = answers["tool_calls"].notna() if "tool_calls" in answers else False
    words = answers[answers["text"].notna() & ~np.broadcast_to(called, len(answers))]
    some = words[rng.random(len(words)) < BROKEN_SHARE]
    return some.assign(text=rng.choice(_BROKEN, len(some)), score=0.0).reset_index(drop=True)


def _checked(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    missing = [c for c in ("prompt_id", "model") if c not in frame]
    if missing or not {"text", "final"} & set(frame):
        raise DataError(f"{path} lacks the column {(missing or ['text'])[0]} of answers.")
    if "tool_calls" not in frame:
        frame = frame.rename(columns={"calls": "tool_calls"})
    group = frame["group"] if "group" in frame else frame["prompt_id"]
    source = path.name.split(".")[0]
    frame = frame.reindex(columns=list(COLUMNS)).assign(own_group=group, own_source=source)
    for column in ("text", "final", "tool_calls"):
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
    prompts = prompts.reindex(columns=list(PROMPT)).astype("object")
    prompts = prompts.where(prompts.notna(), None)
    frame = answers.reindex(columns=[*COLUMNS, "own_group", "own_source", "so_far"])
    frame = frame.merge(prompts, on="prompt_id", how="left", validate="many_to_one")
    known = frame["prompt"].notna()
    frame = frame[known | frame["score"].notna()].reset_index(drop=True)
    if frame.empty:
        raise DataError("No answer belongs to a prompt; check the prompt_id on both sides.")
    frame["group"] = frame["group"].fillna(frame["own_group"])
    frame["source"] = frame["source"].fillna(frame["own_source"])
    frame["category"] = frame["category"].fillna("")
    if outcomes is not None:
        frame = _scored(frame, outcomes.rows)
    requests = _requests(prompts)
    frame["asks"] = [asks_for(requests[p]) if p in requests else "text" for p in frame["prompt_id"]]
    offers = [requests[p].offer if p in requests else None for p in frame["prompt_id"]]
    readings = _readings(frame, offers, reader)
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


def _answer(text: str, calls: str | None, so_far: bool) -> Answer:
    """An answer as it would be served: calls apart from the text that they stood in."""
    if so_far:
        return Answer(text, so_far=True)
    made = calls_made(calls)
    if made is None:
        return Answer(text)
    return Answer("" if calls_in(text) else text, tool_calls=made)


def calls_made(written: str | None) -> list[dict[str, Any]] | None:
    """The calls of an answer; None where none are told, or nobody can read them.

    >>> calls_made('[{"name": "add"}]'), calls_made("[]"), calls_made("add()")
    ([{'name': 'add'}], [], None)
    """
    try:
        made = json.loads(written or "null")
    except ValueError:
        return None
    named = isinstance(made, list) and all(isinstance(call, dict) for call in made)
    return made if named else None


def _requests(prompts: pd.DataFrame) -> dict[str, Request]:
    """What is asked, by prompt_id. Raises DataError for tools or messages that are none."""
    out: dict[str, Request] = {}
    columns = (prompts[c].tolist() for c in ("prompt_id", "prompt", "messages", "tools"))
    for prompt_id, prompt, messages, tools in zip(*columns, strict=True):
        try:
            out[prompt_id] = request_of(prompt, messages, tools)
        except (ValueError, RecursionError, InputError) as error:
            raise DataError(
                f"The prompt {prompt_id} has messages or tools that cannot be read "
                f"({type(error).__name__}); both must be JSON lists."
            ) from error
    return out


def _readings(frame: pd.DataFrame, offers: Sequence[Offer | None], reader: Reader) -> list[Reading]:
    out: list[Reading] = [only_final(classify(""), 0)] * len(frame)
    known = frame["text"].notna().to_numpy()
    with_text = np.flatnonzero(known)
    texts, asks = frame["text"].to_numpy(), frame["asks"].to_numpy()
    calls = frame["tool_calls"].astype("object").where(frame["tool_calls"].notna(), None).to_numpy()
    so_far = frame["so_far"].eq(True).to_numpy()
    for start in range(0, len(with_text), _CHUNK):
        at = with_text[start : start + _CHUNK]
        said = [_answer(texts[i], calls[i], so_far[i]) for i in at]
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
