"""Backends that fail in every way, and what the client sees of it."""

import time

import httpx
import pytest

from tests.servers import upstream
from tests.servers.fixtures import Run, free_port
from tests.servers.running import EASY, HARD, until
from tests.servers.upstream import Connection, Got

QUICK = {"first_token_s": 1.0, "between_tokens_s": 1.0, "whole_s": 1.5, "retries": 0}


def answering(script: upstream.Script) -> upstream.Script:
    """`script` for answers; discovery stays well."""

    async def both(connection: Connection, got: Got) -> None:
        if got.method == "GET":
            await upstream.local(connection, got)
        else:
            await script(connection, got)

    return both


async def reset(connection: Connection, got: Got) -> None:
    connection.reset()


async def garbage(connection: Connection, got: Got) -> None:
    await connection.raw(b"<html>no</html>", 200, "text/html")


async def not_an_answer(connection: Connection, got: Got) -> None:
    await connection.json({"choices": [{"message": {}}]})


async def hang(connection: Connection, got: Got) -> None:
    import asyncio

    await asyncio.sleep(30)


async def failing(connection: Connection, got: Got) -> None:
    await connection.json({"error": {"message": "boom"}}, 500)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("script", [reset, garbage, hang, failing])
def test_the_cloud_steps_in_for_a_local_server_that_fails(
    run: Run, local: upstream.Upstream, script: upstream.Script, stream: bool
) -> None:
    local.script = answering(script)
    gateway = run(local_limits=QUICK)
    answer = gateway.chat(EASY, stream=stream)
    assert answer.status_code == 200
    assert answer.headers["x-router-tier"] == "cloud"
    assert "The local tier failed" in answer.headers["x-router-reason"]
    assert gateway.rows()[0]["tier"] == "cloud"


@pytest.mark.parametrize("script", [reset, garbage, hang, failing, not_an_answer])
def test_a_named_tier_is_not_replaced(
    run: Run, local: upstream.Upstream, cloud: upstream.Upstream, script: upstream.Script
) -> None:
    local.script = answering(script)
    gateway = run(local_limits=QUICK)
    answer = gateway.chat(EASY, model="local")
    assert answer.status_code in (502, 504)
    assert answer.json()["error"]["type"] == "api_error"
    assert not cloud.asked
    row = gateway.rows()[0]
    assert row["status"] == answer.status_code
    assert row["error"] == answer.json()["error"]["code"]
    assert row["id"] == answer.headers["x-router-decision-id"]
    shaped = gateway.messages(EASY, model="local").json()
    assert shaped["type"] == "error"
    assert not cloud.asked


def test_a_server_that_is_not_there_and_a_name_that_does_not_exist(run: Run) -> None:
    limits = {"retries": 0, "failures": 20}
    gateway = run(local_url=f"http://127.0.0.1:{free_port()}", local_limits=limits)
    assert gateway.chat(EASY).headers["x-router-tier"] == "cloud"
    answer = gateway.chat(EASY, model="local")
    assert answer.status_code == 502
    assert "is it running" in answer.json()["error"]["message"]
    gateway = run(local_url="http://no-such-host.invalid:1234", local_limits=limits)
    assert gateway.chat(EASY).headers["x-router-tier"] == "cloud"
    assert gateway.chat(EASY, model="local").status_code == 502


def test_429_with_retry_after_is_waited_for(run: Run, cloud: upstream.Upstream) -> None:
    times: list[float] = []

    async def busy_once(connection: Connection, got: Got) -> None:
        times.append(time.monotonic())
        if len(times) == 1:
            await connection.json({"error": {"message": "slow down"}}, 429, retry_after="1")
        else:
            await upstream.cloud(connection, got)

    cloud.script = busy_once
    answer = run().chat(HARD, model="cloud")
    assert answer.status_code == 200
    assert len(times) == 2
    assert times[1] - times[0] >= 1.0


def test_a_long_retry_after_reaches_the_client(run: Run, cloud: upstream.Upstream) -> None:
    async def busy(connection: Connection, got: Got) -> None:
        await connection.json({"error": {"message": "slow down"}}, 429, retry_after="90")

    cloud.script = busy
    answer = run().chat(HARD, model="cloud")
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "90"
    assert answer.json()["error"]["type"] == "rate_limit_error"
    assert len(cloud.asked) == 1


def test_a_4xx_is_not_asked_again(run: Run, cloud: upstream.Upstream) -> None:
    async def refuse(connection: Connection, got: Got) -> None:
        await connection.json({"type": "error", "error": {"message": "too hot"}}, 400)

    cloud.script = refuse
    answer = run().chat(HARD, model="cloud")
    assert answer.status_code == 400
    assert "too hot" in answer.json()["error"]["message"]
    assert len(cloud.asked) == 1


def test_failures_open_the_breaker_and_a_probe_closes_it(
    run: Run, local: upstream.Upstream
) -> None:
    local.script = answering(failing)
    gateway = run(local_limits={"retries": 0, "failures": 3, "cool_off_s": 0.5}, failover=False)
    for _ in range(3):
        assert gateway.chat(EASY, model="local").status_code == 502
    count = len(local.asked)
    shut = gateway.chat(EASY, model="local")
    assert shut.status_code == 503
    assert len(local.asked) == count
    around = gateway.chat(EASY)
    assert around.headers["x-router-tier"] == "cloud"
    assert around.headers["x-router-rule"] == "health"
    local.script = upstream.local
    until(lambda: gateway.chat(EASY, model="local").status_code == 200)
    assert gateway.chat(EASY).headers["x-router-tier"] == "local"


