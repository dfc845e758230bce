import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import router as package
from router.decide.router import Router
from router.errors import ConfigError, InputError
from router.registry.artifact import Artifact

EASY = ["hi", "Thanks!", "Translate 'good morning' into French.", "What is the capital of Peru?"]
HARD = [
    "Prove the spectral theorem for compact self-adjoint operators and show where it fails.",
    "Design a multi-region payment ledger that survives the loss of a region without double spend.",
    "Derive the asymptotic distribution of the MLE on the boundary of the parameter space.",
]


def test_predict_tier_separates_easy_from_hard() -> None:
    assert {package.predict_tier(p).tier for p in EASY} == {"local"}
    assert {package.predict_tier(p).tier for p in HARD} == {"cloud"}


def test_decision_is_frozen_and_whole(router: Router) -> None:
    decision = router.predict(HARD[0])
    with pytest.raises(AttributeError):
        decision.tier = "local"  # type: ignore[misc]
    assert decision.gain == pytest.approx(decision.p_cloud - decision.p_local)
    assert decision.model_version == router.version
    assert set(decision.as_dict()) == {
        "tier",
        "p_local",
        "p_cloud",
        "gain",
        "threshold",
        "reason",
        "model_version",
        "est_cost_usd",
        "act",
        "look_value",
        "asks",
    }


def test_messages_and_tools(router: Router) -> None:
    decision = package.predict_tier(
        messages=[{"role": "user", "content": HARD[1]}], tools=[{"name": "search"}]
    )
    assert decision.tier == "cloud"
    with pytest.raises(InputError, match="either"):
        router.predict()
    with pytest.raises(InputError, match="either"):
        router.predict("a", messages=[])


def test_batch_equals_single(router: Router) -> None:
    prompts = [*EASY, *HARD, "x", "3.5 + 2 = ?", "日本語で答えて", "a\nb\n" * 2000] * 40
    batch = router.predict_batch(prompts)
    assert batch.gain.shape == (len(prompts),)
    for i in range(11):
        single = router.predict(prompts[i])
        assert batch.p_local[i] == pytest.approx(single.p_local, abs=1e-6)
        assert batch.p_cloud[i] == pytest.approx(single.p_cloud, abs=1e-6)


def test_empty_batch(router: Router) -> None:
    assert len(router.predict_batch([]).gain) == 0


def test_many_threads_agree(router: Router) -> None:
    prompts = [f"{p} {i}" for i in range(40) for p in (*EASY, *HARD)]
    expected = [router.predict(p).gain for p in prompts]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda p: router.predict(p).gain, prompts)) == expected


def test_model_size_moves_the_probability(shipped: Artifact) -> None:
    small = Router(shipped, local_model="qwen2.5:3b").predict(HARD[0])
    large = Router(shipped, local_model="qwen2.5:14b").predict(HARD[0])
    assert small.p_local < large.p_local
    assert small.p_cloud == large.p_cloud


def test_unknown_model_is_said_in_the_explanation(shipped: Artifact) -> None:
    explanation = Router(shipped, local_model="newmodel:9b").explain(HARD[0])
    assert any("newmodel:9b" in n and "of its size" in n for n in explanation.notes)
    known = Router(shipped, local_model="llama3.1:8b").explain(HARD[0])
    assert not any("llama3.1" in n for n in known.notes)


def test_explanation_names_features_in_order(router: Router) -> None:
    explanation = router.explain("Prove Fermat's last theorem for exponent four.")
    strength = [abs(p.logits) for p in explanation.contributions]
    assert strength == sorted(strength, reverse=True)
    assert any("prove" in p.feature for p in explanation.contributions)


def test_price_follows_length_and_model(shipped: Artifact) -> None:
    router = Router(shipped, cloud_model="claude-sonnet-4-5")
    short, long = router.predict("hello"), router.predict("hello " * 1000)
    assert 0 < short.est_cost_usd < long.est_cost_usd
    with pytest.raises(ConfigError, match="No price"):
        Router(shipped, cloud_model="claude-of-the-moon").predict("hi")


