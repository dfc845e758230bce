"""Conversations made of real outcomes."""

import json

import numpy as np
import pandas as pd

from training.data.conversations import conversations
from training.data.dataset import Dataset, checked


def outcomes(tools: bool) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = []
    for i in range(40):
        for tier, model in (("local", "small"), ("local", "smaller"), ("cloud", "large")):
            row = {
                "prompt_id": f"p{i}",
                "group": f"g{i}",
                "source": "mine",
                "category": "calls",
                "prompt": f"Please find out for me how the weather is in town number {i} today.",
                "tier": tier,
                "model": model,
                "score": float(rng.random() < 0.8),
            }
            if tools:
                row["tools"] = json.dumps([{"name": f"weather_{i}"}])
            rows.append(row)
    return checked(pd.DataFrame(rows), "here").rows


def test_earlier_turns_leave_an_outcome_as_it_was() -> None:
    rows = outcomes(tools=False)
    made = conversations(rows)
    before = rows.set_index(["prompt_id", "model"])["score"]
    for one in made.itertuples():
        assert one.score == before[one.prompt_id.removeprefix("chat "), one.model]
    requests = Dataset(made).requests
    assert all(r.turns >= 3 and r.chars > len(r.text) and not r.tool_results for r in requests)


def test_a_task_is_done_when_each_of_its_calls_is_right() -> None:
    rows = outcomes(tools=True)
    made = conversations(rows)
    tasks = made[made["prompt_id"].str.startswith("task")]
    score = rows.pivot_table(index="prompt", columns="model", values="score")
    for one in tasks.head(200).itertuples():
        asked = [m["content"] for m in json.loads(one.messages) if m["role"] == "user"]
        assert one.score == score.loc[asked, one.model].prod()
        assert set(one.group) and len(json.loads(one.tools)) == len(set(asked))
    requests = Dataset(tasks).requests
    assert {r.tool_results for r in requests} >= {1, 2, 4, 8}
    assert tasks["score"].mean() < rows["score"].mean()


def test_the_same_rows_make_the_same_conversations() -> None:
    rows = outcomes(tools=True)
    assert conversations(rows, 1).equals(conversations(rows, 1))
    assert not conversations(rows, 1).equals(conversations(rows, 2))
