"""What a monitor reads of requests that are not yet answered."""

import asyncio
import threading

import httpx

from tests.servers import upstream
from tests.servers.fixtures import Run
from tests.servers.running import EASY, until


def test_a_request_is_under_way_until_its_last_byte(run: Run, local: upstream.Upstream) -> None:
    may_end = threading.Event()

    async def held(connection: upstream.Connection, got: upstream.Got) -> None:
        await connection.start_stream()
        *first, last = upstream.chunks("one two three")
        for event in first:
            await connection.event(event)
        await asyncio.to_thread(may_end.wait, 20)
        await connection.event(last)
        connection.writer.close()

    local.script = held
    gateway = run()

    def under_way() -> str:
        lines = gateway.client.get("/metrics").text.splitlines()
        return next(x for x in lines if x.startswith("router_requests_in_flight")).split()[1]

    assert under_way() == "0.0"
    body = {"model": "local", "stream": True, "messages": [{"role": "user", "content": EASY}]}
    url = f"{gateway.url}/v1/chat/completions"
    with httpx.stream("POST", url, json=body, timeout=20) as answer:
        lines = answer.iter_lines()
        next(lines)
        assert under_way() == "1.0"
        may_end.set()
        assert [line for line in lines if line][-1] == "data: [DONE]"
    until(lambda: under_way() == "0.0")
