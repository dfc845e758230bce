import numpy as np
import pytest

from router.errors import DataError
from router.monitor.off_policy import CLOUD, LOCAL, BanditLog, effective
from router.types import FloatArray
from training.evaluate.off_policy import by_ridge, crossed, evaluate, evaluate_all


def simulated(seed: int, served: FloatArray, x: FloatArray) -> tuple[BanditLog, FloatArray]:
    """A log of a policy, and the outcomes of both actions."""
    rng = np.random.default_rng(seed)
    p = np.column_stack([0.3 + 0.4 * x, 0.8 - 0.1 * x])
    outcomes = (rng.random(p.shape) < p) * 1.0
    action = (rng.random(len(x)) < served).astype(np.int64)
    propensity = np.where(action == CLOUD, served, 1 - served)
    rows = np.arange(len(x))
    return BanditLog(action, propensity, outcomes[rows, action], rows), outcomes


@pytest.mark.slow
def test_every_estimate_but_replay_is_near_the_truth_and_dr_is_nearest() -> None:
    errors: dict[str, list[float]] = {"ips": [], "snips": [], "dr": [], "replay": []}
    covered = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        x = rng.random(3000)
        served = np.where(x < 0.5, 0.8, 0.2)
        log, outcomes = simulated(seed, served, x)
        target = (x < 0.7) * 1.0
        found = evaluate(log, target, by_ridge(log, x[:, None]), seed=seed, rounds=200)
        truth = float(np.where(target == 1, outcomes[:, CLOUD], outcomes[:, LOCAL]).mean())
        for name in errors:
            errors[name].append(abs(getattr(found, name).value - truth))
        covered.append(found.here.low <= truth <= found.here.high)
    mean = {name: float(np.mean(e)) for name, e in errors.items()}
    assert mean["dr"] < mean["ips"] and mean["dr"] < 0.02
    assert sum(covered) >= 25


def test_dr_survives_a_model_that_is_wrong() -> None:
    x = np.random.default_rng(1).random(20_000)
    log, outcomes = simulated(1, np.full(len(x), 0.5), x)
    wrong = np.tile([0.9, 0.1], (len(x), 1))
    target = np.ones(len(x))
    found = evaluate(log, target, wrong, rounds=100)
    assert found.dr.value == pytest.approx(float(outcomes[:, CLOUD].mean()), abs=0.02)


def test_a_log_without_exploration_is_refused_in_words() -> None:
    rows = np.arange(100)
    log = BanditLog((rows % 2).astype(np.int64), np.ones(100), np.ones(100), rows)
    with pytest.raises(DataError, match="no exploration"):
        evaluate(log, np.zeros(100), np.zeros((100, 2)))
    # The policy that served is known even so.
    same = evaluate(log, (rows % 2) * 1.0, np.zeros((100, 2)), rounds=50)
    assert same.dr.value == 1.0


def explored_among(rows: int, explored: int) -> BanditLog:
    at = np.arange(rows)
    action = (at < explored).astype(np.int64)
    propensity = np.where(action == CLOUD, 0.02, 0.98)
    return BanditLog(action, propensity, np.ones(rows), at)


def test_too_few_explored_rows_where_policies_differ_are_refused_in_words() -> None:
    words = r"8 of the 400 requests that this policy would send elsewhere were explored, 10 are"
    with pytest.raises(DataError, match=words):
        evaluate(explored_among(400, 8), np.ones(400), np.zeros((400, 2)))
    # However many were explored elsewhere.
    nearer = (np.arange(400) >= 395) * 1.0
    with pytest.raises(DataError, match="0 of the"):
        evaluate(explored_among(400, 20), nearer, np.zeros((400, 2)))


def test_too_few_effective_rows_are_refused_in_words() -> None:
    with pytest.raises(DataError, match=r"worth 12 of this policy's own, 50 are needed"):
        evaluate(explored_among(400, 12), np.ones(400), np.zeros((400, 2)))


def test_ten_explored_rows_that_all_came_out_good_do_not_prove_certainty() -> None:
    log = explored_among(2000, 10)
    found = evaluate(log, (np.arange(2000) < 500) * 1.0, np.ones((2000, 2)), rounds=100)
    assert (found.differs, found.explored) == (500, 10)
    assert found.dr.value == 1.0 and found.dr.low < 0.97
    known = evaluate(log, np.zeros(2000), np.ones((2000, 2)), rounds=100)
    assert (known.differs, known.explored) == (0, 0) and known.dr.low == 1.0


@pytest.mark.slow
def test_an_answer_from_few_explored_rows_covers_the_truth() -> None:
    covered, truth = [], 0.7 + 0.3 * 0.95
    for seed in range(200):
        rng = np.random.default_rng(seed)
        x = rng.random(2500)
        good = np.column_stack([x < 0.9, rng.random(len(x)) < 0.95]) * 1.0
        action = (rng.random(len(x)) < 0.02).astype(np.int64)
        propensity = np.where(action == CLOUD, 0.02, 0.98)
        rows = np.arange(len(x))
        log = BanditLog(action, propensity, good[rows, action], rows)
        target = (x > 0.7) * 1.0
        try:
            found = evaluate(log, target, by_ridge(log, x[:, None]), seed=seed, rounds=100)
        except DataError:
            continue
        covered.append(found.dr.low <= truth <= found.dr.high)
    assert len(covered) > 100 and np.mean(covered) >= 0.93


def test_impossible_propensities_and_empty_logs_are_refused() -> None:
    none = np.zeros(0)
    with pytest.raises(DataError, match="no request"):
        evaluate(
            BanditLog(none.astype(int), none, none, none),
            none,
            np.zeros((0, 2)),
        )
    log = BanditLog(
        np.zeros(60, dtype=int),
        np.zeros(60),
        np.ones(60),
        np.arange(60),
    )
    with pytest.raises(DataError, match="damaged"):
        evaluate(log, np.zeros(60), np.zeros((60, 2)))


def test_effective_rows_follow_kish() -> None:
    assert effective(np.ones(10)) == 10
    assert effective(np.array([3.0, 1.0])) == pytest.approx(1.6)


def test_no_row_is_predicted_by_a_fit_on_its_group() -> None:
    group = np.repeat(np.arange(20), 3)
    log = BanditLog(np.zeros(60, dtype=int), np.full(60, 0.5), np.ones(60), group)
    seen: list[set[int]] = []

    def fit(train):  # type: ignore[no-untyped-def]
        seen.append(set(group[train]))

        def predict(rows):  # type: ignore[no-untyped-def]
            assert not set(group[rows]) & seen[-1]
            return np.zeros((len(rows), 2))

        return predict

    assert crossed(log, fit).shape == (60, 2)


def test_logs_that_differ_in_outcome_are_estimated_together_as_each_alone() -> None:
    rng = np.random.default_rng(4)
    action, group = rng.integers(0, 2, 3000), rng.integers(0, 900, 3000)
    policy, predicted = (rng.random(3000) < 0.4) * 1.0, rng.random((3000, 2))
    logs = [BanditLog(action, np.full(3000, 0.5), rng.random(3000), group) for _ in range(3)]
    together = evaluate_all([(log, predicted, 1.0) for log in logs], policy, seed=3, rounds=40)
    alone = [evaluate(log, policy, predicted, seed=3, rounds=40) for log in logs]
    assert together == alone and alone[0] != alone[1]
