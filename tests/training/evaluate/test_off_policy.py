import numpy as np
import pytest

from router.errors import DataError
from router.types import FloatArray
from training.evaluate.off_policy import (
    CLOUD,
    LOCAL,
    BanditLog,
    by_ridge,
    crossed,
    effective,
    evaluate,
)


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


def test_too_few_effective_rows_are_refused_in_words() -> None:
    rows = np.arange(400)
    action = (rows < 8).astype(np.int64)  # eight explored
    propensity = np.where(action == CLOUD, 0.02, 0.98)
    log = BanditLog(action, propensity, np.ones(400), rows)
    with pytest.raises(DataError, match=r"worth 8 of this policy's own, 50 are needed"):
        evaluate(log, np.ones(400), np.zeros((400, 2)))


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
