"""Who rates, the level of kinds, and what ratings say of the order of answers."""

import numpy as np
import pandas as pd
import pytest

from router.decide.heads import sigmoid
from router.labels.label import Label
from router.monitor.constants import GAMMA
from router.registry import gates
from router.types import FloatArray
from training.data.log import Window
from training.evaluate.metrics import Interval
from training.pipelines.levels import levelled
from training.pipelines.rated_order import order_gains
from training.pipelines.raters import Odds, odds_of, rated_weights


def label(number: int, score: float, source: str = "user") -> Label:
    return Label(
        decision=f"d{number}",
        group=f"g{number}",
        tier="local",
        score=score,
        weight=1.0,
        source=source,
        at=float(number),
    )


@pytest.mark.parametrize(("good", "bad"), [(0.6, 0.6), (0.3, 0.2), (0.05, 0.6), (0.6, 0.02)])
def test_the_audit_tells_how_much_readier_raters_are_to_rate_good_answers(
    good: float, bad: float
) -> None:
    rng = np.random.default_rng(0)
    scores = (rng.random(4000) < 0.5) * 1.0
    audited = rng.random(4000) < 0.05
    rated = audited | (rng.random(4000) < np.where(scores > 0.5, good, bad))
    labels = [label(i, scores[i]) for i in np.flatnonzero(rated)]
    odds = odds_of(labels, {f"d{i}" for i in np.flatnonzero(audited)})
    assert odds.low < good / bad < odds.high
    assert odds.beyond == (max(good / bad, bad / good) > GAMMA)
    assert bool(odds.words()) == odds.beyond


def test_without_an_audit_nothing_is_known_of_raters() -> None:
    odds = Odds.of([[], []], [[1.0], [0.0]])
    assert not odds.beyond and odds.low == 0.0


def test_ratings_count_for_those_that_were_as_likely_and_gave_none() -> None:
    rng = np.random.default_rng(1)
    n = 4000
    often = rng.random(n) < 0.5
    frame = pd.DataFrame(
        {
            "id": [f"d{i}" for i in range(n)],
            "tier": "local",
            "key": np.where(often, "often", "rarely"),
            "asks": "text",
            "p_local": 0.5,
            "p_cloud": 0.8,
            "gain": 0.3,
            "audited": False,
        }
    )
    said = frame["id"][rng.random(n) < np.where(often, 0.6, 0.2)]
    weights = rated_weights(frame, said.tolist())
    by_key = frame.set_index("id").loc[list(weights), "key"]
    total = pd.Series(weights).groupby(by_key).sum()
    assert total["often"] == pytest.approx(total["rarely"], rel=0.2)
    assert rated_weights(frame, []) == {}


def test_audited_answers_of_days_with_a_small_share_count_more() -> None:
    frame = pd.DataFrame(
        {"id": ["a", "b", "c"], "audited": [True, True, False], "audit": [0.02, 0.06, 0.02]}
    )
    nothing = pd.DataFrame()
    window = Window(frame=frame, features=None, signals=[], soft=nothing, digest="")  # type: ignore[arg-type]
    assert window.audit_weights == {"a": pytest.approx(1.5), "b": pytest.approx(0.5)}
    wanted = gates.audit_wanted(5)
    assert "15 more" in wanted[0] and gates.audit_wanted(20) == ()


def agreement(level: FloatArray, kinds: FloatArray) -> pd.DataFrame:
    ids = [f"d{i}" for i in range(len(kinds))]
    return pd.DataFrame({"prompt_id": ids, "tier": "local", "score": level, "weight": 1.0})


def test_kinds_move_towards_the_champion_and_the_level_of_all_stays() -> None:
    kinds = np.repeat([0, 1], 50)
    soft = agreement(np.where(kinds, 0.9, 0.1), kinds)
    names = dict(zip(soft["prompt_id"], kinds.astype(str).tolist(), strict=True))
    even = {(one, "local"): 0.5 for one in soft["prompt_id"]}
    nobody = pd.DataFrame(columns=["prompt_id", "tier", "score", "weight", "rater"])
    moved = levelled(soft, even, names, nobody)["score"].to_numpy()
    assert 0.1 < moved[0] < 0.5 < moved[-1] < 0.9
    assert moved.mean() == pytest.approx(0.5, abs=1e-6)