def test_settings_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROUTER_THRESHOLD", "0.9")
    assert Router.load().predict(HARD[0]).threshold == 0.9
    monkeypatch.setenv("ROUTER_CLOUD_SHARE", "0.5")
    with pytest.raises(ConfigError, match="Only one"):
        Router.load()
    monkeypatch.delenv("ROUTER_CLOUD_SHARE")
    monkeypatch.setenv("ROUTER_THRESHOLD", "much")
    with pytest.raises(ConfigError, match="threshold"):
        Router.load()
    monkeypatch.delenv("ROUTER_THRESHOLD")
    monkeypatch.setenv("ROUTER_LOCAL_URL", "here")
    with pytest.raises(ConfigError, match="local_url is wrong: it must be an address that begins"):
        Router.load()


@pytest.mark.servers
def test_import_loads_nothing_heavy() -> None:
    code = (
        "import sys, router; router.predict_tier('hi'); "
        "print({'torch', 'mlflow', 'pandas', 'sklearn', 'training'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_probabilities_are_numpy(router: Router) -> None:
    batch = router.predict_batch(EASY)
    assert isinstance(batch.p_local, np.ndarray)
    assert batch.p_local.dtype == np.float64


def test_nobody_is_sent_away_on_a_guess(shipped: Artifact) -> None:
    """The threshold carries the burden of proof while the local model is unmeasured."""
    unmeasured = {"local_model": "newmodel:8b"}
    guess = Router(shipped, **unmeasured, confidence=0.5)
    careful = Router(shipped, **unmeasured)
    surest = Router(shipped, **unmeasured, confidence=0.99)
    known = Router(shipped)
    for prompt in HARD:
        cut = guess.predict(prompt).threshold
        assert known.predict(prompt).threshold == cut
        assert cut < careful.predict(prompt).threshold < surest.predict(prompt).threshold
        assert careful.predict(prompt).p_local == guess.predict(prompt).p_local
    said = careful.predict(HARD[0])
    assert "burden of proof, as nobody measured newmodel:8b" in said.reason
    assert (said.gain > said.threshold) == (said.tier == "cloud")
    assert "burden" not in known.predict(HARD[0]).reason


FINE = [
    ("Say hello.", "Hello! How can I help you today?"),
    ("thanks!", "You're welcome! Let me know if you need anything else."),
    ("What is the capital of France?", "The capital of France is Paris."),
    ("Translate 'see you on Monday' into Spanish.", "Nos vemos el lunes."),
    ("Fix the grammar: He go to school", "He goes to school."),
    (
        "What should I cook tonight with eggs and spinach?",
        "You could make an omelette: beat three eggs, wilt a handful of spinach in butter, pour "
        "the eggs over it and cook until set. Add cheese if you like.",
    ),
]
POOR = [
    ("Say hello.", "That cannot be determined, and I do not have a way to say it. " * 12),
    ("What is the capital of France?", "I'm sorry, I can't do that."),
    ("What should I cook tonight with eggs and spinach?", "the the the the " * 60),
    ("Explain inflation to a pupil.", ""),
]


@pytest.mark.parametrize("model", ["llama3.1:8b", "a-model-that-nobody-measured"])
def test_reading_keeps_short_right_answers_and_sends_poor_ones_away(model: str) -> None:
    router = Router.load(local_model=model)
    for said, tier in ((FINE, "local"), (POOR, "cloud")):
        before = [router.predict(prompt) for prompt, _ in said]
        after = router.predict_after_batch(before, [answer for _, answer in said])
        assert [one.tier for one in after] == [tier] * len(said)


def test_what_is_known_of_a_word_lies_in_one_row(router: Router) -> None:
    """Else looking up a few rows copies the whole table first, which takes longer than all else."""
    assert all(table.flags.c_contiguous for table in router.heads._tables)
