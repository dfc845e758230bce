"""Whose word counts: signals of keys that flood, that say one thing only, or that contradict all
other evidence, are left out before anything is learned from them.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import atanh, sqrt

import numpy as np

from router.labels.label import Capped, Signal, capped, labelled
from router.labels.sources import (
    DAY_S,
    DOUBT_Z,
    ENOUGH_ANSWERS,
    EXPLICIT,
    ONE_SIDED,
    PER_KEY_DAY,
    PERSONS,
    PROOF_Z,
    PROVEN_BY,
    SAME_DEVIATION,
    SOURCES,
    TOGETHER_Z,
)
from router.types import FloatArray

_Evidence = Mapping[tuple[str, str], float]


@dataclass(frozen=True, slots=True)
class Trusted:
    """Signals that count, and in words what was held back."""

    signals: list[Signal]
    words: tuple[str, ...]


def trusted(signals: Sequence[Signal], free: _Evidence, claims: _Evidence | None = None) -> Trusted:
    """`signals` without those of keys that cannot be believed.

    `free`: (decision, tier) -> what agreement says, 0..1; others' opinions are evidence as well.
    `claims`: what the model that served expected of the answer; with it, keys that said much must
    have shown that they tell good from bad better than chance, each and all together. What merely
    happened (a fault, a repeated request) stays, one key's repeats capped as its opinions are.
    """
    words: list[str] = []
    kept = _first_of_day(sorted(signals, key=_order), words)
    for who in sorted({_speaker(s) for s in kept if _person(s)}):
        mine = [s for s in kept if _person(s) and _speaker(s) == who]
        doubt = _one_sided(mine) or _contradicts(mine, kept, free)
        if not doubt and claims is not None:
            doubt = _unproven(mine, kept, free, claims)
        if doubt:
            gone = set(map(id, mine))
            kept = [s for s in kept if id(s) not in gone]
            words.append(f"{doubt.format(who=who, n=len(mine))} They were left out.")
    together = [s for s in kept if _person(s)]
    if claims is not None and len(together) >= PROVEN_BY:
        z = _knowledge(together, [], {**claims, **free})
        if z < TOGETHER_Z:
            kept = [s for s in kept if not _person(s)]
            words.append(
                f"All {len(together)} ratings together do not tell good answers from bad ones "
                "better than chance; they were left out. Get evidence beside them: router study."
            )
    return Trusted(kept, tuple(words))


def believed(signals: Sequence[Signal], free: _Evidence, claims: _Evidence | None = None) -> Capped:
    """The labels that signals give once doubt and caps are applied, and what was held back."""
    kept = trusted(signals, free, claims)
    found = capped(labelled(kept.signals))
    return Capped(found.labels, (*kept.words, *found.words))


def _order(signal: Signal) -> tuple[float, str, str, str]:
    return signal.at, signal.decision, signal.tier, signal.source


def _opinion(signal: Signal) -> bool:
    return SOURCES[signal.source].rank <= EXPLICIT


def _person(signal: Signal) -> bool:
    return signal.source in PERSONS


def _speaker(signal: Signal) -> str:
    return f"of key {signal.key}" if signal.key else "without a key"


def _first_of_day(signals: Sequence[Signal], words: list[str]) -> list[Signal]:
    """A flood later in the day changes nothing."""
    used: dict[tuple[str | None, int], int] = defaultdict(int)
    kept, dropped = [], 0
    for one in signals:
        day = (one.key, int(one.at // DAY_S))
        used[day] += _person(one)
        if _person(one) and used[day] > PER_KEY_DAY:
            dropped += 1
        else:
            kept.append(one)
    if dropped:
        words.append(f"{dropped} ratings beyond {PER_KEY_DAY} a day of one key were left out.")
    return kept


def _one_sided(mine: Sequence[Signal]) -> str:
    scores = np.array([s.value for s in mine])
    if len(mine) < ONE_SIDED or scores.std() >= SAME_DEVIATION:
        return ""
    return (
        f"All {{n}} ratings {{who}} say {scores.mean():.2f}; rate good and bad answers alike, one "
        "side alone teaches nothing."
    )


def _contradicts(mine: Sequence[Signal], every: Sequence[Signal], free: _Evidence) -> str:
    """Whether a key surely says the opposite of what others and agreement say."""
    said, known = _beside(mine, every, free)
    if len(said) < ENOUGH_ANSWERS or said.std() < 1e-9 or known.std() < 1e-9:
        return ""
    r = float(np.corrcoef(said, known)[0, 1])
    if _z(r, len(said)) > DOUBT_Z:
        return ""
    return f"{{n}} ratings {{who}} say the opposite of all other evidence (correlation {r:+.2f})."


def _unproven(
    mine: Sequence[Signal], every: Sequence[Signal], free: _Evidence, claims: _Evidence
) -> str:
    """Whether a key that said much has not shown to know anything."""
    if len(mine) < PROVEN_BY or _knowledge(mine, every, {**claims, **free}) >= PROOF_Z:
        return ""
    return (
        "{n} ratings {who} do not tell good answers from bad ones better than chance, beside all "
        "other evidence."
    )


def _knowledge(mine: Sequence[Signal], every: Sequence[Signal], evidence: _Evidence) -> float:
    """How surely opinions go with other evidence within each tier, as a z-score."""
    total = spread = 0.0
    for tier in ("local", "cloud"):
        said, known = _beside([s for s in mine if s.tier == tier], every, evidence)
        if len(said) > 3 and said.std() > 1e-9 and known.std() > 1e-9:
            r = float(np.corrcoef(said, known)[0, 1])
            total += atanh(max(min(r, 0.999), -0.999)) * (len(said) - 3)
            spread += len(said) - 3
    return total / sqrt(spread) if spread else 0.0


def _z(r: float, count: int) -> float:
    return atanh(max(min(r, 0.999), -0.999)) * sqrt(count - 3)


def _beside(
    mine: Sequence[Signal], every: Sequence[Signal], evidence: _Evidence
) -> tuple[FloatArray, FloatArray]:
    """What was said beside what others and the evidence say of the same answers."""
    others: dict[tuple[str, str], list[float]] = defaultdict(list)
    for one in every:
        if mine and _opinion(one) and not (_person(one) and _speaker(one) == _speaker(mine[0])):
            others[one.decision, one.tier].append(one.value)
    pairs = []
    for one in mine:
        about = (one.decision, one.tier)
        known = [*others.get(about, ()), *([evidence[about]] if about in evidence else [])]
        if known:
            pairs.append((one.value, float(np.mean(known))))
    said, known_to_be = np.array(pairs).reshape(-1, 2).T
    return said, known_to_be
