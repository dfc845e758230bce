"""The siege: traffic at a steady rate, one fault after another, and what must hold all the time."""

import asyncio
import contextlib
import itertools
import statistics
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import aiohttp
from sqlalchemy import create_engine, text

from tests.servers.postgres import Postgres
from tests.soak.process import Gateway
from tests.soak.stubs import Backend
from tests.soak.traffic import Asked, drawn

SETTLING_S = 1.5  # after a fault, what it did may still be heard of
DAY_USD = 0.05
FORCED = (429, 502, 503, 504)  # what a fault of a backend may force
PRIVATE_REFUSED = 503  # where only the cloud is left
WAIT_S = 30.0
BETWEEN_S = 0.05  # between two looks at what the machine itself takes
HARDEST = 64  # requests at once: more than that and the client is the bottleneck
Harm = AbstractAsyncContextManager[None]
JUMPS_S = (3600.0, -7200.0, 86_400.0, -86_400.0, 0.0)


@dataclass
class Report:
    """What the siege saw. `broken`: sentences on what did not hold; none is the aim."""

    seconds: float = 0.0
    capacity: float = 0.0
    rate: float = 0.0
    asked: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    bare_p50_ms: float = 0.0  # of a stub, asked without the gateway at the same time
    bare_p99_ms: float = 0.0
    lag_p99_ms: float = 0.0  # by which whoever makes the load comes too late
    cpu_ms: float = 0.0  # of the gateway, for a request
    memory: list[tuple[float, float]] = field(default_factory=list)  # minutes, MB
    spent_usd: float = 0.0
    broken: list[str] = field(default_factory=list)

    @property
    def growth_mb(self) -> float | None:
        """MB a minute by which memory grows once every fault was met; None where that is short.

        The first third is left out too: what is remembered fills until it has its bounds.
        """
        warm = self.memory[max(len(self.faults), len(self.memory) // 3) :]
        if len(warm) < max(2 * len(self.faults), 2):
            return None
        return statistics.linear_regression(*zip(*warm, strict=True)).slope


class Siege:
    """`await Siege(folder, seconds).run()`.

    `rate`: requests a second; 0 is 70 % of what is measured first. `fault_s`, `quiet_s`: how long
    a fault lasts, and how long all is well after it. `postgres`: has the outcome log, in place of a
    file.
    """

    def __init__(
        self,
        folder: Path,
        seconds: float,
        rate: float = 0.0,
        seed: int = 0,
        fault_s: float = 1.5,
        quiet_s: float = 3.5,
        postgres: Postgres | None = None,
    ) -> None:
        self._folder, self._seconds, self._rate = folder, seconds, rate
        self._fault_s, self._quiet_s = fault_s, quiet_s
        self._rng, self._report = Random(seed), Report(seconds=seconds, rate=rate)
        self._postgres = postgres
        self._url = postgres.url if postgres else f"sqlite:///{folder}/outcomes.db"
        self._local, self._cloud = Backend("local"), Backend("cloud")
        self._numbers = itertools.count()
        self._answered: list[str] = []
        self._quick_s: list[float] = []
        self._bare_s: list[float] = []
        self._lags_s: list[float] = []
        self._fault = "nothing yet"  # the latest one
        self._well_since = 0.0  # on the monotonic clock; inf while something fails

    async def run(self) -> Report:
        """Besiege it, then look at what is left."""
        with self._local as local, self._cloud as cloud:
            given = {
                "local_url": local.url,
                "cloud_url": cloud.url,
                "log_url": self._url,
                "cascade": "checks",
                "budget_day_usd": DAY_USD,
                "exploration": 0.05,
                "auto_probe": False,
                "local_limits": {"retries": 0, "cool_off_s": 0.3},
                "cloud_limits": {"retries": 0, "cool_off_s": 0.3},
            }
            self._gateway = Gateway(self._folder, **given)
            with self._gateway:
                async with aiohttp.ClientSession(
                    self._gateway.url,
                    connector=aiohttp.TCPConnector(limit=0),
                    timeout=aiohttp.ClientTimeout(total=WAIT_S),
                ) as self._http:
                    await self._besiege()
                await self._until_rows_are_there()
        self._judge()
        return self._report

    async def _besiege(self) -> None:
        report = self._report
        await self._measure(min(1.0, self._seconds / 8))  # what is done once is done now
        await self._measure(min(3.0, self._seconds / 4))
        report.rate = self._rate or 0.7 * report.capacity
        self._began = time.monotonic()
        end, before = self._began + self._seconds, (report.asked, self._gateway.cpu_s)
        faults = asyncio.create_task(self._faults(end))
        beside = [asyncio.create_task(work(end)) for work in (self._ask_a_stub, self._feel_lag)]
        tasks: set[asyncio.Task[None]] = set()
        due = time.monotonic()
        while (now := time.monotonic()) < end:
            while due <= now and len(tasks) < HARDEST * 8:
                tasks.add(task := asyncio.create_task(self._ask(timed=True)))
                task.add_done_callback(tasks.discard)
                due += self._rng.expovariate(report.rate)
            due = max(due, now - 1)
            await asyncio.sleep(max(0.001, due - time.monotonic()))
        await asyncio.gather(faults, *beside, *tasks)
        spent = self._gateway.cpu_s - before[1]
        report.cpu_ms = 1000 * spent / max(report.asked - before[0], 1)

    async def _ask_a_stub(self, end: float) -> None:
        """The same percentile without the gateway: what the machine and the load take."""
        body = {"model": "small", "messages": [{"role": "user", "content": "Name a river."}]}
        async with aiohttp.ClientSession(self._local.url) as http:
            while time.monotonic() < end:
                began = time.monotonic()
                if self._is_well(began):
                    with contextlib.suppress(aiohttp.ClientError):  # a fault began meanwhile
                        async with http.post("/v1/chat/completions", json=body) as answer:
                            await answer.read()
                        self._bare_s.append(time.monotonic() - began)
                await asyncio.sleep(BETWEEN_S)

    async def _feel_lag(self, end: float) -> None:
        while (began := time.monotonic()) < end:
            await asyncio.sleep(BETWEEN_S)
            if self._is_well(began):
                self._lags_s.append(time.monotonic() - began - BETWEEN_S)

    def _is_well(self, moment: float) -> bool:
        """Whether no fault, and nothing of the last one, was about at a moment."""
        return self._well_since + SETTLING_S < moment and self._well_since < float("inf")

    async def _measure(self, seconds: float) -> None:
        """How many requests a second it answers at most, from here."""
        end, before = time.monotonic() + seconds, self._report.asked

        async def client() -> None:
            while time.monotonic() < end:
                await self._ask(timed=False)

        await asyncio.gather(*(client() for _ in range(16)))
        self._report.capacity = (self._report.asked - before) / seconds

    async def _ask(self, timed: bool) -> None:
        asked = drawn(self._rng, next(self._numbers))
        began, report = time.monotonic(), self._report
        report.asked += 1
        try:
            async with self._http.post(asked.path, json=asked.body) as answer:
                data = await answer.read()
                status, headers = answer.status, answer.headers
        except (aiohttp.ClientError, TimeoutError) as error:
            said = f"{asked.path} had no answer ({type(error).__name__}, {self._fault})."
            report.broken.append(said)
            return
        took = time.monotonic() - began
        report.statuses[status] += 1
        well = self._is_well(began)
        # A stream that could not be noted ends in an error, and is no answer.
        noted = b"The journal in which answers are noted takes no more" not in data
        if status == 200 and noted and (identity := headers.get("x-router-decision-id")):
            self._answered.append(identity)
        if asked.private and headers.get("x-router-tier") == "cloud":
            report.broken.append(f"A private request was answered by the cloud at {asked.path}.")
        self._look(asked, status, well, data)
        if timed and well and status == 200 and not asked.stream:
            self._quick_s.append(took)

    def _look(self, asked: Asked, status: int, well: bool, data: bytes) -> None:
        if status == 200:
            return
        refused = status in (402, 403) or (status == PRIVATE_REFUSED and asked.private)
        named = asked.body["model"] != "auto"
        if refused or (status in FORCED and (not well or named)):
            return
        self._report.broken.append(f"{status} at {asked.path} without need: {data[:200]!r}")

    async def _faults(self, end: float) -> None:
        kinds = self._kinds()
        while time.monotonic() + self._fault_s + self._quiet_s < end:
            name, harm = next(kinds)
            self._report.faults[name] += 1
            self._fault = name
            self._well_since = float("inf")
            async with harm():
                await asyncio.sleep(self._fault_s)
            self._well_since = time.monotonic()
            minutes = (time.monotonic() - self._began) / 60
            self._report.memory.append((minutes, self._gateway.memory_mb))
            await asyncio.sleep(self._quiet_s)

    def _kinds(self) -> Iterator[tuple[str, Callable[[], "Harm"]]]:
        """Every fault in turn, without end."""
        jumps = itertools.cycle(JUMPS_S)
        thresholds = itertools.cycle((0.1, 0.5, -0.2))
        gateway = self._gateway
        once: Sequence[tuple[str, Callable[[], Harm]]] = (
            *(
                (f"the {tier} tier {fault}", lambda b=backend, f=fault: _failing(b, f))
                for fault in ("fails", "restarts", "talks nonsense")
                for tier, backend in (("local", self._local), ("cloud", self._cloud))
            ),
            ("the disk is full", self._full),
            ("the clock jumps", lambda: _once(lambda: gateway.move_clock(next(jumps)))),
            ("the model is swapped", lambda: _once(gateway.swap_model)),
            (
                "settings change",
                lambda: _once(lambda: gateway.reload({"threshold": next(thresholds)})),
            ),
            ("settings are spoilt", lambda: _once(lambda: gateway.reload({}, "threshold = ["))),
        )
        postgres: Sequence[tuple[str, Callable[[], Harm]]] = (
            ("PostgreSQL hangs up", lambda: _once(self._hang_up)),
            ("PostgreSQL restarts", self._restart),
        )
        return itertools.cycle((*postgres, *once) if self._postgres else once)

    @asynccontextmanager
    async def _full(self) -> AsyncIterator[None]:
        self._gateway.fill_disk(True)
        yield
        if self._postgres is None and await asyncio.to_thread(self._gateway.log_is_well):
            self._report.broken.append("The disk was full, and the log did not say so.")
        self._gateway.fill_disk(False)

    @asynccontextmanager
    async def _restart(self) -> AsyncIterator[None]:
        """A fault lasts at least until PostgreSQL is there again."""
        assert self._postgres is not None
        restarting = asyncio.create_task(asyncio.to_thread(self._postgres.restart))
        yield
        await restarting

    def _hang_up(self) -> None:
        """End the connection of whoever is connected."""
        engine = create_engine(self._url)
        with engine.begin() as connection:
            connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
        engine.dispose()

    async def _until_rows_are_there(self) -> None:
        """Rows that waited for the disk go with the next ones."""
        for _ in range(200):
            async with aiohttp.ClientSession(self._gateway.url) as self._http:
                await self._ask(timed=False)
            if await asyncio.to_thread(self._gateway.log_is_well):
                return
            await asyncio.sleep(0.05)
        self._report.broken.append("The outcome log did not recover.")

    def _judge(self) -> None:
        report = self._report
        engine = create_engine(self._url)
        with engine.connect() as connection:
            ids = list(connection.execute(text("SELECT id FROM decisions")).scalars())
            days = connection.execute(
                text("SELECT day, SUM(usd) FROM reservations GROUP BY day")
            ).all()
        engine.dispose()
        leaked = self._cloud.leaked
        lost, doubled = set(self._answered) - set(ids), len(ids) - len(set(ids))
        report.spent_usd = sum(usd for _, usd in days)
        if leaked:
            report.broken.append(f"{leaked} requests took a private value to the cloud.")
        if lost:
            report.broken.append(f"{len(lost)} answered requests have no row.")
        if doubled or len(self._answered) != len(set(self._answered)):
            report.broken.append(f"{doubled} rows are there twice.")
        if report.statuses[500]:
            report.broken.append(f"{report.statuses[500]} answers were a 500.")
        over = [f"{day}: ${usd:.4f}" for day, usd in days if usd > DAY_USD + 1e-9]
        if over:
            report.broken.append(f"The budget of ${DAY_USD} was overshot ({', '.join(over)}).")
        if "Traceback" in self._gateway.log.read_text("utf-8", "replace"):
            report.broken.append(f"{self._gateway.log} holds a traceback.")
        report.p50_ms, report.p99_ms = _percentiles_ms(self._quick_s)
        report.bare_p50_ms, report.bare_p99_ms = _percentiles_ms(self._bare_s)
        report.lag_p99_ms = _percentiles_ms(self._lags_s)[1]


def _percentiles_ms(seconds: Sequence[float]) -> tuple[float, float]:
    """The 50th and the 99th; 0 of nothing."""
    ordered = sorted(seconds) or [0.0]
    return 1000 * ordered[len(ordered) // 2], 1000 * ordered[int(0.99 * len(ordered))]


@asynccontextmanager
async def _failing(backend: Backend, fault: str) -> AsyncIterator[None]:
    backend.fault = fault
    yield
    backend.fault = ""


@asynccontextmanager
async def _once(act: Callable[[], None]) -> AsyncIterator[None]:
    await asyncio.to_thread(act)
    yield
