"""How able an unmeasured model is: every measured one is left out and guessed from the others."""

import numpy as np
import pytest

from router.registry.ability import ability_for, size_of
from router.registry.artifact import Artifact
from router.registry.prior import is_for_tools, prior_ability, released


def left_out(known: dict[str, float], guess: str) -> float:
    """Root mean squared error of a guess at each model, in logits."""
    errors = []
    for name, ability in known.items():
        if is_for_tools(name) or released(name) is None or size_of(name) is None:
            continue
        others = {k: v for k, v in known.items() if k != name}
        sizes = {k: s for k in others if (s := size_of(k)) is not None}
        size = size_of(name)
        assert size is not None
        if guess == "prior":
            found = prior_ability(name, size, others, sizes)
            assert found is not None
        else:
            found = others[min(sizes, key=lambda k: (abs(np.log(sizes[k] / size)), k))]
        errors.append(ability - found)
    return float(np.sqrt(np.mean(np.square(errors))))


def test_size_and_generation_say_more_than_the_nearest_size(shipped: Artifact) -> None:
    known = shipped.manifest["models"]["local"]
    assert left_out(known, "prior") < 0.4 < 0.5 < left_out(known, "nearest size")


def test_what_was_made_for_tools_says_nothing_of_others(shipped: Artifact) -> None:
    known = shipped.manifest["models"]["local"]
    without = {k: v for k, v in known.items() if not is_for_tools(k)}
    assert len(without) < len(known)
    one, other = (ability_for("llama3.2:1b", k, "llama3.1:8b").value for k in (known, without))
    assert one == other


def test_a_newer_and_a_larger_model_is_abler(shipped: Artifact) -> None:
    known = shipped.manifest["models"]["local"]
    reference = shipped.manifest["models"]["reference_local"]

    def ability(name: str) -> float:
        return ability_for(name, known, reference).value

    assert ability("qwen3:8b") > ability("gemma3:4b") > ability("llama-2-13b-chat")
    assert ability("llama3.3:70b") > ability("llama3.2:3b") > ability("llama3.2:1b")
    assert ability("never-heard-of") == ability(reference), "neither size nor generation"
    assert not ability_for("qwen3:8b", known, reference).known


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("gemma:2b", 2024 + 2 / 12),
        ("google/gemma-2-2b-it", 2024 + 6 / 12),
        ("open-mistral-nemo-2407", 2024 + 7 / 12),
        ("NousResearch_Hermes-2-Pro-Llama-3-8B", 2024 + 3 / 12),
        ("my-own-model:7b", None),
    ],
)
def test_a_family_is_found_in_a_name(name: str, family: float | None) -> None:
    assert released(name) == family


def test_few_models_do_not_tell_size_from_generation() -> None:
    known = {"qwen2:7b": 0.4, "gemma2:2b": -0.8}
    sizes = {"qwen2:7b": 7.0, "gemma2:2b": 2.0}
    assert prior_ability("qwen3:8b", 8.0, known, sizes) is None
    assert ability_for("qwen3:8b", known, "qwen2:7b").value == 0.4
