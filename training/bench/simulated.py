"""Logs as people leave them: drawn from traffic of which every outcome is known."""

import hashlib
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from router.labels.label import Signal
from router.labels.sources import DAY_S
from router.outcomes.queries import ENTRY_COLUMNS
from router.types import FloatArray, IntArray
from training.bench.constants import (
    ASKED_RATE,
    AUDITED_SHARE,
    EXPLORED_SHARE,
    LOG_REQUESTS,
    LOG_STEP_S,
)
from training.bench.traffic import Traffic
from training.data.log import OF_PAIR, Window
from training.data.splits import group_sample
from training.evaluate.scoring import fitted_of

_START = 1_760_000_000.0
SECOND = "second"  # a stranger by its name


@dataclass(frozen=True, kw_only=True)
class Habits:
    """How a log comes about, and what people say in it.

    `good`, `bad`: chance that a good, a bad answer is rated. `hopeless`: rated is only what the
    cloud would fail as well. `keys` rate, of these `inverted` say the opposite; `shuffled`: what
    was said is dealt out anew. `agreement`: a second model answered everything; `copied`: share of
    the local model's mistakes that it repeats. `asked`: chance that who is asked about an audited
    answer rates it, though nobody volunteers. `easy`: chance
    that the local answer is good whatever it was. `topic`: the newest quarter is about one thing.
    `swapped`: the local model is exchanged for a weaker one in the middle. `slow`: the share of
    one kind of request grows from none to all. `flood`: of all requests, rated bad by one key more.
    """

    requests: int = LOG_REQUESTS
    good: float = 0.0
    bad: float = 0.0
    hopeless: bool = False
    keys: int = 3
    inverted: int = 0
    shuffled: bool = False
    agreement: bool = False
    copied: float = 0.0
    asked: float = 0.0
    easy: float | None = None
    topic: bool = False
    slow: bool = False
    swapped: bool = False
    flood: float = 0.0
    audit: float = AUDITED_SHARE


@dataclass(frozen=True, kw_only=True)
class Simulated:
    """A log, the requests that it never held, and what is true of these; `at`: those it held."""

    window: Window
    at: IntArray
    held: IntArray
    traffic: Traffic


