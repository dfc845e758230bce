"""Counters in Prometheus' form; their labels never hold text of a request.

Several workers keep theirs in files of one folder (prometheus_client's multiprocess mode), so that
whoever is asked tells all of them together; what a worker counted outlives it.
"""

from os import environ
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from router.app import Service
from router.engine.record import Record
from router.gateway.constants import COUNTS_FOLDER, LATENCY_BUCKETS_S
from router.monitor.constants import LIMIT
from router.monitor.watch import Watch
from router.outcomes.journal import Behind

# What several workers make of a gauge together; of "sum" a worker that is no more still counts.
_Together = Literal["livemax", "livesum", "sum"]
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class UnderWay:
    """`with under_way: ...` around each request, on one event loop."""

    def __init__(self) -> None:
        self.count = 0

    def __enter__(self) -> None:
        self.count += 1

    def __exit__(self, *error: object) -> None:
        self.count -= 1


class Metrics:
    """The counters of one service.

    `shared`: whether other workers count beside it; then `work` is to be repeated.
    """

    def __init__(self, service: Service, watch: Watch | None = None) -> None:
        self._service, self._watch = service, watch
        self.shared = COUNTS_FOLDER in environ
        self.under_way = UnderWay()
        self._registry = CollectorRegistry()
        self.described: list[tuple[str, tuple[str, ...], str]] = []  # name, labels, words
        self._requests = self._counter(
            "router_requests",
            "Requests by how they were decided and how they ended.",
            "api",
            "tier",
            "rule",
            "status",
        )
        self._latency = self._histogram(
            "router_latency_seconds", "From the request to the end of the answer.", "tier"
        )
        self._first = self._histogram(
            "router_first_token_seconds", "From the request to the first event of a stream.", "tier"
        )
        self._cost = self._counter("router_cost_usd", "US dollars spent on the cloud.")
        self._private = self._counter("router_private_requests", "Requests with private content.")
        self._escalated = self._counter("router_escalations", "Local answers replaced.")
        self._held = self._histogram(
            "router_held_seconds",
            "How long streams were held for their beginning, by what ended it and who answered.",
            "until",
            "tier",
        )
        self._fallbacks = self._counter("router_fallbacks", "Answers by a tier that stepped in.")
        self._failing = self._gauge("router_log_failing", "1 while the database takes no rows.")
        self._rows = self._gauge(
            "router_log_behind_rows", "In the journal, not in the database.", together="livesum"
        )
        self._late = self._gauge("router_log_behind_seconds", "Since the database had every row.")
        self._bytes = self._gauge(
            "router_log_behind_bytes", "The same, with what dead workers left.", together="livesum"
        )
        self._lost = self._gauge(
            "router_log_lost_rows", "Rows that the log could not keep.", together="sum"
        )
        self._drift = self._gauge(
            "router_drift_distance", "Of recent traffic; 1 is the largest by chance."
        )
        self._share = self._gauge("router_recent_escalation_share", "Of recent requests, 0 to 1.")
        self._evidence = self._gauge(
            "router_calibration_evidence", f"Against calibration; alarm at {LIMIT:,.0f}."
        )
        self._shadowed = self._gauge("router_shadow_requests", "Decided by the challenger too.")
        self._alarms = self._gauge("router_alarms", "Alarms that hold; router models has words.")
        self._tasks = self._gauge("router_task_failing", "1 while a background task fails.", "task")
        self._task_failures = self._gauge(
            "router_task_failures",
            "Failed turns of a background task since the start.",
            "task",
            together="livesum",
        )
        self._in_flight = self._gauge(
            "router_requests_in_flight",
            "Requests whose last byte of answer is not yet sent.",
            together="livesum",
        )
        self._workers = self._gauge(
            "router_workers", "Processes that answer at this address.", together="livesum"
        )
        self._open = self._gauge("router_breaker_open", "1 while a tier is left alone.", "tier")

    def watch(self, record: Record) -> None:
        """Count one request."""
        tier = record.tier or "none"
        rule = record.plan.rule
        self._requests.labels(record.call.dialect, tier, rule, str(record.status)).inc()
        self._latency.labels(tier).observe(record.latency_s)
        if record.first_token_s is not None:
            self._first.labels(tier).observe(record.first_token_s)
        if record.held is not None:
            self._held.labels(record.held.until, tier).observe(record.held.seconds)
        for counter, amount in (
            (self._cost, record.cost_usd),
            (self._private, bool(record.private)),
            (self._escalated, record.escalated),
            (self._fallbacks, bool(record.fell_back)),
        ):
            if amount:
                counter.inc(amount)

    def text(self) -> bytes:
        """All of it, as a monitor reads it."""
        self.refresh()
        return generate_latest(self._all())

    def behind(self) -> Behind:
        """How far the database is behind, all workers together."""
        if not self.shared:
            return self._service.log.behind
        self.refresh()
        samples = [one for family in self._all().collect() for one in family.samples]
        seen = {one.name.removeprefix("router_log_behind_"): one.value for one in samples}
        return Behind(round(seen["rows"]), seen["seconds"], round(seen["bytes"]))

    def _all(self) -> CollectorRegistry:
        """What to read: the registry, or that of all workers."""
        if not self.shared:
            return self._registry
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]  # it registers itself
        return together

    async def work(self) -> None:
        """What is to be done every second where others count beside it."""
        self.refresh()

    def refresh(self) -> None:
        """Look at what no request tells."""
        self._workers.set(1)
        self._in_flight.set(self.under_way.count)
        self._failing.set(self._service.log.failing)
        self._lost.set(self._service.log.lost)
        behind = self._service.log.behind
        self._rows.set(behind.rows)
        self._late.set(behind.seconds)
        self._bytes.set(behind.bytes)
        if (seen := self._watch) is not None:
            self._evidence.set(seen.calibration.evidence)
            self._shadowed.set(seen.shadow.seen)
            self._alarms.set(len(seen.alarms))
            if seen.drift is not None:
                self._drift.set(seen.drift.distance)
                self._share.set(seen.drift.escalation)
        for task in self._service.tasks:
            self._tasks.labels(task.name).set(task.failing)
            self._task_failures.labels(task.name).set(task.failures)
        for tier, breaker in self._service.breakers.items():
            self._open.labels(tier).set(breaker.open)

    def _counter(self, name: str, words: str, *labels: str) -> Counter:
        self.described.append((name, labels, words))
        return Counter(name, words, labels, registry=self._registry)

    def _gauge(self, name: str, words: str, *labels: str, together: _Together = "livemax") -> Gauge:
        self.described.append((name, labels, words))
        registry = self._registry
        return Gauge(name, words, labels, registry=registry, multiprocess_mode=together)

    def _histogram(self, name: str, words: str, *labels: str) -> Histogram:
        self.described.append((name, labels, words))
        return Histogram(name, words, labels, registry=self._registry, buckets=LATENCY_BUCKETS_S)
