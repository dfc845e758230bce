"""How everything stands, read from outside: from the outcome log, and what a gateway counts.

The log alone is enough; what only a running gateway knows (breakers, alarms) is None without one.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine

from router.monitor.constants import BARS, BARS_SPAN_S, SAVED_SPAN_S
from router.monitor.latency import Latency, latencies
from router.outcomes import live
from router.outcomes.budget import Caps, Standing, standings
from router.outcomes.events import Event, recent
from router.outcomes.savings import Savings, savings


@dataclass(frozen=True, slots=True)
class Gauges:
    """What a running gateway says of itself; a tier's breaker is open while it is left alone.

    `evidence`: against calibration, alarm at LIMIT. `drift`: of traffic, 1 is the largest by
    chance; None where too little is known.
    """

    open: Mapping[str, bool]
    log_failing: bool
    evidence: float
    drift: float | None
    alarms: int
    failing: tuple[str, ...]  # tasks


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """Everything at one moment."""

    at: float
    traffic: live.Traffic
    saved: Savings
    budgets: list[Standing]
    latencies: dict[str, Latency]
    last: list[live.Seen]
    events: list[Event]
    gauges: Gauges | None


def glance(engine: Engine, caps: Caps, metrics: str | None, now: float, last: int) -> Glance:
    """Look once. `metrics`: the text of a gateway's /metrics, None without one."""
    return Glance(
        at=now,
        traffic=live.traffic(engine, now - BARS_SPAN_S, now, BARS),
        saved=savings(engine, now - SAVED_SPAN_S),
        budgets=standings(engine, caps, None, now),
        latencies=latencies(engine),
        last=live.last_seen(engine, last),
        events=recent(engine, 3),
        gauges=None if metrics is None else gauges(metrics),
    )


def gauges(metrics: str) -> Gauges:
    """What stands in a gateway's metrics (Prometheus' text)."""
    samples = [s for family in text_string_to_metric_families(metrics) for s in family.samples]
    single = {s.name: s.value for s in samples if not s.labels}
    breakers = [s for s in samples if s.name == "router_breaker_open"]
    tasks = [s for s in samples if s.name == "router_task_failing" and s.value]
    return Gauges(
        open={s.labels["tier"]: bool(s.value) for s in breakers},
        log_failing=bool(single.get("router_log_failing")),
        evidence=single.get("router_calibration_evidence", 0.0),
        drift=single.get("router_drift_distance") or None,
        alarms=int(single.get("router_alarms", 0)),
        failing=tuple(s.labels["task"] for s in tasks),
    )
