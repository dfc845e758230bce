"""What happened to logged answers, as signals: everything that says something about their quality
without anybody having been asked.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from router.labels.label import Signal
from router.labels.sources import SOURCES
from router.outcomes.faults import Fault

FAULTS: dict[str, str] = {  # what a check finds -> the source of a signal
    Fault.INVALID_CALL: "bad call",
    Fault.INVALID_JSON: "bad call",
    Fault.EMPTY: "useless",
    Fault.REFUSAL: "useless",
    Fault.CUT_OFF: "cut off",
    Fault.PROMPT_CUT: "cut off",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A logged request, as far as implicit signals need it.

    `tier`: of the answer given. `text`: names the very words, `group` what says the same.
    """

    id: str
    at: float
    group: str
    text: str
    key: str | None
    tier: str
    rule: str
    checks: tuple[str, ...] = ()
    escalated: bool = False


def implicit(served: Sequence[Served], now: float, maturity_s: float) -> list[Signal]:
    """Signals of what happened; see `router.labels.sources.SOURCES` for their worth and delays.

    `maturity_s`: only answers older than that count as accepted because nobody complained.
    """
    out = [signal for one in served for signal in _faults(one)]
    again = _repeats(served)
    out += again
    spoken = {s.decision for s in out}
    for one in served:
        if one.id not in spoken and now - one.at >= maturity_s:
            out.append(
                Signal(
                    decision=one.id,
                    group=one.group,
                    tier=one.tier,
                    source="quiet",
                    at=one.at + maturity_s,
                )
            )
    return out


def _faults(one: Served) -> list[Signal]:
    """What the checks found; of an escalated request they speak of the local answer."""
    tier = "local" if one.escalated else one.tier
    found = {FAULTS[c] for c in one.checks if c in FAULTS}
    return [
        Signal(decision=one.id, group=one.group, tier=tier, source=source, at=one.at)
        for source in sorted(found)
    ]


def _repeats(served: Sequence[Served]) -> list[Signal]:
    """The same request again, soon and from the same key: the answer before it was not enough."""
    of: dict[tuple[str, str | None], list[Served]] = defaultdict(list)
    for one in sorted(served, key=lambda s: (s.at, s.id)):
        of[one.text, one.key].append(one)
    out = []
    for same in of.values():
        for first, then in pairwise(same):
            source = "regenerated"
            if first.tier == "local" and then.tier == "cloud" and then.rule == "explicit":
                source = "asked the cloud"
            if then.at - first.at <= SOURCES[source].delay_s:
                out.append(
                    Signal(
                        decision=first.id,
                        group=first.group,
                        tier=first.tier,
                        source=source,
                        at=then.at,
                    )
                )
    return out
