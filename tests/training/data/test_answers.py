"""Answers that bring their own scores, judges and tool calls."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from router.answers.call_checks import CHECKS
from router.answers.reading import Reader
from router.decide.extractors import extractor_of
from router.errors import DataError
from router.registry.artifact import Artifact
from training.data.answers import answered, read_answers, read_prompts
from training.data.dataset import Dataset


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two judges of the same answers, one of them of the cloud's too, and no prompt."""
    rows = [
        ("q1", "local", "small", "strict", 0.2, "It is blue."),
        ("q1", "local", "small", "mild", 0.9, "It is blue."),
        ("q1", "cloud", "big", "strict", 0.6, None),
        ("q1", "cloud", "bigger", "strict", 0.8, None),
        ("q2", "local", "small", "strict", 0.5, "It is green."),
    ]
    columns = ["prompt_id", "tier", "model", "judge", "score", "text"]
    pd.DataFrame(rows, columns=columns).to_parquet(tmp_path / "chat.answers.parquet")
    return tmp_path


def test_each_judge_has_a_level_of_its_own(folder: Path, small: Dataset, shipped: Artifact) -> None:
    reader = Reader(extractor_of(shipped))
    read = answered(read_answers(folder), small.prompts, reader, small).frame
    assert read["source"].eq("chat").all() and read["asks"].eq("text").all()
    by_judge = read.set_index(["group", "judge"])
    assert by_judge.loc[("q1", "strict"), "score"] == 0.2
    assert by_judge.loc[("q1", "mild"), "score"] == 0.9
    assert by_judge.loc[("q1", "strict"), "cloud"] == 1.0  # its one grade is good
    assert np.isnan(by_judge.loc[("q1", "mild"), "cloud"])
    assert read["prompt_id"].nunique() == 3, "judges are not compared with each other"
    assert read["group"].nunique() == 2, "one question stays on one side of a split"


def test_calls_are_read_apart_from_their_text(
    small: Dataset, shipped: Artifact, tmp_path: Path
) -> None:
    ids = small.prompts["prompt_id"].head(3).tolist()
    call = '[{"name": "add", "arguments": {"a": 1}}]'
    frame = pd.DataFrame(
        {
            "prompt_id": ids,
            "model": "small",
            "text": ["<fn>add(1)", "I would rather talk.", "{"],
            "calls": [call, None, "[broken"],
        }
    )
    frame.to_parquet(tmp_path / "tools.answers.parquet")
    read = answered(read_answers(tmp_path), small.prompts, Reader(extractor_of(shipped)), small)
    kinds = dict(zip(read.frame["prompt_id"], [r.final.kind for r in read.readings], strict=True))
    assert [kinds[i] == "call" for i in ids] == [True, False, False]


def test_calls_are_checked_against_the_tools_of_their_prompt(
    small: Dataset, shipped: Artifact, tmp_path: Path
) -> None:
    tools = [{"name": "add", "parameters": {"properties": {"a": {"type": "integer"}}}}]
    rows = [("p1", "Add 1.", json.dumps(tools)), ("p2", "Add 2.", None)]
    prompts = pd.DataFrame(rows, columns=["prompt_id", "prompt", "tools"])
    prompts.to_parquet(tmp_path / "own.prompts.parquet")
    call = '[{"name": "add", "arguments": {"a": 1}}]'
    answers = pd.DataFrame(
        {"prompt_id": ["p1", "p2"], "model": "small", "text": "Done.", "tool_calls": call}
    )
    answers.to_parquet(tmp_path / "own.answers.parquet")
    reader = Reader(extractor_of(shipped))
    read = answered(read_answers(tmp_path), read_prompts(tmp_path), reader)
    checks = [dict(zip(CHECKS, r.checks, strict=True)) for r in read.readings]
    assert [c["valid"] for c in checks] == [1, 0]
    assert checks[0]["text beside calls"] > 0
    prompts.assign(tools="[").to_parquet(tmp_path / "own.prompts.parquet")
    with pytest.raises(DataError, match="p1 has messages or tools that cannot be read"):
        answered(read_answers(tmp_path), read_prompts(tmp_path), reader)


def test_answers_without_prompt_and_score_are_refused(
    folder: Path, small: Dataset, shipped: Artifact, tmp_path: Path
) -> None:
    frame = pd.read_parquet(folder / "chat.answers.parquet").drop(columns=["score", "judge"])
    path = tmp_path / "own.answers.parquet"
    frame[frame["tier"] == "local"].drop_duplicates(["prompt_id", "model"]).to_parquet(path)
    with pytest.raises(DataError, match="No answer belongs to a prompt"):
        answered(read_answers(path), small.prompts, Reader(extractor_of(shipped)), small)
