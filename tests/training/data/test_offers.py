"""Requests beside tools that were offered for others."""

import json

import numpy as np
import pandas as pd

from training.data.offers import foreign_offers


def measured(tools: bool = True) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Answers and prompts of twelve requests and three models, one of which only talks."""
    offered = [[{"name": f"measure_{i}", "parameters": {"type": "object"}}] for i in range(12)]
    prompts = pd.DataFrame(
        {
            "prompt_id": [f"p{i}" for i in range(12)],
            "group": [f"g{i}" for i in range(12)],
            "source": "mine",
            "category": "calls",
            "prompt": [f"Measure the copper wire number {i + 500} for me." for i in range(12)],
            "tools": [json.dumps(t) for t in offered] if tools else None,
            "messages": None,
        }
    )
    rows = []
    for i in range(12):
        call = {"name": f"measure_{i}", "arguments": {"thing": "lamp", "number": i, "all": True}}
        for model in ("a", "b"):
            rows.append((f"p{i}", model, "", None, json.dumps([call]), 1.0))
        rows.append((f"p{i}", "talker", "I would measure it twice.", None, "[]", 0.0))
    columns = ["prompt_id", "model", "text", "final", "tool_calls", "score"]
    return pd.DataFrame(rows, columns=columns).assign(cloud=1.0), prompts


def test_where_no_tool_fits_a_call_is_wrong_and_none_is_right() -> None:
    answers, prompts = measured()
    made, exchanged = foreign_offers(answers, prompts, np.random.default_rng(0))
    assert 8 <= len(exchanged) <= 12 and set(made["prompt_id"]) == set(exchanged["prompt_id"])
    own = prompts.set_index("prompt")["tools"]
    assert all(own[e.prompt] != e.tools for e in exchanged.itertuples())
    nothing = made["tool_calls"] == "[]"
    assert 0 < nothing.sum() < len(made)
    assert ((made["score"] == 1) == nothing).all() and made["cloud"].isna().all()
    assert set(made["text"][nothing]) == {"I would measure it twice."}


def test_some_of_the_wrong_calls_say_what_was_asked() -> None:
    answers, prompts = measured()
    made, exchanged = foreign_offers(answers, prompts, np.random.default_rng(0))
    tools = exchanged.set_index("prompt_id")["tools"]
    calls = made[made["tool_calls"] != "[]"]
    said = set()
    for prompt_id, written in zip(calls["prompt_id"], calls["tool_calls"], strict=True):
        (call,) = json.loads(written)
        assert call["name"] == json.loads(tools[prompt_id])[0]["name"]
        assert call["arguments"]["all"] is True
        said.add(call["arguments"]["thing"])
    assert "lamp" in said and said & {"Measure", "copper", "wire", "number"}


def test_without_tools_nothing_is_exchanged() -> None:
    answers, prompts = measured(tools=False)
    made, exchanged = foreign_offers(answers, prompts, np.random.default_rng(0))
    assert made.empty and exchanged.empty
    bare = answers.drop(columns="tool_calls"), prompts.drop(columns=["tools", "messages"])
    assert foreign_offers(*bare, np.random.default_rng(0))[0].empty