@pytest.mark.parametrize("rater", ["", "key a"])
def test_labels_move_a_kind_and_only_those_drawn_by_lot_the_level_of_all(rater: str) -> None:
    kinds = np.repeat([0, 1], 50)
    soft = agreement(np.full(100, 0.5), kinds)
    names = dict(zip(soft["prompt_id"], kinds.astype(str).tolist(), strict=True))
    even = {(one, "local"): 0.5 for one in soft["prompt_id"]}
    said = soft.iloc[10:90].assign(score=np.repeat([1.0, 0.5], 40), rater=rater)
    moved = levelled(soft, even, names, said)["score"].to_numpy()
    assert moved[0] > 0.6 > moved[-1]
    assert (moved.mean() > 0.55) == (rater == "")


def test_whoever_rates_bad_answers_alone_moves_no_kind() -> None:
    rng = np.random.default_rng(0)
    kinds = np.repeat([0, 1], 1000)
    level = np.where(kinds, 0.8, 0.3)
    soft = agreement(level, kinds)
    names = dict(zip(soft["prompt_id"], kinds.astype(str).tolist(), strict=True))
    right = {(one, "local"): p for one, p in zip(soft["prompt_id"], level, strict=True)}
    good = rng.random(2000) < level
    rated = rng.random(2000) < np.where(good, 0.03, 0.6)
    said = soft[rated].assign(score=good[rated] * 1.0, rater="key a")
    moved = levelled(soft, right, names, said)["score"].to_numpy()
    assert moved == pytest.approx(level, abs=0.02)


class Heads:
    """Stands for a fit: what it says of each row."""

    def __init__(self, p: FloatArray) -> None:
        self.p = p


class Known:
    """Stands for the training set: asks the fit."""

    def probabilities(self, fitted: Heads, rows: pd.DataFrame) -> FloatArray:
        return fitted.p


def gains(first: FloatArray, second: FloatArray, y: FloatArray, rater: list[str]) -> list[float]:
    rows = pd.DataFrame({"tier": "local", "score": y, "weight": 1.0})
    found = order_gains(Known(), [Heads(first), Heads(second)], rows, rater)  # type: ignore[arg-type, list-item]
    return [float(one.mean()) for one in found]


def test_a_better_order_shows_whoever_rates_and_a_level_does_not() -> None:
    rng = np.random.default_rng(2)
    z = rng.normal(0, 1.5, 2000)
    y = (rng.random(2000) < sigmoid(z)) * 1.0
    flat, good = np.full(2000, 0.5), sigmoid(z)
    keys = ["a" if one else "b" for one in rng.random(2000) < 0.5]
    assert min(gains(flat, good, y, keys)) > 0.02
    assert max(gains(good, flat, y, keys)) < -0.02
    higher = gains(good, sigmoid(z + 2), y, keys)
    assert max(map(abs, higher)) < 1e-6
    strict = np.where(np.array(keys) == "a", 0.0, y)  # one key finds all bad: no order in that
    assert gains(flat, np.where(np.array(keys) == "a", 0.1, 0.9), strict, keys)[0] < 1e-6


def test_the_gates_of_ratings() -> None:
    sure, unsure = Interval(0.02, 0.01, 0.03), Interval(0.02, -0.01, 0.05)
    assert gates.on_order(200, sure) == () and "200 later ratings" in gates.on_order(200, unsure)[0]
    assert gates.on_bounds(0.01, GAMMA) == () and "up to 5 times" in gates.on_bounds(-0.1, GAMMA)[0]
    level, worse = Interval(0.0, -0.01, 0.01), Interval(-0.001, -0.01, 0.01)
    assert gates.on_later_requests(200, "agreement", level, level, sure) == ()
    assert gates.on_later_requests(200, "agreement", worse, level, sure)
    assert gates.on_later_requests(200, "agreement", level, level, unsure)
    wide = Interval(0.003, -0.013, 0.017)  # it may lose too much
    assert gates.on_later_requests(200, "agreement", wide, level, sure)
    assert "more later ratings" in gates.too_few_to_judge(3, 40)[0]
