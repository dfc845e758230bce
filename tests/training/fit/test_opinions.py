"""An opinion may help, and may not make the judgement worse than not asking: kind by kind.

Answers made for the purpose. In final answers equality says nearly all; in prose likeness says
nothing, and what is good shows in the form alone.
"""

import numpy as np
import pandas as pd
import pytest

from router.answers.verifier import NAMES
from router.decide.heads import sigmoid
from router.registry.artifact import Artifact
from training.data.answers import beginnings, broken
from training.data.opinions import Opinions
from training.evaluate import metrics
from training.fit.verifier import VerifierRows, fit_verifier, rows_of

MODELS = ("one:3b", "two:7b", "three:8b", "four:9b")
HIDDEN = MODELS[0]
NOISE = 0.03  # of an AUC over some hundred rows
WORDS = ["river", "stone", "light", "garden", "paper", "winter", "music", "bread", "letter"]


def written(source: str, prompts: int = 150) -> pd.DataFrame:
    """Answers with scores of their own, by every model to every prompt."""
    rng = np.random.default_rng(len(source))
    rows = []
    for prompt in range(prompts):
        truth = int(rng.integers(100, 10**6))
        for model in MODELS:
            good = bool(rng.random() < 0.5)
            if source == "sums":
                text = f"We get {truth if good else int(rng.integers(100, 10**6))}."
            else:
                count = int(rng.integers(40, 60))
                text = " ".join(rng.choice(WORDS, count)) + ".\n" + "- more\n" * (4 * good) + "End."
            rows.append((f"{source}{prompt}", model, text, float(good), source))
    frame = pd.DataFrame(rows, columns=["prompt_id", "model", "text", "score", "own_source"])
    return frame.assign(own_group=frame["prompt_id"])


@pytest.fixture(scope="module")
def opinions(shipped: Artifact) -> Opinions:
    nothing = pd.DataFrame(columns=["prompt_id", "prompt"])
    answers = pd.concat([written("sums"), written("letters")], ignore_index=True)
    return Opinions.read(shipped, answers, nothing)


@pytest.fixture(scope="module")
def rows(opinions: Opinions) -> VerifierRows:
    draws = opinions.draws(np.random.default_rng(0), np.arange(len(opinions.answers)), 1, 1)
    return rows_of(opinions, draws, lambda model: 0.0)


def test_an_opinion_never_makes_the_judgement_worse_than_not_asking(rows: VerifierRows) -> None:
    seen = np.array([str(g)[-1] not in "01" for g in rows.group]) & (rows.model != HIDDEN)
    hidden = np.array([str(g)[-1] in "0123" for g in rows.group]) & (rows.model == HIDDEN)
    verifier = fit_verifier(rows.take(np.flatnonzero(seen)).balanced())
    p = sigmoid(verifier.logits(rows.features))[:, 0]
    asked = rows.features[:, NAMES.index("one other opinion")] > 0
    alone = ~asked & (rows.features[:, NAMES.index("two other opinions")] == 0)
    found = {}
    for source in ("sums", "letters"):
        mine = hidden & (rows.source == source)
        found[source] = [metrics.auc(p[mine & k], rows.local[mine & k]) for k in (alone, asked)]
        assert found[source][1] >= found[source][0] - NOISE, source
    assert found["sums"][1] > found["sums"][0] + 0.1
    assert found["letters"][0] > 0.9


def test_sources_weigh_alike_and_so_do_the_models_within(rows: VerifierRows) -> None:
    few = rows.take(np.flatnonzero((rows.source == "sums") | (rows.model == HIDDEN)))
    even = few.balanced()
    by_source = {s: even.weight[even.source == s].sum() for s in ("sums", "letters")}
    assert by_source["sums"] == pytest.approx(by_source["letters"])
    sums = even.source == "sums"
    by_model = [even.weight[sums & (even.model == m)].sum() for m in MODELS]
    assert np.allclose(by_model, by_model[0])


def test_beginnings_are_cut_and_said_to_be_such(shipped: Artifact) -> None:
    rng = np.random.default_rng(0)
    whole = written("letters", 20)
    cut = beginnings(whole, rng, (60, 120, 10**6))
    assert set(cut["text"].str.len()) == {60, 120} and 20 < len(cut) < len(whole)
    nothing = pd.DataFrame(columns=["prompt_id", "prompt"])
    read = Opinions.read(shipped, cut, nothing)
    assert all(r.so_far for r in read.answers.readings)
    features = rows_of(read, [(0, ())], lambda model: 0.0).features
    assert features[0, NAMES.index("evidence: beginning")] == 1


def test_what_says_nothing_is_taught_as_poor(shipped: Artifact) -> None:
    rng = np.random.default_rng(0)
    whole = written("letters").assign(tool_calls=None)
    made = broken(whole, rng)
    assert 20 < len(made) < 120 and (made["score"] == 0).all() and "" in set(made["text"])
    called = whole.assign(tool_calls="[]")
    assert broken(called, rng).empty
