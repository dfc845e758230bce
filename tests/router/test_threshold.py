import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from router.decide.router import Router
from router.errors import ConfigError
from router.threshold import (
    CloudShare,
    Cut,
    Money,
    QualityShare,
    Reference,
    choose,
    threshold_for_quality,
    threshold_for_share,
)
from training.evaluate import metrics

gains = hnp.arrays(np.float64, st.integers(1, 40), elements=st.floats(-1, 1, width=16))


@given(gains, st.floats(0, 1))
def test_share_is_never_exceeded_and_as_large_as_ties_allow(gain: np.ndarray, share: float) -> None:
    threshold = threshold_for_share(gain, share)
    sent = int((gain > threshold).sum())
    allowed = int(np.floor(share * len(gain) + 1e-9))
    assert sent <= allowed
    assert sent + int((gain == threshold).sum()) > allowed or sent == len(gain)


@given(gains, st.floats(0.01, 1), st.randoms())
def test_quality_share_is_reached_by_the_largest_threshold(
    gain: np.ndarray, share: float, random: object
) -> None:
    rng = np.random.default_rng(len(gain))
    local, cloud = rng.integers(0, 2, len(gain)) * 1.0, np.ones(len(gain))
    if local.all():
        return
    reference = Reference(gain, local, cloud)
    threshold = threshold_for_quality(reference, share)

    def recovered(cut: float) -> float:
        return float((cloud - local)[gain > cut].sum() / (cloud - local).sum())

    assert recovered(threshold) >= share - 1e-9
    for higher in np.unique(gain[gain > threshold]):
        assert recovered(float(higher)) < share


def test_no_gap_stays_local() -> None:
    even = Reference(np.array([0.3, 0.1]), np.ones(2), np.ones(2))
    assert choose(1.0, threshold_for_quality(even, 0.9)) == "local"


def test_money_compares_gain_with_price() -> None:
    rule = Money(0.10)
    nothing = Reference(*np.zeros((3, 1)))
    assert rule.threshold(nothing, 0.02) == pytest.approx(0.2)
    assert choose(0.21, rule.threshold(nothing, 0.02)) == "cloud"
    assert choose(0.2, 0.2) == "local"


@pytest.mark.parametrize(
    "make", [lambda: Cut(2), lambda: CloudShare(-0.1), lambda: QualityShare(1.5), lambda: Money(0)]
)
def test_rules_refuse_what_makes_no_sense(make: object) -> None:
    with pytest.raises(ConfigError):
        make()  # type: ignore[operator]


def test_share_holds_on_the_model_s_reference_traffic(router: Router, shipped: object) -> None:
    rule = CloudShare(0.3)
    threshold = rule.threshold(router.reference, 0.0)
    assert (router.reference.gain > threshold).mean() == pytest.approx(0.3, abs=0.02)
    reference = router.reference
    quality = QualityShare(0.8).threshold(reference, 0.0)
    c = metrics.curve(reference.gain, reference.local, reference.cloud)
    sent = int((reference.gain > quality).sum())
    assert c.pgr[sent] >= 0.8


def test_each_rule_reaches_the_decision(shipped: object) -> None:
    hard = "Design a payment ledger over three regions and prove its consistency model."
    for rule, part in (
        (Cut(-1.0), "the set cut"),
        (CloudShare(0.5), "cloud share of 50%"),
        (QualityShare(0.9), "90% of the quality gap"),
        (Money(10.0), "worth $10"),
    ):
        decision = Router(shipped, operating_point=rule).predict(hard)  # type: ignore[arg-type]
        assert decision.tier == "cloud"
        assert part in decision.reason
    assert Router(shipped, operating_point=Money(0.0001)).predict(hard).tier == "local"  # type: ignore[arg-type]


class DearOnes:
    """Like money, but of cheap requests it cannot be told."""

    depends_on_price = True

    def threshold(self, reference: Reference, cost_usd: float) -> float:
        return -1.0 if cost_usd <= 1.0 else 1.0

    def words(self) -> str:
        return "a cut for dear ones"


def test_a_rule_says_itself_whether_it_depends_on_the_price() -> None:
    router = Router.load(operating_point=DearOnes(), output_tokens=1_000_000)
    decision = router.predict("What is the capital of France?")
    assert decision.est_cost_usd > 1.0
    assert decision.threshold == 1.0
