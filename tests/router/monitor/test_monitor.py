import numpy as np
import pytest

from router.labelling.choosing import most_informative, worth
from router.labelling.constants import MOST_APART
from router.monitor.alarms import CalibrationTest, drift, sessions_of, traffic_of
from router.monitor.constants import GAMMA, WINDOW


def noticed(rng: np.random.Generator, good: int, off: float, labels: int, rounds: int) -> float:
    """Share of models that are called broken within `labels` labels after `good` right ones."""
    found = 0
    for _ in range(rounds):
        test = CalibrationTest()
        for number, p in enumerate(rng.uniform(0.3, 0.9, good + labels)):
            test.add(float(p), float(rng.random() < (p if number < good else p + off)))
        found += test.broken
    return found / rounds


@pytest.mark.slow
def test_a_calibrated_model_is_hardly_ever_called_broken_however_often_one_looks() -> None:
    assert noticed(np.random.default_rng(0), 1000, 0.0, 0, 150) <= 0.02


@pytest.mark.slow
@pytest.mark.parametrize("good", [100, 1000])
def test_a_weaker_model_is_noticed_as_soon_after_many_good_labels_as_after_few(good: int) -> None:
    assert noticed(np.random.default_rng(1), good, -0.15, 300, 20) >= 0.9


def test_what_a_habit_of_rating_explains_is_no_evidence() -> None:
    rng = np.random.default_rng(2)
    naive, careful = CalibrationTest(), CalibrationTest()
    p = rng.uniform(0.4, 0.8, 4000)
    good = rng.random(4000) < p
    rated = rng.random(4000) < np.where(good, 0.2, 0.5)
    for claimed, y in zip(p[rated], good[rated], strict=True):
        naive.add(float(claimed), float(y))
        careful.add(float(claimed), float(y), odds=GAMMA)
    assert naive.broken and not careful.broken
    for claimed in p[:300]:
        careful.add(float(claimed), 0.0, odds=GAMMA)
    assert careful.broken  # no habit explains that


def test_the_break_is_dated() -> None:
    test = CalibrationTest()
    rng = np.random.default_rng(3)
    for number in range(600):
        test.add(0.7, float(rng.random() < (0.7 if number < 400 else 0.1)))
    assert test.broken and 380 <= test.since <= 420


def test_labels_of_little_weight_convince_slowly() -> None:
    heavy, light = CalibrationTest(), CalibrationTest()
    for _ in range(40):
        heavy.add(0.9, 0.0)
        light.add(0.9, 0.0, weight=0.1)
    assert heavy.evidence > light.evidence > 40
    assert "off by more than 0.02" in heavy.words() and "agrees" in CalibrationTest().words()


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


@pytest.mark.parametrize("size", [5, 10, 25])
def test_sessions_on_one_topic_are_no_change_of_topic(size: int) -> None:
    rng = np.random.default_rng(size)
    topics = cloud(rng, 12)

    def days(rows: int) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
        each = np.repeat(np.arange(-(-rows // size)), size)[:rows]
        mean = topics[rng.integers(0, len(topics), each[-1] + 1)]
        return mean[each] * 2 + rng.normal(size=(rows, 16)), each

    known, sessions = days(2000)
    traffic = traffic_of(known, 0.0, sessions)
    found = []
    for _ in range(200):
        recent, own = days(WINDOW)
        seen = drift(traffic, recent, [False] * WINDOW, own)
        found.append(bool(seen and seen.alarms))
    assert sum(found) <= 1
    moved, own = days(WINDOW)
    seen = drift(traffic, moved + 2.5, [False] * WINDOW, own, ["code"] * WINDOW)
    assert seen is not None and seen.alarms


def test_what_is_new_is_said_in_numbers_and_kinds() -> None:
    rng = np.random.default_rng(8)
    traffic = traffic_of(cloud(rng, 2000), 0.0, kinds={"text": 0.9, "code": 0.1})
    seen = drift(
        traffic, cloud(rng, WINDOW, 0.5), [False] * WINDOW, None, ["code"] * 80 + ["text"] * 120
    )
    assert seen is not None and "of them 80 ask for code (10% before)" in seen.alarms[0].words


def test_little_learned_tells_nothing_of_usual_topics() -> None:
    rng = np.random.default_rng(9)
    few = traffic_of(cloud(rng, 999), escalation=0.0)
    seen = drift(few, cloud(rng, WINDOW, 0.5), [False] * WINDOW)
    assert seen is not None and seen.distance > 1 and not seen.alarms


def test_a_session_ends_with_a_long_pause_and_belongs_to_one_key() -> None:
    found = sessions_of(["a", None, "a", "a", None], [0.0, 5.0, 1700.0, 9000.0, 10.0])
    assert found.tolist() == [0, 1, 0, 2, 1]


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
    many = most_informative(np.arange(3.0 * MOST_APART), np.zeros((3 * MOST_APART, 2)), 1200)
    assert many.tolist() == list(range(3 * MOST_APART - 1, 3 * MOST_APART - 1201, -1))


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_certain_probabilities_are_no_trouble(p: float) -> None:
    test = CalibrationTest()
    for _ in range(2000):
        test.add(p, 1 - p)
    assert test.broken and np.isfinite(test.evidence)
