"""Raw signals in, labels out: how good an answer was, how much that counts, and who says so.

A label is about one tier's answer to one request. The rule where signals contradict each other:

1. What one key says later replaces what it said before.
2. Signals of the best rank decide (`SOURCES`): a person, then the judge, then what a person did.
3. Within a rank the mean counts, and where explicit signals differ the label weighs less: nothing
   at all where one says good and another bad.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from router.labels.sources import EXPLICIT, KEY_SHARE, PER_GROUP, SOURCES, STRONG


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One thing that was said or happened. `at`: Unix time in seconds; `score`: 0..1, None for
    sources that bring their own; `group`: requests that say the same share one. `worth`: its
    weight, where that was measured.
    """

    decision: str
    group: str
    tier: str
    source: str
    at: float
    score: float | None = None
    key: str | None = None
    worth: float | None = None

    @property
    def weight(self) -> float:
        """How much it counts, 0..1; a person's word counts 1."""
        return SOURCES[self.source].weight if self.worth is None else self.worth

    @property
    def value(self) -> float:
        """How good the answer was, 0..1."""
        own = SOURCES[self.source].score
        return own if self.score is None and own is not None else float(self.score or 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A verdict on one tier's answer: `score` and `weight` 0..1; `at` when it was known."""

    decision: str
    group: str
    tier: str
    score: float
    weight: float
    source: str
    at: float
    key: str | None = None

    @property
    def strong(self) -> bool:
        """Whether it replaces what agreement says, as opinions and faults do."""
        return SOURCES[self.source].rank <= STRONG


def labelled(signals: Iterable[Signal]) -> list[Label]:
    """One label per request and tier, as said above, in the order of time and decision.

    >>> one = {"decision": "a", "group": "g", "tier": "local"}
    >>> cut = Signal(**one, source="cut off", at=1.0)
    >>> [found] = labelled([cut, Signal(**one, source="user", at=2.0, score=0.0)])
    >>> found.score, found.weight, found.source
    (0.0, 1.0, 'user')
    """
    of: dict[tuple[str, str], list[Signal]] = defaultdict(list)
    for signal in signals:
        of[signal.decision, signal.tier].append(signal)
    labels = [_resolved(_latest(found)) for found in of.values()]
    return sorted(labels, key=lambda one: (one.at, one.decision, one.tier))


def _latest(signals: Sequence[Signal]) -> list[Signal]:
    """`signals` about one answer, of every source and key the last one only."""
    newest: dict[tuple[int, str | None], Signal] = {}
    for signal in sorted(signals, key=lambda s: (s.at, s.source, s.value)):
        rank = SOURCES[signal.source].rank
        newest[rank if rank <= EXPLICIT else 10 + len(newest), signal.key] = signal
    return list(newest.values())


def _resolved(signals: Sequence[Signal]) -> Label:
    best = min(SOURCES[s.source].rank for s in signals)
    deciding = [s for s in signals if SOURCES[s.source].rank == best]
    weights = np.array([s.weight for s in deciding])
    values = np.array([s.value for s in deciding])
    opinions = [s.value for s in signals if SOURCES[s.source].rank <= EXPLICIT] or [0.0]
    doubt = max(opinions) - min(opinions)
    main = deciding[int(np.argmax(weights))]
    return Label(
        decision=main.decision,
        group=main.group,
        tier=main.tier,
        score=float(np.average(values, weights=weights if weights.any() else None)),
        weight=float(weights.max() * (1 - doubt)),
        source=main.source,
        at=max(s.at for s in deciding),
        key=main.key,
    )


@dataclass(frozen=True, slots=True)
class Capped:
    """Labels within the caps, and in words what was held back."""

    labels: list[Label]
    words: tuple[str, ...]


def capped(labels: Sequence[Label]) -> Capped:
    """`labels` such that no key and no repeated prompt decides alone; the rest loses weight evenly.

    Signals of keys that cannot be believed are gone by then: `router.labels.trust`.
    """
    said: list[str] = []
    kept = [one for one in labels if one.weight > 0]
    kept = _scaled(kept, "prompt group", lambda one: (one.group, one.tier), PER_GROUP, said)
    keys = {one.key for one in kept if _explicit(one)}
    if len(keys) > 1:
        total = sum(one.weight for one in kept if _explicit(one))
        most = total * KEY_SHARE
        kept = _scaled(kept, "key", lambda one: one.key if _explicit(one) else None, most, said)
    return Capped(kept, tuple(said))


def _explicit(one: Label) -> bool:
    return SOURCES[one.source].rank <= EXPLICIT


def _scaled(
    labels: list[Label], what: str, name: Callable[[Label], object], most: float, said: list[str]
) -> list[Label]:
    sums: dict[object, float] = defaultdict(float)
    for one in labels:
        sums[name(one)] += one.weight
    over = {n: most / w for n, w in sums.items() if n is not None and w > most}
    if not over:
        return labels
    said.append(f"{len(over)} {what}(s) with more than {most:.4g} labels' weight count as that.")
    return [
        replace(one, weight=one.weight * over[n]) if (n := name(one)) in over else one
        for one in labels
    ]


@dataclass(frozen=True, slots=True)
class Noise:
    """Two sources on the same answers: how many, and how far apart they are on average, 0..1."""

    first: str
    second: str
    answers: int
    difference: float


def noise(signals: Iterable[Signal]) -> list[Noise]:
    """How far every two sources differ where both spoke of one answer."""
    of: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for signal in signals:
        of[signal.decision, signal.tier][signal.source].append(signal.value)
    apart: dict[tuple[str, str], list[float]] = defaultdict(list)
    for sources in of.values():
        for a, b in combinations(sorted(sources), 2):
            apart[a, b].append(abs(float(np.mean(sources[a])) - float(np.mean(sources[b]))))
    return [Noise(a, b, len(d), float(np.mean(d))) for (a, b), d in sorted(apart.items())]
