"""The decision: named rules in a fixed order, each of which may take a tier out.

Pure: what is known comes in as `Facts`, the draw for exploration too. The first rule that leaves
one tier gives the reason; one that leaves none refuses.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from router.errors import RequestRefused
from router.types import Decision, Tier


@dataclass(frozen=True, slots=True, kw_only=True)
class TierStatus:
    """What one tier could do for this request.

    `model`: that would answer. `absent`, `lacks`, `over_budget`, `down`: in words, why it cannot.
    """

    model: str
    absent: str = ""
    lacks: str = ""
    over_budget: str = ""
    down: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopFacts:
    """What is known of the tool loop that a request is a step of.

    `home`: the tier that answered the turns before; None where nobody remembers. `trouble`: in
    words, why the local tier does not get on with it.
    """

    step: int
    home: Tier | None = None
    trouble: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything the rules look at.

    `named`: the tier that the user asked for, if one was. `private`: kinds of private content that
    keep it here; `masked`: kinds that have stand-ins wherever it leaves. `background`: what the
    client wants for itself, if it is no person's request. `loop`: None where the request is no step
    of a tool loop, or loops are free to move.
    `exploration`: probability of trying the other tier; `draw`: a random number in 0..1.
    """

    local: TierStatus
    cloud: TierStatus
    named: Tier | None = None
    private: tuple[str, ...] = ()
    masked: tuple[str, ...] = ()
    failover: bool = True
    decision: Decision | None = None
    background: str = ""
    loop: LoopFacts | None = None
    exploration: float = 0.0
    draw: float = 1.0

    def of(self, tier: Tier) -> TierStatus:
        """The standing of a tier."""
        return self.local if tier == "local" else self.cloud


