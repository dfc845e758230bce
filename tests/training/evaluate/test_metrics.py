import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from training.evaluate import metrics

sizes = st.integers(2, 60)


def outcomes(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.random(n), (rng.random(n) < 0.4) * 1.0, (rng.random(n) < 0.8) * 1.0


def test_random_routing_has_half_and_the_oracle_more() -> None:
    gain, local, cloud = outcomes(20_000)
    assert metrics.apgr(gain, local, cloud) == pytest.approx(0.5, abs=0.02)
    assert metrics.apgr(cloud - local, local, cloud) > 0.9
    assert metrics.apgr(local - cloud, local, cloud) < 0.2


def test_one_big_tie_is_exactly_half() -> None:
    _, local, cloud = outcomes(500)
    assert metrics.apgr(np.zeros(500), local, cloud) == pytest.approx(0.5)


@given(sizes, st.integers(0, 10_000))
def test_curve_is_the_brute_force_curve(n: int, seed: int) -> None:
    gain, local, cloud = outcomes(n, seed)
    c = metrics.curve(gain, local, cloud)
    order = np.argsort(-gain)
    for k in range(n + 1):
        sent = order[:k]
        quality = local.copy()
        quality[sent] = cloud[sent]
        assert c.quality[k] == pytest.approx(quality.mean())
    assert c.share[-1] == 1


def test_cpt_takes_the_first_crossing_of_a_curve_that_dips() -> None:
    # PGR: 0, 1, .5, 1: half is reached at a third, and again after the dip.
    gain = np.array([3.0, 2.0, 1.0, 0.5, 0.4, 0.3])
    local = np.array([0.0, 1.0, 0.0, 0.5, 0.5, 0.5])
    cloud = np.array([1.0, 0.5, 0.5, 0.5, 0.5, 0.5])
    c = metrics.curve(gain, local, cloud)
    assert c.pgr.tolist() == pytest.approx([0, 2, 1, 2, 2, 2, 2] / np.array(2.0))
    assert metrics.cpt(gain, local, cloud, 0.9) == pytest.approx(1 / 6)
    assert metrics.cost_saved(gain, local, cloud, 0.9) == pytest.approx(5 / 6)


def test_routellm_protocol_agrees_on_long_curves() -> None:
    gain, local, cloud = outcomes(5000, 3)
    gain = gain + (cloud - local)
    exact = metrics.apgr(gain, local, cloud)
    assert metrics.apgr_routellm(gain, local, cloud) == pytest.approx(exact, abs=0.02)


def test_aiq_is_the_area_under_the_hull() -> None:
    cost = np.array([0.0, 0.5, 1.0])
    assert metrics.aiq(cost, np.array([0.0, 0.5, 1.0])) == pytest.approx(0.5)
    assert metrics.aiq(cost, np.array([0.0, 0.2, 1.0])) == pytest.approx(0.5)  # below the hull
    assert metrics.aiq(cost, np.array([0.0, 1.0, 1.0])) == pytest.approx(0.75)
    assert metrics.aiq(cost, np.array([0.0, 1.0, 0.3])) == pytest.approx(0.75)  # never decreases
    assert metrics.aiq(np.array([0.0, 0.0, 1.0]), np.array([0.2, 0.6, 1.0])) == pytest.approx(0.8)
    assert metrics.aiq(np.zeros(2), np.array([0.2, 0.6])) == 0.6


@pytest.mark.slow
@given(st.integers(5, 200), st.integers(0, 1000))
def test_auc_is_scikit_learn_s(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rank, y = rng.integers(0, 6, n) * 1.0, rng.integers(0, 2, n)
    if 0 < y.sum() < n:
        assert metrics.auc(rank, y) == pytest.approx(roc_auc_score(y, rank))
    else:
        assert np.isnan(metrics.auc(rank, y))


def test_calibration_errors() -> None:
    rng = np.random.default_rng(0)
    p = rng.random(20_000)
    y = (rng.random(20_000) < p) * 1.0
    assert metrics.ece(p, y) < 0.02
    assert metrics.ece(np.sqrt(p), y) > 0.1
    assert metrics.ece_floor(p[:200], rng) > metrics.ece_floor(p, rng)
    assert metrics.brier_skill(p, y) > 0.2
    assert metrics.brier_skill(np.full(20_000, y.mean()), y) == pytest.approx(0)
    _, _, share = metrics.reliability(p[:7], y[:7])
    assert share.sum() == pytest.approx(1)


def test_bootstrap_resamples_whole_groups() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(50), 4)
    values = np.repeat(rng.random(50), 4)
    grouped = metrics.bootstrap(
        lambda v: float(v.mean()), values, groups=groups, rng=rng, rounds=400
    )
    alone = metrics.bootstrap(
        lambda v: float(v.mean()), values, groups=np.arange(200), rng=rng, rounds=400
    )
    assert grouped.high - grouped.low > 1.5 * (alone.high - alone.low)
    assert grouped.low < grouped.value < grouped.high
    for rows in metrics.resamples(groups, rng, 5):
        assert (np.bincount(groups[rows], minlength=50) % 4 == 0).all()
