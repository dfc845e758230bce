"""Requests beside tools that were offered for others: what answers are worth where no tool fits.

To call nothing is nearly always a fault, but where no offered tool fits it is the right answer.
Measured outcomes hold few such requests, and of kinds of calls that nobody measured none. Made are
they by an exchange: a request keeps its words and gets another's tools. Of what models said to the
other, a call is wrong now and an answer without one right.
"""

import json
import re
from typing import Any

import numpy as np
import pandas as pd

from training.data.answers import calls_made
from training.data.constants import FOREIGN_ANSWERS, GROUNDED_SHARE

_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_WORD = re.compile(r"[^\W\d][\w'-]{3,}")


def foreign_offers(
    answers: pd.DataFrame, prompts: pd.DataFrame, rng: np.random.Generator
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Answers with scores, and the prompts they belong to; none where no tool was offered.

    Each request of one turn with tools is exchanged once. Its answers are of several models, about
    half of them calls; half of these with the words and numbers of the request in them, as a model
    would call that calls too much.
    """
    answers = answers.reindex(columns=list(dict.fromkeys([*answers.columns, "tool_calls"])))
    columns = list(dict.fromkeys([*prompts.columns, "tools", "messages"]))
    prompts = prompts.reindex(columns=columns)
    one_turn = prompts["tools"].notna() & prompts["messages"].isna()
    asked = {str(p["prompt_id"]): p for p in _records(prompts[one_turn])}
    mine = answers[answers["prompt_id"].isin(asked)].astype("object")
    calling = mine["tool_calls"].map(lambda c: bool(calls_made(c))).astype(bool)
    of_prompt = {str(p): part for p, part in mine[calling].groupby("prompt_id")}
    talk = mine["text"][~calling].fillna("").tolist() or [""]
    made: list[dict[str, Any]] = []
    exchanged: list[dict[str, Any]] = []
    for one, other in zip(asked, rng.permutation(list(asked)).tolist(), strict=True):
        if other not in of_prompt or asked[one]["group"] == asked[other]["group"]:
            continue
        new = {"prompt_id": f"{one} beside {other}", "category": "no tool fits"}
        exchanged.append(asked[one] | new | {"tools": asked[other]["tools"]})
        said = of_prompt[other]
        chosen = rng.permutation(len(said))[:FOREIGN_ANSWERS]
        for answer in _records(said.iloc[chosen]):
            own = answer | {"prompt_id": new["prompt_id"], "final": None, "cloud": None}
            if rng.random() < 0.5:
                own |= {"text": talk[rng.integers(len(talk))], "tool_calls": "[]", "score": 1.0}
            else:
                own["score"] = 0.0
                if rng.random() < GROUNDED_SHARE:
                    calls = _grounded(
                        calls_made(answer["tool_calls"]) or [], asked[one]["prompt"], rng
                    )
                    own |= {"text": "", "tool_calls": json.dumps(calls)}
            made.append(own)
    return pd.DataFrame(made, columns=answers.columns), pd.DataFrame(exchanged, columns=columns)


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows as mappings."""
    return [{str(k): v for k, v in row.items()} for row in frame.to_dict("records")]


def _grounded(calls: list[Any], prompt: str, rng: np.random.Generator) -> list[Any]:
    """`calls` with the words and numbers of `prompt` as their values."""
    numbers, words = _NUMBER.findall(prompt), _WORD.findall(prompt)

    def filled(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: v if k == "name" else filled(v) for k, v in value.items()}
        if isinstance(value, list):
            return [filled(v) for v in value]
        if isinstance(value, str) and words:
            start = int(rng.integers(len(words)))
            return " ".join(words[start : start + len(value.split())])
        if isinstance(value, int | float) and not isinstance(value, bool) and numbers:
            return type(value)(float(rng.choice(numbers)))
        return value

    return [filled(call) for call in calls]