def simulate(traffic: Traffic, habits: Habits, seed: int) -> Simulated:
    """A log by these habits. Requests of half of the groups; the others are held out."""
    rng = np.random.default_rng(seed)
    pool, held = group_sample(traffic.group, len(traffic) // 2, rng)
    at = _drawn(traffic, habits, pool, rng)
    n = len(at)
    local, cloud = traffic.local[at].copy(), traffic.cloud[at]
    if habits.swapped:
        local[n // 2 :] = traffic.weaker[at[n // 2 :]]
    if habits.easy is not None:
        local = (rng.random(n) < habits.easy) * 1.0
    p_local, p_cloud = traffic.predicted(fitted_of(traffic.champion), at)
    cut = float(traffic.champion.manifest["threshold"]["default"])
    explored = rng.random(n) < EXPLORED_SHARE
    to_cloud = (p_cloud - p_local > cut) ^ explored
    tier = np.where(to_cloud, "cloud", "local")
    outcome = np.where(to_cloud, cloud, local)
    audited = rng.random(n) < habits.audit
    when = _START + LOG_STEP_S * np.arange(n)
    key = np.array([f"k{i}" for i in rng.integers(0, habits.keys, n)])
    ids = np.array([f"d{i:06d}" for i in range(n)])
    columns = {c: [None] * n for c in ENTRY_COLUMNS}
    frame = pd.DataFrame(columns).assign(
        id=ids,
        at=when,
        key=key,
        rule=np.where(explored, "exploration", "learned"),
        tier=tier,
        model=np.where(to_cloud, traffic.pair["cloud"], traffic.pair["local"]),
        local_model=traffic.pair["local"],
        router_version=traffic.champion.version,
        p_local=p_local,
        p_cloud=p_cloud,
        gain=p_cloud - p_local,
        threshold=cut,
        propensity=np.where(explored, EXPLORED_SHARE, 1 - EXPLORED_SHARE),
        explored=explored,
        audited=audited,
        audit=habits.audit,
        escalated=False,
        status=200,
        cost_usd=0.0,
        cloud_usd=0.005,
        group=[f"g{g}" for g in traffic.group[at]],
        text=ids,
        asks=traffic.asks[at],
        prompt="",
    )
    said = _ratings(habits, outcome, cloud, audited, key, rng)
    signals = [
        Signal(
            decision=ids[i],
            group=str(frame["group"].iloc[i]),
            tier=str(tier[i]),
            source="user",
            at=when[i] + 60,
            score=float(score),
            key=who,
        )
        for i, score, who in said
    ]
    soft = _opinions(traffic, habits, at, ids, when, local, rng)
    soft["group"] = soft["decision"].map(dict(zip(ids, frame["group"], strict=True)))
    digest = hashlib.sha256(f"{habits} {seed}".encode()).hexdigest()
    window = Window(
        frame=frame, features=traffic.features.take(at), signals=signals, soft=soft, digest=digest
    )
    return Simulated(window=window, at=at, held=held, traffic=_after(traffic, habits, held, rng))


def _after(traffic: Traffic, habits: Habits, held: IntArray, rng: np.random.Generator) -> Traffic:
    """What is true from now on."""
    if habits.swapped:
        return replace(traffic, local=traffic.weaker)
    if habits.easy is not None:
        return replace(traffic, local=(rng.random(len(traffic)) < habits.easy) * 1.0)
    return traffic


def _drawn(traffic: Traffic, habits: Habits, pool: IntArray, rng: np.random.Generator) -> IntArray:
    n = habits.requests
    at = rng.permutation(pool)[:n] if n <= len(pool) else rng.choice(pool, n)
    kinds = traffic.topic[pool]
    if habits.topic:
        one = rng.choice(np.unique(kinds))
        mine = pool[kinds == one]
        at[-(n // 4) :] = rng.choice(mine, n // 4)
    if habits.slow:
        source = np.array([str(t).split(":")[0] for t in kinds])
        new = rng.choice(np.unique(source))
        late = rng.random(n) < np.arange(n) / n
        at = np.where(late, rng.choice(pool[source == new], n), rng.choice(pool[source != new], n))
    return at


def _ratings(
    habits: Habits,
    outcome: FloatArray,
    cloud: FloatArray,
    audited: "np.ndarray[tuple[int], np.dtype[np.bool_]]",
    key: "np.ndarray[tuple[int], np.dtype[np.str_]]",
    rng: np.random.Generator,
) -> list[tuple[int, float, str]]:
    """(request, score, key) of everything that was said."""
    n = len(outcome)
    chance = np.where(outcome >= 0.5, habits.good, habits.bad)
    if habits.hopeless:
        chance = np.where(cloud < 0.5, chance, 0.0)
    asked = habits.asked or ASKED_RATE * (habits.good + habits.bad > 0)
    rated = (rng.random(n) < chance) | (audited & (rng.random(n) < asked))
    score = np.where(outcome >= 0.5, 1.0, 0.0)
    liars = {f"k{i}" for i in range(habits.inverted)}
    score = np.where([k in liars for k in key], 1 - score, score)
    at = np.flatnonzero(rated)
    given = score[at]
    if habits.shuffled:
        given = rng.permutation(given)
    said = [(int(i), float(s), str(key[i])) for i, s in zip(at, given, strict=True)]
    if habits.flood:
        more = np.flatnonzero(rng.random(n) < habits.flood)
        said += [(int(i), 0.0, "flood") for i in more]
    return said


def _opinions(
    traffic: Traffic,
    habits: Habits,
    at: IntArray,
    ids: "np.ndarray[tuple[int], np.dtype[np.str_]]",
    when: FloatArray,
    local: FloatArray,
    rng: np.random.Generator,
) -> pd.DataFrame:
    n = len(at) if habits.agreement else 0
    at, said = at[:n], traffic.said[at[:n]]
    if habits.copied:
        echoed = (local[:n] < 0.5) & (rng.random(n) < habits.copied)
        said = np.where(echoed[:, None], traffic.echoed[at], said)
    of_pair = np.hstack([traffic.alone[at], said])
    return pd.DataFrame(
        {
            "decision": ids[:n],
            "at": when[:n] + DAY_S,
            "local_model": traffic.pair["local"],
            "second_model": SECOND,
            "p_local": said[:, 0],
            "p_cloud": said[:, 1],
            "weight": 0.3,
            **dict(zip(OF_PAIR, of_pair.T, strict=True)),
        }
    )
