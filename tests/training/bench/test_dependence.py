"""Who repeats whose mistakes, on answers made for the purpose."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from router.answers.final import final_of
from training.bench.dependence import _kinships

MODELS = ("llama3.1:8b", "hermes-2-pro-llama-3-8b", "hermes-2-theta-llama-3-8b", "phi4", "qwen2:7b")


def opinions(copied: float) -> Any:
    """Numbers that half of the models get wrong; the two of one teacher repeat some mistakes."""
    rng = np.random.default_rng(0)
    rows, finals = [], []
    for prompt in range(600):
        said = {m: int(rng.integers(1, 40)) for m in MODELS}
        good = {m: rng.random() < 0.5 for m in MODELS}
        if rng.random() < copied:
            said[MODELS[2]], good[MODELS[2]] = said[MODELS[1]], good[MODELS[1]]
        for model in MODELS:
            rows.append((f"p{prompt}", model, float(good[model])))
            finals.append(f"The answer is {0 if good[model] else said[model]}.")
    frame = pd.DataFrame(rows, columns=["prompt_id", "model", "score"])
    readings = [SimpleNamespace(final=final_of(text, "number")) for text in finals]
    at = {str(p): np.asarray(i) for p, i in frame.groupby("prompt_id").indices.items()}
    return SimpleNamespace(answers=SimpleNamespace(frame=frame, readings=readings), of_prompt=at)


def test_models_of_one_teacher_that_repeat_mistakes_are_found_and_strangers_are_not() -> None:
    found = _kinships(opinions(0.4))
    assert found["strangers"]["copied"] < 0.05
    assert 0.2 < found["one teacher"]["copied"] < 0.6
    assert _kinships(opinions(0.0))["one teacher"]["copied"] < 0.05
