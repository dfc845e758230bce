"""How long answers take, in the figures that `router top` and the page show."""

from dataclasses import dataclass

import numpy as np
from sqlalchemy import Engine

from router.monitor.constants import ANSWERS_TIMED
from router.outcomes import live


@dataclass(frozen=True, slots=True)
class Latency:
    """Of a tier's last answers, in seconds: 50, 90 and 99 of 100 are there by then.

    `first_s`: until the first event of half of the streams; None where nothing was streamed.
    """

    answers: int
    p50_s: float
    p90_s: float
    p99_s: float
    first_s: float | None


def latencies(engine: Engine) -> dict[str, Latency]:
    """Of the last ANSWERS_TIMED answers, by tier; one that has not answered is left out."""
    times = live.took(engine, ANSWERS_TIMED)
    by_tier = {tier: [t for t in times if t.tier == tier] for tier in ("local", "cloud")}
    return {tier: _latency(found) for tier, found in by_tier.items() if found}


def _latency(times: list[live.Took]) -> Latency:
    p50, p90, p99 = np.quantile([t.latency_s for t in times], (0.5, 0.9, 0.99)).tolist()
    first = [t.first_s for t in times if t.first_s is not None]
    return Latency(len(times), p50, p90, p99, float(np.median(first)) if first else None)