def test_five_times_500_then_well(run: Run, local: upstream.Upstream) -> None:
    async def sixth_time(connection: Connection, got: Got) -> None:
        await (failing if len(local.asked) <= 5 else upstream.local)(connection, got)

    local.script = answering(sixth_time)
    limits = {"retries": 5, "failures": 10}
    answer = run(local_limits=limits).chat(EASY, model="local")
    assert answer.status_code == 200
    assert len(local.asked) == 6


def half(events: list[object]) -> upstream.Script:
    """A stream that is reset after its first words."""

    async def script(connection: Connection, got: Got) -> None:
        await connection.start_stream()
        for event in events[:3]:
            await connection.event(event)
        import asyncio

        await asyncio.sleep(0.1)
        connection.reset()

    return script


def test_a_stream_that_breaks_ends_with_an_error_event_and_no_second_backend(
    run: Run, local: upstream.Upstream, cloud: upstream.Upstream
) -> None:
    local.script = answering(half(upstream.chunks()))
    gateway = run(local_limits=QUICK)
    answer = gateway.chat(EASY, stream=True)
    assert answer.headers["x-router-tier"] == "local"
    assert '"error"' in answer.text
    assert not cloud.asked
    shaped = gateway.messages(EASY, stream=True)
    assert "event: error" in shaped.text
    assert "message_stop" not in shaped.text
    assert not cloud.asked
    assert [r["error"] for r in gateway.rows()] == ["backend_unreachable"] * 2


def test_a_stream_that_ends_too_early_is_not_taken_for_whole(
    run: Run, cloud: upstream.Upstream
) -> None:
    async def cut(connection: Connection, got: Got) -> None:
        await connection.stream(upstream.claude_events()[:4])

    cloud.script = cut
    gateway = run()
    assert "event: error" in gateway.messages(HARD, stream=True).text
    assert gateway.rows()[0]["error"] == "backend_unreachable"
    assert gateway.rows()[0]["cost_usd"] > 0


def test_an_error_event_of_claude_ends_the_stream(run: Run, cloud: upstream.Upstream) -> None:
    async def overloaded(connection: Connection, got: Got) -> None:
        error = {"type": "error", "error": {"type": "overloaded_error", "message": "x"}}
        await connection.stream([*upstream.claude_events()[:4], error])

    cloud.script = overloaded
    assert '"error"' in run().chat(HARD, stream=True).text


def test_a_client_that_leaves_ends_the_call_upstream(run: Run, local: upstream.Upstream) -> None:
    import asyncio

    async def endless(connection: Connection, got: Got) -> None:
        await connection.start_stream()
        while True:
            await connection.event(upstream.chunks()[1])
            await asyncio.sleep(0.02)

    local.script = answering(endless)
    gateway = run()
    body = {"model": "local", "stream": True, "messages": [{"role": "user", "content": EASY}]}
    with httpx.stream("POST", gateway.url + "/v1/chat/completions", json=body) as answer:
        next(answer.iter_lines())
    assert local.asked[0].gone.wait(5)
    assert until(gateway.rows)[0]["error"] == "client_gone"


def test_a_client_that_leaves_before_its_answer_does_too(
    run: Run, local: upstream.Upstream
) -> None:
    async def slow(connection: Connection, got: Got) -> None:
        if await connection.reader.read(1) == b"":
            raise ConnectionError

    local.script = answering(slow)
    gateway = run()
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(
            gateway.url + "/v1/chat/completions",
            timeout=0.5,
            json={"model": "local", "messages": [{"role": "user", "content": EASY}]},
        )
    assert local.asked[0].gone.wait(5)
    assert until(gateway.rows)[0]["error"] == "client_gone"


def test_more_than_fit_in_the_queue_are_told_so(run: Run, local: upstream.Upstream) -> None:
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

    async def slow(connection: Connection, got: Got) -> None:
        await asyncio.sleep(0.5)
        await upstream.local(connection, got)

    local.script = answering(slow)
    gateway = run(local_limits={"at_once": 1, "queue": 1, "retries": 0})
    with ThreadPoolExecutor(5) as pool:
        codes = list(pool.map(lambda _: gateway.chat(EASY, model="local").status_code, range(5)))
    assert sorted(codes)[:2] == [200, 200]
    assert 429 in codes


def test_a_request_that_is_too_long_is_refused_at_once(run: Run) -> None:
    answer = run(max_request_mb=0.01).chat("x" * 20_000)
    assert answer.status_code == 413
    assert "max_request_mb" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"messages": 1}',
        b'{"messages": [1]}',
        b'{"messages": []}',
        b'{"messages": [{"role": "king", "content": "x"}]}',
        b"[" * 5000,
        b"\xff\xfe",
        b'{"messages": [{"role": "user", "content": {"a": {}}}], "tools": "no"}',
        b'{"messages": [{"role": "user", "content": "hi"}], "tools": {"a": 1}}',
    ],
)
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/v1/route"])
def test_nonsense_is_a_400_with_a_sentence(run: Run, path: str, body: bytes) -> None:
    answer = run().client.post(path, content=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"].endswith(".")
