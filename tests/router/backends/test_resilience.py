"""Retries and breakers, with a clock of the test's own."""

import asyncio
from random import Random
from typing import Any

import pytest

from router.backends.base import Ask
from router.backends.http import retry_after_s
from router.backends.resilience import Guarded, Limits
from router.errors import (
    BackendBusy,
    BackendError,
    BackendFailed,
    BackendRejected,
    BackendTimeout,
    BreakerOpen,
)


class Scripted:
    """A backend that does what a list says: an error, or an answer."""

    name, tier, api = "Scripted", "local", "openai"

    def __init__(self, *steps: Any) -> None:
        self.steps, self.calls = list(steps), 0

    async def send(self, ask: Ask) -> Any:
        self.calls += 1
        step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        if isinstance(step, BackendError):
            raise step
        return step

    async def stream(self, ask: Ask) -> Any:
        yield await self.send(ask)


def guarded(backend: Any, **limits: Any) -> tuple[Guarded, list[float], list[float]]:
    now, slept = [0.0], []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    return Guarded(backend, Limits(**limits), lambda: now[0], Random(1), sleep), now, slept


ASK = Ask(api="openai", body={}, model="m", deadline=1000.0)


def test_pauses_grow_and_are_drawn() -> None:
    backend = Scripted(BackendFailed("x"), BackendFailed("x"), BackendFailed("x"), {"ok": 1})
    guard, _, slept = guarded(backend, retries=3, backoff_s=1.0)
    assert asyncio.run(guard.send(ASK)) == {"ok": 1}
    assert all(0 <= s <= 2**n for n, s in enumerate(slept))
    assert len(slept) == 3


def test_retry_after_is_kept_to_and_a_deadline_too() -> None:
    guard, _, slept = guarded(Scripted(BackendBusy("x", 3.0), {"ok": 1}))
    asyncio.run(guard.send(ASK))
    assert 3.0 <= slept[0] <= 3.1
    guard, _, slept = guarded(Scripted(BackendBusy("x", 3.0), {"ok": 1}))
    with pytest.raises(BackendBusy):
        asyncio.run(guard.send(Ask(api="openai", body={}, model="m", deadline=2.0)))
    assert slept == []


@pytest.mark.parametrize("error", [BackendRejected("x", 400), BackendTimeout("x")])
def test_what_asking_again_cannot_help_is_asked_once(error: BackendError) -> None:
    backend = Scripted(error)
    guard, _, _ = guarded(backend)
    with pytest.raises(type(error)):
        asyncio.run(guard.send(ASK))
    assert backend.calls == 1


def test_the_breaker_opens_probes_and_waits_longer_each_time() -> None:
    backend = Scripted(BackendFailed("x"))
    guard, now, _ = guarded(backend, retries=0, failures=2, cool_off_s=10.0)

    def state() -> str:
        try:
            asyncio.run(guard.send(ASK))
        except BackendError as error:
            return type(error).__name__
        return "ok"

    assert [state(), state(), state()] == ["BackendFailed", "BackendFailed", "BreakerOpen"]
    assert backend.calls == 2
    now[0] = 11.0
    assert [state(), state()] == ["BackendFailed", "BreakerOpen"]
    now[0] = 22.0
    assert state() == "BreakerOpen"
    now[0] = 32.0
    backend.steps = [{"ok": 1}]
    assert [state(), state()] == ["ok", "ok"]
    assert not guard.breaker.open


def test_only_one_probe_at_a_time() -> None:
    async def main() -> list[str]:
        release = asyncio.Event()

        class Slow(Scripted):
            async def send(self, ask: Ask) -> Any:
                await release.wait()
                return {"ok": 1}

        guard, now, _ = guarded(Slow({}), retries=0, failures=1, cool_off_s=1.0)
        guard.breaker.failed()
        now[0] = 2.0
        tasks = [asyncio.create_task(guard.send(ASK)) for _ in range(3)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        release.set()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        return [type(d).__name__ for d in done]

    assert asyncio.run(main()) == ["dict", BreakerOpen.__name__, BreakerOpen.__name__]


def test_a_probe_that_is_cancelled_gives_its_place_back() -> None:
    async def main() -> bool:
        guard, now, _ = guarded(Scripted({"ok": 1}), retries=0, failures=1, cool_off_s=1.0)
        guard.breaker.failed()
        now[0] = 2.0
        stream = guard.stream(ASK)
        await anext(stream)
        await stream.aclose()
        return guard.breaker.open

    assert asyncio.run(main()) is False


def test_retry_after_in_both_forms() -> None:
    assert retry_after_s("Wed, 21 Oct 2015 07:28:10 GMT", 1445412480.0) == 10.0
    assert retry_after_s("-3", 0.0) == 0.0
    assert retry_after_s(None, 0.0) is None
