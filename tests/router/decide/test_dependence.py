"""What agreement is worth among models that err alike."""

import numpy as np
import pytest

from router.answers.reading import Answer
from router.decide.after import SecondLook
from router.decide.constants import COPIED_SHARES
from router.decide.dependence import Dependence, copied_share, limited, pair_name, relation
from router.decide.router import Router

FIRST, KIN, STRANGER = "llama3.1:8b", "llama3:8b", "qwen2.5:7b"
OWN = "17 * 23 = 391"


def agreed(second: SecondLook, model: str, text: str = "The answer is 391.") -> float:
    """p_local of "391" beside what `model` says."""
    own = Answer(OWN, FIRST)
    return second.agreement_label("number", own, [Answer(text, model)]).p_local


def test_names_tell_one_model_one_teacher_one_family_and_strangers() -> None:
    pairs = {
        ("llama3.1:8b", "meta-llama/Meta-Llama-3.1-8B-Instruct"): "one model",
        ("Hermes-2-Pro-Llama-3-8B", "Hermes-2-Theta-Llama-3-8B"): "one teacher",
        ("mixtral:8x7b", "mistral-nemo"): "one family",
        ("deepseek-r1-distill-qwen-7b", "qwen2.5:7b"): "one family",
        ("dolphin3:8b", "phi4:14b"): "strangers",
        ("my-own", "another"): "strangers",
    }
    assert {names: relation(*names) for names in pairs} == pairs


def test_agreement_never_raises_the_odds_more_than_the_copied_share_allows() -> None:
    alone, agrees = np.zeros((5, 2)), np.column_stack([np.linspace(0, 20, 5)] * 2)
    found = limited(alone, agrees, 0.2)
    assert (np.diff(found, axis=0) > 0).all()
    assert np.exp(found[-1, 0]) == pytest.approx(5.0, rel=1e-3)
    assert found[:, 1] == pytest.approx(found[:, 0])
    differs = limited(alone, -agrees, 0.2)
    assert (differs >= -agrees - 1e-9).all() and differs[-1, 0] < -19


def test_a_stranger_is_heard_in_full_and_an_echo_not_at_all() -> None:
    alone, together = np.array([[0.3, 1.0]]), np.array([[2.0, 1.5]])
    assert limited(alone, together, 0.0) == pytest.approx(together)
    assert limited(alone, together, 1.0) == pytest.approx(alone)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.3, 0.5])
def test_the_copied_share_is_found_again_from_answers_known_to_be_wrong(share: float) -> None:
    rng = np.random.default_rng(0)
    right, wrong, count = 0.8, 0.2, 3000  # how often a stranger agrees
    agrees = rng.random(count) < np.where(rng.random(count) < share, right, wrong)
    added = np.where(agrees, np.log(right / wrong), np.log((1 - right) / (1 - wrong)))
    found = copied_share(added, np.ones(count), COPIED_SHARES["strangers"])
    assert found == pytest.approx(share, abs=0.05)


def test_answers_that_are_good_say_nothing_of_copying() -> None:
    found = copied_share(np.full(100, 2.0), np.zeros(100), 0.06)
    assert found == pytest.approx(0.06, abs=0.005)


def test_a_models_own_sample_is_a_fraction_of_a_voice(router: Router) -> None:
    second = router.second_look()
    alone = second.agreement_label("number", Answer(OWN, FIRST), []).p_local
    assert alone < agreed(second, FIRST) < agreed(second, KIN) < 1.0
    own = Answer(OWN, FIRST)
    sampled = second.agreement_label("number", own, [Answer("The answer is 391.", FIRST)])
    assert sampled.p_local < sampled.strangers[0]
    assert sampled.alone[0] == pytest.approx(alone)
    strange = second.agreement_label("number", own, [Answer("The answer is 391.", STRANGER)])
    assert strange.p_local == pytest.approx(strange.strangers[0])
    assert sampled.weight < strange.weight


def test_what_was_measured_of_a_pair_stands_before_its_names() -> None:
    known = Dependence({pair_name(FIRST, STRANGER): 0.4})
    assert known.copied("llama3.1:8b", "qwen2.5:7b") == 0.4
    assert known.copied("qwen2.5:7b", "llama3.1:8b") == 0.0
    assert known.copied(FIRST, KIN) == COPIED_SHARES["one family"]
    assert known.copied(FIRST, None) == 0.0


def test_the_second_of_two_samples_of_one_model_adds_less_than_a_stranger(router: Router) -> None:
    before = router.predict("What is 17 times 23?")
    agrees = "The answer is 391."

    def after(*models: str) -> float:
        said = [Answer(agrees, m) for m in models]
        return router.predict_after(before, Answer(OWN, FIRST), said).p_local

    assert after(FIRST) < after(STRANGER)
    assert after(FIRST, FIRST) < after(STRANGER, STRANGER) < after(STRANGER, "gemma2:9b")
