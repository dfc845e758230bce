"""The rules alone: every combination of facts, and what must hold for each."""

import itertools

import pytest

from router.engine.rules import Facts, TierStatus, decide
from router.errors import RequestRefused
from router.types import Decision


def predicted(tier: str) -> Decision:
    gain = 0.5 if tier == "cloud" else 0.0
    return Decision(
        tier=tier,
        p_local=0.4,
        p_cloud=0.4 + gain,
        gain=gain,
        threshold=0.2,
        reason="r.",
        model_version="v",
        est_cost_usd=0.01,
        act=tier,
    )  # type: ignore[arg-type]


def every() -> list[Facts]:
    """All facts, two states for each part."""
    words = ("", "because.")
    out = []
    for named, private, failover, prediction, explore in itertools.product(
        (None, "local", "cloud"),
        ((), ("email",)),
        (True, False),
        ("local", "cloud", None),
        (0.0, 0.3),
    ):
        for lacks, absent, cloud_lacks, over, down, cloud_down in itertools.product(
            words, words, words, words, words, words
        ):
            out.append(
                Facts(
                    local=TierStatus(model="small", lacks=lacks, down=down),
                    cloud=TierStatus(
                        model="big",
                        absent=absent,
                        lacks=cloud_lacks,
                        over_budget=over,
                        down=cloud_down,
                    ),
                    named=named,
                    private=private,
                    failover=failover,  # type: ignore[arg-type]
                    decision=predicted(prediction) if prediction else None,
                    exploration=explore,
                    draw=0.1,
                )
            )
    return out


def test_what_must_hold_for_every_decision() -> None:
    refused = 0
    for facts in every():
        try:
            plan = decide(facts)
        except RequestRefused as error:
            refused += 1
            assert 400 <= error.status < 600
            assert str(error).endswith(".")
            continue
        standing = facts.of(plan.tier)
        assert not (standing.absent or standing.lacks or standing.over_budget or standing.down)
        assert plan.trail[-1].left == (plan.tier,)
        assert plan.reason
        assert 0 < plan.propensity <= 1
        assert plan.explored == (plan.rule == "exploration")
        if facts.private:
            assert plan.tier == "local"
            assert plan.fallback is None
            assert not plan.may_escalate
            assert plan.propensity == 1
        elif facts.named:
            assert plan.tier == facts.named
            assert plan.fallback is None
            assert not plan.may_escalate
        if plan.fallback is not None:
            other = facts.of(plan.fallback)
            assert facts.failover
            assert not (other.absent or other.lacks or other.over_budget)
        if plan.may_escalate:
            cloud = facts.cloud
            assert not (cloud.absent or cloud.lacks or cloud.over_budget or cloud.down)
    assert 0 < refused < len(every())


@pytest.mark.parametrize(
    ("facts", "rule", "tier"),
    [
        (
            Facts(local=TierStatus(model="s"), cloud=TierStatus(model="b"), named="cloud"),
            "explicit",
            "cloud",
        ),
        (
            Facts(
                local=TierStatus(model="s"),
                cloud=TierStatus(model="b"),
                named="cloud",
                private=("card",),
            ),
            "private",
            "local",
        ),
        (
            Facts(local=TierStatus(model="s", lacks="No."), cloud=TierStatus(model="b")),
            "limits",
            "cloud",
        ),
        (
            Facts(local=TierStatus(model="s"), cloud=TierStatus(model="b", over_budget="Cap.")),
            "budget",
            "local",
        ),
        (
            Facts(local=TierStatus(model="s", down="Down."), cloud=TierStatus(model="b")),
            "health",
            "cloud",
        ),
        (
            Facts(
                local=TierStatus(model="s"),
                cloud=TierStatus(model="b"),
                decision=predicted("cloud"),
            ),
            "learned",
            "cloud",
        ),
        (
            Facts(
                local=TierStatus(model="s"),
                cloud=TierStatus(model="b"),
                decision=predicted("cloud"),
                exploration=0.1,
                draw=0.05,
            ),
            "exploration",
            "local",
        ),
    ],
)
def test_each_rule_gives_its_name(facts: Facts, rule: str, tier: str) -> None:
    plan = decide(facts)
    assert (plan.rule, plan.tier) == (rule, tier)


@pytest.mark.parametrize(
    ("facts", "status", "code"),
    [
        (
            Facts(
                local=TierStatus(model="s", lacks="No."),
                cloud=TierStatus(model="b"),
                private=("card",),
            ),
            503,
            "private_local_unavailable",
        ),
        (
            Facts(
                local=TierStatus(model="s", down="No."),
                cloud=TierStatus(model="b"),
                private=("card",),
            ),
            503,
            "private_local_unavailable",
        ),
        (
            Facts(
                local=TierStatus(model="s", lacks="No."), cloud=TierStatus(model="b"), named="local"
            ),
            400,
            "beyond_limits",
        ),
        (
            Facts(
                local=TierStatus(model="s", lacks="No."),
                cloud=TierStatus(model="b", absent="None."),
            ),
            503,
            "tier_unavailable",
        ),
        (
            Facts(
                local=TierStatus(model="s"),
                cloud=TierStatus(model="b", over_budget="Cap."),
                named="cloud",
            ),
            402,
            "budget_exceeded",
        ),
        (
            Facts(local=TierStatus(model="s", down="No."), cloud=TierStatus(model="b", down="No.")),
            503,
            "tier_unavailable",
        ),
    ],
)
def test_each_refusal_has_its_status(facts: Facts, status: int, code: str) -> None:
    with pytest.raises(RequestRefused) as caught:
        decide(facts)
    assert (caught.value.status, caught.value.code) == (status, code)


def test_the_share_explored_is_the_one_set() -> None:
    local = predicted("local")
    draws = [i / 1000 for i in range(1000)]
    plans = [
        decide(
            Facts(
                local=TierStatus(model="s"),
                cloud=TierStatus(model="b"),
                decision=local,
                exploration=0.1,
                draw=d,
            )
        )
        for d in draws
    ]
    assert sum(p.explored for p in plans) == 100
    assert {p.propensity for p in plans} == {0.1, 0.9}
