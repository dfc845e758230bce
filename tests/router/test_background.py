"""What the gateway does beside answering, and faults of its own: neither ends in silence."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from router.background import BackgroundTask
from tests.servers.fixtures import Run
from tests.servers.running import EASY, Gateway, until


def started(gateway: Gateway, work: Callable[[], Any]) -> BackgroundTask:
    async def start() -> BackgroundTask:
        return gateway.service.repeat("watch", 0.01, work)

    return asyncio.run_coroutine_threadsafe(start(), gateway.loop).result(20)


def test_a_background_task_outlives_a_locked_database_and_says_so(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    gateway, locked, turns = run(), [True], []

    async def work() -> None:
        turns.append(1)
        if locked:
            raise OperationalError("SELECT 'a secret'", {}, Exception("database is locked"))

    task = started(gateway, work)

    def shown() -> dict[str, Any]:
        return gateway.client.get("/readyz").json()

    def metric(name: str) -> float:
        text = gateway.client.get("/metrics").text
        line = next(x for x in text.splitlines() if x.startswith(f'{name}{{task="watch"}}'))
        return float(line.split()[-1])

    until(lambda: task.failures > 2)
    assert "OperationalError" in shown()["background"]["watch"]
    assert shown()["ready"], "requests are answered all the same"
    assert metric("router_task_failing") == 1 and metric("router_task_failures") > 2
    locked.clear()
    seen = len(turns)
    until(lambda: len(turns) > seen + 2)
    assert "background" not in shown() and metric("router_task_failing") == 0
    said = [r.getMessage() for r in caplog.records if "watch" in r.getMessage()]
    assert sum("OperationalError" in words for words in said) == 1, "the same is said once"
    assert "secret" not in caplog.text


@pytest.mark.parametrize("stream", [False, True])
def test_a_fault_of_the_gateway_is_500_in_the_answer_and_in_the_log(
    run: Run, stream: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = run()

    async def broken(*_: object) -> None:
        raise ZeroDivisionError(f"in the middle of {EASY}")

    monkeypatch.setattr(gateway.service.dispatcher.planner, "plan", broken)
    with caplog.at_level(logging.ERROR):
        answer = gateway.chat(EASY, stream=stream)
    assert answer.status_code == 500
    assert answer.headers["x-router-error"] == "internal_error"
    (row,) = gateway.rows()
    assert (row["status"], row["error"]) == (500, "internal_error")
    assert "ZeroDivisionError" in caplog.text
    assert EASY not in caplog.text and EASY not in answer.text


def test_the_reason_the_headers_and_the_row_tell_one_story_after_a_look(run: Run) -> None:
    gateway = run(cascade="checks")
    answer = gateway.chat(EASY)
    p_local, reason = float(answer.headers["x-router-p-local"]), answer.headers["x-router-reason"]
    (row,) = gateway.rows()
    assert row["p_local_after"] == pytest.approx(p_local, abs=1e-4)
    assert row["p_local"] != row["p_local_after"]
    assert f"{p_local:.2f}" in reason, "what was known at the end"
    assert f"{row['p_local']:.2f}" in reason, "and what the prompt alone had said"
    assert row["reason"].startswith(reason[:300])
