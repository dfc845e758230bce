import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from router.errors import DataError
from training.data.dataset import REQUIRED, Dataset, checked
from training.data.readers import read

ROW = {
    "prompt_id": "p1",
    "group": "g1",
    "source": "s",
    "category": "c",
    "prompt": "Say hi.",
    "tier": "local",
    "model": "m",
    "score": 0.5,
}


def frame(*changes: dict[str, object]) -> pd.DataFrame:
    rows = [{**ROW, "prompt_id": f"p{i}", "group": f"g{i}", **c} for i, c in enumerate(changes)]
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("change", "column", "rule"),
    [
        ({"score": 1.2}, "score", "0 to 1"),
        ({"score": float("nan")}, "score", "0 to 1"),
        ({"score": "good"}, "score", "0 to 1"),
        ({"prompt": "  "}, "prompt", "empty"),
        ({"prompt": None}, "prompt", "empty"),
        ({"tier": "moon"}, "tier", "local or cloud"),
        ({"weight": 0.0}, "weight", "above 0"),
        ({"weight": float("inf")}, "weight", "above 0"),
        ({"group": None}, "group", "empty"),
    ],
)
def test_faults_are_named_with_row_column_and_rule(
    change: dict[str, object], column: str, rule: str
) -> None:
    good: dict[str, object] = {"weight": 1.0}
    with pytest.raises(DataError, match=f"row 2, column {column}") as caught:
        checked(frame(good, {**good, **change}, good), "file.csv")
    assert rule in str(caught.value)
    assert "file.csv" in str(caught.value)
    kept = checked(frame(good, {**good, **change}, good), "file.csv", skip_bad=True)
    assert len(kept) == 2
    assert sum(kept.left_out.values()) == 1


def test_tools_and_conversations_are_what_features_are_made_of() -> None:
    tools = [{"name": "f", "parameters": {"type": "object", "properties": {}}}]
    said = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]
    said.append({"role": "user", "content": "Again."})
    table = frame({"tools": tools}, {"messages": json.dumps(said), "language": "en"}, {})
    read = checked(table, "x")
    assert read.prompts["language"].tolist() == [None, "en", None]
    assert [r.tools for r in read.requests] == [1, 0, 0]
    assert [r.turns for r in read.requests] == [1, 3, 1]
    assert read.digest != checked(table.drop(columns="tools"), "x").digest
    with pytest.raises(DataError, match="row 1, column tools: must be a JSON list"):
        checked(frame({"tools": "{}"}), "x")


def test_two_judges_may_score_one_answer_differently() -> None:
    rows = frame({"prompt_id": "p", "judge": "a"}, {"prompt_id": "p", "judge": "b", "score": 1.0})
    assert len(checked(rows, "x")) == 2
    with pytest.raises(DataError, match="must not contradict"):
        checked(rows.drop(columns="judge"), "x")


def test_missing_column() -> None:
    with pytest.raises(DataError, match="lacks the column score"):
        checked(frame({}).drop(columns="score"), "x")


def test_contradictions_are_faults_and_equal_duplicates_are_counted() -> None:
    same = {"prompt_id": "a", "group": "a"}
    with pytest.raises(DataError, match="contradict"):
        checked(frame({**same, "score": 1.0}, {**same, "score": 0.0}), "x")
    merged = checked(frame(same, same), "x")
    assert len(merged) == 1
    assert merged.left_out == {"equal duplicates merged": 1}
    with pytest.raises(DataError, match="one text"):
        checked(frame({**same, "model": "m1"}, {**same, "model": "m2", "prompt": "Other."}), "x")


def test_nothing_left_is_an_error() -> None:
    with pytest.raises(DataError, match="no usable row"):
        checked(frame({"score": 2}), "x", skip_bad=True)


@pytest.mark.parametrize("suffix", ["parquet", "jsonl", "csv"])
def test_all_formats_read_the_same(tmp_path: Path, small: Dataset, suffix: str) -> None:
    rows = small.rows.drop(columns="created_at")
    path = tmp_path / f"data.{suffix}"
    if suffix == "parquet":
        rows.to_parquet(path)
    elif suffix == "jsonl":
        rows.to_json(path, orient="records", lines=True)
    else:
        rows.to_csv(path, index=False)
    assert read(path).digest == small.digest
    assert read(tmp_path).digest == small.digest


def test_digest_ignores_order_and_sees_changes(small: Dataset) -> None:
    shuffled = Dataset(small.rows.sample(frac=1, random_state=0).reset_index(drop=True))
    assert shuffled.digest == small.digest
    changed = small.rows.copy()
    changed.loc[0, "score"] = 1 - changed.loc[0, "score"]
    assert Dataset(changed).digest != small.digest


def test_folder_of_joined_sources(tmp_path: Path) -> None:
    prompts = pd.DataFrame(
        {
            "prompt_id": ["a", "b"],
            "qkey": ["q", "q"],
            "source": "S",
            "category": "c",
            "prompt": ["One?", "Two?"],
            "score_kind": "exact",
            "license": "MIT",
        }
    )
    outcomes = pd.DataFrame(
        {
            "prompt_id": ["a", "a", "b"],
            "tier": ["local", "cloud", "local"],
            "model": ["m", "k", "m"],
            "score": [0.0, 1.0, 1.0],
            "output_chars": np.nan,
        }
    )
    prompts.to_parquet(tmp_path / "s.prompts.parquet")
    outcomes.to_parquet(tmp_path / "s.outcomes.parquet")
    data = read(tmp_path)
    assert len(data) == 3
    assert set(data.rows["group"]) == {"q"}
    outcomes.assign(prompt_id="z").to_parquet(tmp_path / "s.outcomes.parquet")
    with pytest.raises(DataError, match="prompt_id is not in"):
        read(tmp_path)


@pytest.mark.parametrize("content", [b"", b"\x00\x01\x02", b"PAR1broken"])
@pytest.mark.parametrize("suffix", ["parquet", "jsonl", "csv"])
def test_broken_files_are_named(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"broken.{suffix}"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"broken\."):
        read(path)


def test_missing_and_unknown_paths(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        read(tmp_path / "nowhere")
    with pytest.raises(DataError, match="holds no"):
        read(tmp_path)
    (tmp_path / "x.txt").write_text("x")
    with pytest.raises(DataError, match="unknown suffix"):
        read(tmp_path / "x.txt")


def test_required_columns_are_the_documented_ones() -> None:
    assert set(REQUIRED) == set(ROW)
