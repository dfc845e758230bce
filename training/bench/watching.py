"""How soon the calibration watch notices a break, and how often it is wrong, by simulation."""

from typing import Any

import numpy as np

from router.monitor.alarms import CalibrationTest
from router.monitor.bets import Bet, by_acts, watched
from router.monitor.constants import LIMIT
from router.outcomes.queries import Rated
from router.types import FloatArray
from training.pipelines.prompts import Progress

_LABELS = 1000  # chosen: years of one person's audit
_WORSE, _AFTER = 0.15, 500  # the break that must be noticed, and how long is waited for it
_AGES = (100, 1000, 10_000)
_APART_S = 3600.0  # chosen: between two blocks of requests


def watch_bench(*, runs: int, progress: Progress = lambda step: None) -> dict[str, Any]:
    """Delays at several ages of the log, and false alarms under habits of rating; plain values."""
    out: dict[str, Any] = {"limit": LIMIT, "runs": runs}
    for age in _AGES:
        progress(f"a break after {age} labels")
        rng = np.random.default_rng(age)
        delays = [_delay(rng, age) for _ in range(runs if age < max(_AGES) else runs // 5)]
        out[f"delay after {age}"] = {
            "mean": float(np.mean(delays)),
            "90 %": float(np.quantile(delays, 0.9)),
        }
    for name, good, bad, block in (
        ("honest", 1.0, 1.0, 1),
        ("drawn by lot, outcomes in blocks of ten", 0.02, 0.02, 10),
        ("all of a block of ten drawn", 1.0, 1.0, 10),
        ("good rated with .3, bad with .5", 0.3, 0.5, 1),
        ("good rated with .2, bad with .5", 0.2, 0.5, 1),
    ):
        progress(name)
        rng = np.random.default_rng(7)
        broken = [_false_alarm(rng, good, bad, block) for _ in range(runs)]
        out[f"false alarms, {name}"] = float(np.mean(broken))
    return out


def _promised(rng: np.random.Generator, labels: int) -> FloatArray:
    p: FloatArray = rng.uniform(0.3, 0.9, labels)
    return p


def _delay(rng: np.random.Generator, age: int) -> int:
    """Labels from the break to the alarm; runs with a false alarm before it are drawn anew."""
    test = CalibrationTest()
    for p in _promised(rng, age):
        test.add(float(p), float(rng.random() < p))
    if test.broken:
        return _delay(rng, age)
    for number, p in enumerate(_promised(rng, _AFTER)):
        test.add(float(p), float(rng.random() < p - _WORSE))
        if test.broken:
            return number + 1
    return _AFTER


def _false_alarm(rng: np.random.Generator, good: float, bad: float, block: int) -> bool:
    """Blocks of requests of one key, with one outcome each; drawn by lot where both are as likely
    to be rated.
    """
    bets: list[Bet] = []
    number = 0
    while len(bets) < _LABELS:
        p = float(rng.uniform(0.3, 0.9))
        y = float(rng.random() < p)
        rated = int((rng.random(block) < (good if y else bad)).sum())
        number += 1
        bets += [_bet(p, y, good == bad, number * _APART_S + i) for i in range(rated)]
    return watched(by_acts(bets)).broken


def _bet(p: float, y: float, audited: bool, at: float) -> Bet:
    said = Rated(
        decision="",
        group="",
        at=at,
        key="k",
        asked_at=at,
        asked_by="k",
        source="user",
        score=y,
        p_local=p,
        p_final=p,
        agreement=None,
        audited=audited,
    )
    return Bet(p=p, score=y, weight=1.0, audited=audited, key="k", about=(said,))
