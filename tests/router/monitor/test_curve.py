"""The page's curve beside the estimates of training, and its words."""

import numpy as np
import pytest

from router.monitor.curve import curve, reliability, thresholds_of
from router.monitor.off_policy import CLOUD, BanditLog
from router.outcomes.live import Choice, RatedAnswer
from training.evaluate.off_policy import evaluate


def log_of(rows: int, exploration: float, seed: int = 0) -> tuple[list[Choice], dict[str, float]]:
    """Requests with gains 0..1 cut at .5, and ratings of all answers as both heads promised."""
    rng = np.random.default_rng(seed)
    out, scores = [], {}
    for i in range(rows):
        p_local = float(rng.uniform(0.0, 0.9))
        gain = 0.95 - p_local
        explored = bool(rng.random() < exploration)
        cloud = (gain > 0.5) != explored
        choice = Choice(
            id=str(i),
            at=i * 7200.0,
            key=None,
            tier="cloud" if cloud else "local",
            escalated=False,
            gain=gain,
            propensity=exploration if explored else 1 - exploration,
            p_local=p_local,
            p_cloud=0.95,
            cost_usd=0.01 if cloud else 0.0,
            cloud_usd=0.01,
        )
        out.append(choice)
        scores[choice.id] = float(rng.random() < (0.95 if cloud else p_local))
    return out, scores


def test_it_shows_what_trainings_estimate_shows_of_the_same_log() -> None:
    choices, scores = log_of(800, 0.2)
    points = [one for one in curve(choices, scores, 0.5) if one.quality is not None]
    assert len(points) > 30
    action = np.array([one.tier == "cloud" for one in choices]) * CLOUD
    log = BanditLog(
        action,
        np.array([one.propensity for one in choices]),
        np.array([scores[one.id] for one in choices]),
        np.arange(len(choices)),
    )
    promised = np.array([[one.p_local, one.p_cloud] for one in choices])
    gain = np.array([one.gain for one in choices])
    for point in points[::6]:
        theirs = evaluate(log, (gain > point.threshold) * 1.0, promised, rounds=2000).dr
        assert point.quality is not None and point.words == ""
        assert point.quality.value == pytest.approx(theirs.value, abs=1e-9)
        half = (theirs.high - theirs.low) / 2
        low = max(theirs.value - half, 0.0)
        assert point.quality.low == pytest.approx(low, abs=0.1 * half)


def test_its_intervals_cover_what_each_policy_would_have_come_to() -> None:
    covered = []
    for seed in range(100):
        choices, scores = log_of(600, 0.15, seed)
        for point in curve(choices, scores, 0.5)[::8]:
            if point.quality is not None:
                covered.append(point.quality.low <= point.expected <= point.quality.high)
    assert len(covered) > 400 and np.mean(covered) >= 0.93


def test_everything_to_the_cloud_costs_the_sum_of_its_prices() -> None:
    points = curve(*log_of(400, 0.2), 0.5)
    assert points[0].share == 1.0 and points[0].expected_usd == pytest.approx(4.0)
    assert points[-1].share == 0.0 and points[-1].expected_usd == pytest.approx(0.0)
    known = [(point, point.usd) for point in points if point.usd is not None]
    assert len(known) > 30
    for point, usd in known:
        assert usd.low - 1e-9 <= point.expected_usd <= usd.high + 1e-9


def test_without_exploration_it_says_what_to_do() -> None:
    points = curve(*log_of(400, 0.0), 0.5)
    served = [one for one in points if one.quality is not None]
    assert {round(one.share, 2) for one in served} == {round(served[0].share, 2)}
    assert all("no exploration" in one.words for one in points if one.usd is None)


def test_with_few_ratings_it_says_between_what_quality_lies() -> None:
    choices, scores = log_of(400, 0.2)
    few = {name: scores[name] for name in list(scores)[:10]}
    found = [one for one in curve(choices, few, 0.5) if one.usd is not None]
    assert found and all(one.quality is None for one in found)
    assert all("10 of 400 answers are rated" in one.words for one in found)


def test_an_empty_log_has_no_curve_and_the_threshold_in_force_is_always_on_it() -> None:
    assert curve([], {}, 0.3) == []
    assert 0.2566 in thresholds_of(np.array([0.1, 0.2, 0.9]), 0.2566)


def test_reliability_counts_each_answer_once_in_its_bin() -> None:
    rated = [RatedAnswer(str(i), "local", 0.15, float(i < 1)) for i in range(10)]
    rated += [RatedAnswer("c", "cloud", 1.0, 1.0)]
    (one,) = reliability(rated, "local")
    assert (one.answers, one.said, one.seen) == (10, pytest.approx(0.15), 0.1)
    assert one.low < 0.1 < one.high
    (other,) = reliability(rated, "cloud")
    assert (other.answers, other.high) == (1, 1.0)
    assert reliability([], "local") == []
