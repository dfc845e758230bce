"""Retries, a breaker and a queue around a backend, with the backend's own interface."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from random import Random

from router.backends.base import Ask, Backend
from router.backends.constants import (
    AT_ONCE,
    BACKOFF_S,
    BREAKER_FAILURES,
    BUSY_RETRY_S,
    COOL_OFF_S,
    LONGEST_COOL_OFF_S,
    LONGEST_WAIT_S,
    QUEUE,
    RETRIES,
    RETRY_JITTER_S,
)
from router.errors import BackendBusy, BackendError, BreakerOpen
from router.types import Tier
from router.wire import Api, Json

_Clock = Callable[[], float]
_Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How hard a backend is tried.

    `retries`: further attempts after the first. `backoff_s`: the longest pause before the first of
    them; it doubles each time and is drawn from 0 up. `failures`: in a row, that open the breaker.
    `cool_off_s`: how long it stays open before one request may try; it doubles while that fails.
    `at_once`, `queue`: how many requests are answered at a time, and how many may wait.
    """

    retries: int = RETRIES
    backoff_s: float = BACKOFF_S
    longest_wait_s: float = LONGEST_WAIT_S
    failures: int = BREAKER_FAILURES
    cool_off_s: float = COOL_OFF_S
    longest_cool_off_s: float = LONGEST_COOL_OFF_S
    at_once: int = AT_ONCE
    queue: int = QUEUE


class Breaker:
    """Open after failures in a row, half-open for one probe after a while, closed by a success.

    >>> now = 0.0
    >>> breaker = Breaker(Limits(failures=1, cool_off_s=10), lambda: now)
    >>> breaker.failed(); breaker.open
    True
    >>> now = 11.0; breaker.open, breaker.admit(), breaker.admit()
    (False, True, False)
    """

    def __init__(self, limits: Limits, clock: _Clock) -> None:
        self._limits, self._clock = limits, clock
        self._failures = 0
        self._until: float | None = None
        self._cool_off_s = limits.cool_off_s
        self._probing = False

    @property
    def open(self) -> bool:
        """Whether requests are turned away just now."""
        return self._until is not None and (self._clock() < self._until or self._probing)

    @property
    def reopens_in_s(self) -> float:
        """Seconds until the next request may try."""
        return max(0.0, (self._until or 0.0) - self._clock())

    def admit(self) -> bool:
        """Whether a request may go; the first after the pause is the probe."""
        if self._until is None:
            return True
        if self.open:
            return False
        self._probing = True
        return True

    def succeeded(self) -> None:
        """The backend answered."""
        self._failures, self._until, self._probing = 0, None, False
        self._cool_off_s = self._limits.cool_off_s

    def failed(self) -> None:
        """The backend failed by its own fault."""
        self._failures += 1
        if self._probing:
            self._cool_off_s = min(2 * self._cool_off_s, self._limits.longest_cool_off_s)
        if self._probing or self._failures >= self._limits.failures:
            self._until = self._clock() + self._cool_off_s
        self._probing = False

    def hint(self) -> None:
        """Somebody else found the backend failing: one failure here is enough now."""
        self._failures = max(self._failures, self._limits.failures - 1)

    def undecided(self) -> None:
        """The request ended without saying anything of the backend's health."""
        self._probing = False


class Guarded:
    """A backend that is retried, left alone when it fails, and never asked by too many at once."""

    def __init__(
        self, backend: Backend, limits: Limits, clock: _Clock, rng: Random, sleep: _Sleep
    ) -> None:
        self.name = backend.name
        self.breaker = Breaker(limits, clock)
        self._backend, self._limits = backend, limits
        self._clock, self._rng, self._sleep = clock, rng, sleep
        self._slots = asyncio.Semaphore(limits.at_once)
        self._waiting = 0
        self.tier: Tier = backend.tier
        self.api: Api = backend.api

    async def send(self, ask: Ask) -> Json:
        """See `Backend`."""
        async with self._slot(ask):
            attempt = 0
            while True:
                self._admit()
                try:
                    answer = await self._backend.send(ask)
                except BackendError as error:
                    await self._failed(error, attempt, ask)
                    attempt += 1
                except BaseException:
                    self.breaker.undecided()
                    raise
                else:
                    self.breaker.succeeded()
                    return answer

    async def stream(self, ask: Ask) -> AsyncGenerator[Json, None]:
        """See `Backend`. Nothing is tried again once an event has been handed on."""
        async with self._slot(ask):
            attempt, started = 0, False
            while True:
                self._admit()
                try:
                    async with aclosing(self._backend.stream(ask)) as events:
                        async for event in events:
                            started = True
                            yield event
                except BackendError as error:
                    if started:
                        self._count(error)
                        raise
                    await self._failed(error, attempt, ask)
                    attempt += 1
                except BaseException:
                    self.breaker.undecided()
                    raise
                else:
                    self.breaker.succeeded()
                    return

    def _admit(self) -> None:
        if not self.breaker.admit():
            raise BreakerOpen(
                f"{self.name} failed repeatedly and is left alone for "
                f"{self.breaker.reopens_in_s:.0f} s.",
                self.breaker.reopens_in_s,
            )

    def _count(self, error: BackendError) -> None:
        if error.trips:
            self.breaker.failed()
        else:
            self.breaker.undecided()

    async def _failed(self, error: BackendError, attempt: int, ask: Ask) -> None:
        """Wait before the next attempt, or raise `error` if there shall be none."""
        self._count(error)
        if not error.retry or attempt >= self._limits.retries:
            raise error
        pause = self._rng.uniform(0, self._limits.backoff_s * 2**attempt)
        if error.retry_after_s is not None:
            pause = error.retry_after_s + self._rng.uniform(0, RETRY_JITTER_S)
        if pause > self._limits.longest_wait_s or self._clock() + pause >= ask.deadline:
            raise error
        await self._sleep(pause)

    @asynccontextmanager
    async def _slot(self, ask: Ask) -> AsyncIterator[None]:
        if self._slots.locked():
            if self._waiting >= self._limits.queue:
                raise BackendBusy(
                    f"{self.name} has more requests waiting than fit; try later.", BUSY_RETRY_S
                )
            self._waiting += 1
            try:
                async with asyncio.timeout_at(ask.deadline):
                    await self._slots.acquire()
            except TimeoutError:
                raise BackendBusy(
                    f"{self.name} was busy until the time was up.", BUSY_RETRY_S
                ) from None
            finally:
                self._waiting -= 1
        else:
            await self._slots.acquire()
        try:
            yield
        finally:
            self._slots.release()