@dataclass(frozen=True, slots=True)
class Step:
    """What one rule said: the tiers it left, and why."""

    rule: str
    left: tuple[Tier, ...]
    words: str

    def as_dict(self) -> dict[str, object]:
        """Plain values, ready for JSON."""
        return {"rule": self.rule, "left": list(self.left), "words": self.words}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Who answers, and why.

    `fallback`: the tier that steps in should this one fail, if one may. `may_escalate`: whether a
    poor local answer may be replaced by the cloud's. `propensity`: probability with which this
    policy chose `tier`.
    """

    tier: Tier
    model: str
    rule: str
    reason: str
    trail: tuple[Step, ...]
    fallback: Tier | None = None
    may_escalate: bool = False
    propensity: float = 1.0
    explored: bool = False


UNPLANNED = Plan(tier="local", model="", rule="none", reason="Nothing was decided.", trail=())


@dataclass(frozen=True, slots=True)
class _State:
    left: tuple[Tier, ...] = ("local", "cloud")
    trail: tuple[Step, ...] = ()

    def without(self, rule: str, tier: Tier, words: str) -> "_State":
        left = tuple(t for t in self.left if t != tier)
        return _State(left, (*self.trail, Step(rule, left, words)))

    def passed(self, rule: str, words: str) -> "_State":
        return _State(self.left, (*self.trail, Step(rule, self.left, words)))


def decide(facts: Facts) -> Plan:
    """Apply every rule in order. Raises RequestRefused where no tier is left.

    >>> small, big = TierStatus(model="small"), TierStatus(model="big")
    >>> plan = decide(Facts(local=small, cloud=big, private=("email",)))
    >>> plan.tier, plan.rule
    ('local', 'private')
    """
    state = _State()
    for rule in _HARD:
        state = rule(facts, state)
    if len(state.left) == 1:
        tier = state.left[0]
        step = next(s for s in state.trail if s.left == state.left)
        fallback = _other(tier) if _may_fall_back(facts, tier) else None
        return Plan(
            tier=tier,
            model=facts.of(tier).model,
            rule=step.rule,
            reason=step.words,
            trail=state.trail,
            fallback=fallback,
            may_escalate=tier == "local" and step.rule in _LOOKED_AT,
        )
    return _learned(facts, state)


def _explicit(facts: Facts, state: _State) -> _State:
    if facts.named is None:
        return state.passed("explicit", "No tier and no model was named.")
    words = f"The {facts.named} tier, or a model of it, was named."
    return state.without("explicit", _other(facts.named), words)


def _private(facts: Facts, state: _State) -> _State:
    if not facts.private and facts.masked:
        kinds = ", ".join(facts.masked)
        return state.passed("private", f"Private content ({kinds}) would leave masked only.")
    if not facts.private:
        return state.passed("private", "No private content was found.")
    kinds = ", ".join(facts.private)
    trail = state.trail
    words = f"Private content ({kinds}) stays on this machine."
    state = _State(("local",), (*trail, Step("private", ("local",), words)))
    if problem := facts.local.absent or facts.local.lacks:
        raise RequestRefused(
            503,
            "private_local_unavailable",
            f"The request holds private content ({kinds}) and may not leave, but the local tier "
            f"cannot answer: {problem}",
        )
    return state


def _limits(facts: Facts, state: _State) -> _State:
    for tier in ("local", "cloud"):
        problem = facts.of(tier).absent or facts.of(tier).lacks
        if not problem:
            continue
        if tier in state.left:
            state = state.without("limits", tier, problem)
        if not state.left:
            code = "tier_unavailable" if facts.of(tier).absent else "beyond_limits"
            problems = (facts.of(t).absent or facts.of(t).lacks for t in _asked(facts))
            words = " ".join(dict.fromkeys(p for p in problems if p))
            raise RequestRefused(503 if code == "tier_unavailable" else 400, code, words)
    if state.trail[-1].rule != "limits":
        state = state.passed("limits", "The request fits both tiers that are left.")
    return state


def _budget(facts: Facts, state: _State) -> _State:
    problem = facts.cloud.over_budget
    if "cloud" not in state.left or not problem:
        return state.passed("budget", "No cap on spending stands in the way.")
    state = state.without("budget", "cloud", problem)
    if not state.left:
        raise RequestRefused(402, "budget_exceeded", f"Only the cloud could answer. {problem}")
    return state


def _health(facts: Facts, state: _State) -> _State:
    for tier in state.left:
        if problem := facts.of(tier).down:
            state = state.without("health", tier, problem)
    if not state.left:
        problems = " ".join(facts.of(t).down for t in _asked(facts) if facts.of(t).down)
        code = "private_local_unavailable" if facts.private else "tier_unavailable"
        raise RequestRefused(503, code, problems)
    if state.trail[-1].rule != "health":
        state = state.passed("health", "What is left is in good health.")
    return state


def _background(facts: Facts, state: _State) -> _State:
    if not facts.background:
        return state.passed("background", "It is no call in the background.")
    kind = f"A call in the background ({facts.background})"
    if state.left != ("local", "cloud"):
        return state.passed("background", f"{kind} goes to the tier that is left.")
    return state.without("background", "cloud", f"{kind} is easy by nature and stays local.")


def _loop(facts: Facts, state: _State) -> _State:
    loop = facts.loop
    if loop is None:
        return state.passed("loop", "It is no step of a tool loop that is kept where it began.")
    if state.left != ("local", "cloud"):
        return state.passed(
            "loop", f"Step {loop.step} of a tool loop goes to the tier that is left."
        )
    home = loop.home or (facts.decision.tier if facts.decision else "local")
    if home == "local" and loop.trouble:
        words = f"The tool loop fails on the local tier ({loop.trouble}); the cloud takes it over."
        return state.without("loop", "local", words)
    if loop.home is None:
        return state.passed("loop", "Nobody remembers where the tool loop began.")
    where = "on the local tier" if home == "local" else "in the cloud"
    words = f"Step {loop.step} of a tool loop stays {where}, where the loop is."
    return state.without("loop", _other(home), words)


_HARD: tuple[Callable[[Facts, _State], _State], ...] = (
    _explicit,
    _private,
    _limits,
    _budget,
    _health,
    _background,
    _loop,
)


# Of the tiers that these rules leave, the cloud was open too: a poor local answer may go there.
_LOOKED_AT = ("loop",)


def _learned(facts: Facts, state: _State) -> Plan:
    decision = facts.decision
    if decision is None:
        tier: Tier = "local"
        words = "There is no text to judge, so the local tier answers."
    else:
        tier, words = decision.tier, decision.reason
    trail = (*state.trail, Step("learned", (tier,), words))
    plan = Plan(
        tier=tier,
        model=facts.of(tier).model,
        rule="learned",
        reason=words,
        trail=trail,
        fallback=_other(tier) if facts.failover else None,
        may_escalate=tier == "local",
    )
    if not facts.exploration:
        return plan
    if facts.draw >= facts.exploration:
        return replace(plan, propensity=1 - facts.exploration)
    other = _other(tier)
    words = f"Tried the {other} tier to learn from it (probability {facts.exploration:g})."
    return Plan(
        tier=other,
        model=facts.of(other).model,
        rule="exploration",
        reason=words,
        trail=(*trail, Step("exploration", (other,), words)),
        fallback=tier if facts.failover else None,
        propensity=facts.exploration,
        explored=True,
    )


def _may_fall_back(facts: Facts, tier: Tier) -> bool:
    """Whether the other tier may step in for one that hard rules chose."""
    other = facts.of(_other(tier))
    able = not (other.absent or other.lacks or other.over_budget)
    return able and facts.named is None and not facts.private and facts.failover


def _asked(facts: Facts) -> Iterator[Tier]:
    """The tiers that the request could have gone to by the user's word and the privacy filter's."""
    if facts.private:
        yield "local"
    elif facts.named is not None:
        yield facts.named
    else:
        yield from ("local", "cloud")


def _other(tier: Tier) -> Tier:
    return "cloud" if tier == "local" else "local"
