import numpy as np
import pytest

from router.labelling.choosing import most_informative, worth
from router.monitor.alarms import CalibrationTest, drift, traffic_of
from router.monitor.constants import ALPHA, WINDOW


def alarms(rng: np.random.Generator, off: float, labels: int, rounds: int) -> float:
    found = 0
    for _ in range(rounds):
        test = CalibrationTest()
        for p in rng.uniform(0.2, 0.9, labels):
            test.add(float(p), float(rng.random() < p + off))
            if test.broken:
                break
        found += test.broken
    return found / rounds


@pytest.mark.slow
def test_false_alarms_are_rarer_than_promised_however_often_one_looks() -> None:
    rng = np.random.default_rng(0)
    assert alarms(rng, 0.0, 400, 200) <= ALPHA
    # At the very edge of what is put up with the promise holds as well.
    assert alarms(rng, 0.05, 400, 200) <= 0.03


def test_a_broken_calibration_is_noticed_within_some_hundred_labels() -> None:
    rng = np.random.default_rng(1)
    assert alarms(rng, -0.2, 400, 50) >= 0.9


def test_labels_of_little_weight_convince_slowly() -> None:
    heavy, light = CalibrationTest(), CalibrationTest()
    for _ in range(40):
        heavy.add(0.9, 0.0)
        light.add(0.9, 0.0, weight=0.1)
    assert heavy.evidence > light.evidence > 1
    assert "off by more than 0.05" in heavy.words() and "agrees" in CalibrationTest().words()


def cloud(rng: np.random.Generator, rows: int, shift: float = 0.0) -> np.ndarray:  # type: ignore[type-arg]
    mixing = np.random.default_rng(5).normal(size=(16, 16)) / 4
    return rng.normal(size=(rows, 16)) @ mixing + shift


def test_unchanged_traffic_raises_no_alarm_and_new_traffic_does() -> None:
    rng = np.random.default_rng(2)
    traffic = traffic_of(cloud(rng, 2000), escalation=0.2)
    quiet = [
        drift(traffic, cloud(rng, WINDOW), (rng.random(WINDOW) < 0.2).tolist()) for _ in range(100)
    ]
    assert sum(bool(d and d.alarms) for d in quiet) <= 2
    other = drift(traffic, cloud(rng, WINDOW, 0.5), [False] * WINDOW)
    assert other is not None and other.distance > 1
    assert "about other things" in other.alarms[0].words
    assert "0% of the last 200 requests" in other.alarms[1].words


def test_drift_waits_for_enough_requests() -> None:
    rng = np.random.default_rng(3)
    traffic = traffic_of(cloud(rng, 500), 0.1)
    assert drift(traffic, cloud(rng, WINDOW - 1), [False] * (WINDOW - 1)) is None
    assert drift({}, cloud(rng, WINDOW), [False] * WINDOW) is None


def test_labels_are_worth_most_where_the_decision_turns() -> None:
    p = np.array([0.5, 0.5, 0.99])
    value = worth(p, np.array([0.75, 0.5, 0.99]), np.full(3, 0.25))
    assert np.argmax(value) == 0 and value[2] < 0.05


def test_what_resembles_a_chosen_request_waits() -> None:
    vectors = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    assert most_informative(np.array([1.0, 0.9, 0.5]), vectors, 3).tolist() == [0, 2, 1]
    assert most_informative(np.zeros(0), np.zeros((0, 2)), 5).tolist() == []


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_certain_probabilities_are_no_trouble(p: float) -> None:
    test = CalibrationTest()
    for _ in range(2000):
        test.add(p, 1 - p)
    assert test.broken and np.isfinite(test.evidence)
