"""Conversations made of real outcomes, so that what stands around a prompt can be learned.

Outcomes are of single prompts. Two kinds of conversation follow from them:

- a chat: earlier turns on other things, then the prompt. They leave the answer as good as it was.
- a task of several tool calls, in as many rounds. It is done when every one of its calls is right,
  so its score is the product of theirs.
"""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from router.text.constants import SHORT_TURN_CHARS
from training.data.constants import CHATS, EARLIER_TURNS, TASKS, TOOL_ROUNDS
from training.data.dataset import Dataset

Message = dict[str, Any]


def conversations(rows: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Canonical rows of conversations that are made of those of single prompts in `rows`.

    Each belongs to the group and source of its last prompt. The same rows and seed give the same.
    """
    prompts = Dataset(rows).prompts
    rng = np.random.default_rng(seed)
    made = [_chats(rows, prompts, rng), _tasks(rows, prompts, rng)]
    return pd.concat(made, ignore_index=True)


def _chats(rows: pd.DataFrame, prompts: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    # A shorter last turn is read together with those before it: then they are no other thing.
    whole = prompts[prompts["prompt"].str.len() >= SHORT_TURN_CHARS]
    chosen = whole.iloc[rng.permutation(len(whole))[:CHATS]]
    texts = prompts["prompt"].to_numpy()
    said = {}
    for one, prompt in zip(chosen["prompt_id"], chosen["prompt"], strict=True):
        earlier = rng.choice(texts, 2 * int(rng.choice(EARLIER_TURNS)))
        turns = [_turn(i, text) for i, text in enumerate(earlier)]
        said[one] = [*turns, {"role": "user", "content": prompt}]
    mine = rows[rows["prompt_id"].isin(chosen["prompt_id"])]
    return mine.assign(
        messages=[json.dumps(said[one]) for one in mine["prompt_id"]],
        prompt_id="chat " + mine["prompt_id"],
    )


def _turn(i: int, text: str) -> Message:
    return {"role": ("user", "assistant")[i % 2], "content": text}


def _tasks(rows: pd.DataFrame, prompts: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    with_tools = prompts[prompts["tools"].notna()].reset_index(drop=True)
    if with_tools.empty:
        return rows.iloc[:0]
    scores = rows.pivot_table(index="prompt_id", columns="model", values="score")
    tier = rows.drop_duplicates("model").set_index("model")["tier"]
    made = []
    for number in range(TASKS):
        calls = with_tools.iloc[rng.integers(len(with_tools), size=1 + rng.choice(TOOL_ROUNDS))]
        done = scores.loc[calls["prompt_id"]].prod(skipna=False).dropna()
        last = calls.iloc[-1]
        made.append(
            pd.DataFrame(
                {
                    **{c: last[c] for c in ("group", "source", "category", "prompt")},
                    "prompt_id": f"task {number} {last['prompt_id']}",
                    "tier": tier[done.index].to_numpy(),
                    "model": done.index,
                    "score": done.to_numpy(),
                    "weight": 1.0,
                    "messages": json.dumps(_rounds(calls["prompt"].tolist())),
                    "tools": json.dumps(_offered(calls["tools"].tolist())),
                }
            )
        )
    return pd.concat(made, ignore_index=True)


def _rounds(asked: Sequence[str]) -> list[Message]:
    """One request for several things, each but the last already done by a call."""
    out: list[Message] = []
    for i, text in enumerate(asked[:-1]):
        name = f"call_{i}"
        call = {"id": name, "type": "function", "function": {"name": name, "arguments": "{}"}}
        out += [
            {"role": "user", "content": text},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": name, "content": "done"},
        ]
    return [*out, {"role": "user", "content": asked[-1]}]


def _offered(tools: Sequence[str]) -> list[Any]:
    """All tools that the calls need, each once."""
    known = {json.dumps(tool): tool for text in tools for tool in json.loads(text)}
    return list(known.values())
