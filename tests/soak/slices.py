"""How long single pieces of work hold the event loop: python -m tests.soak.slices.

A gateway in this process does one thing at a time; printed is the processor time between two turns
of its loop where that exceeds 1 ms, so that what else the machine does hardly counts.
"""

import asyncio
import tempfile
import time
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

from tests.servers import upstream
from tests.servers.running import EASY, HARD, Gateway
from tests.servers.upstream import Connection, Got

LEAST_S, AROUND_S = 0.001, 0.1
NUMBERS = "word 12 river, " * 3000  # 45 kB in which numbers are looked at
ANSWER = "The river is long, and 12 boats sail on it. " * 2000


async def local(connection: Connection, got: Got) -> None:
    """A local server that answers some with 90 kB."""
    if got.path == "/v1/chat/completions" and b"at length" in got.raw:
        await connection.json(upstream.said(ANSWER))
    else:
        await upstream.local(connection, got)


def slices_ms(gateway: Gateway, work: Callable[[], object]) -> list[float]:
    """The slices over 1 ms while `work` is done."""
    over, found = asyncio.Event(), []

    async def turn() -> None:
        before = time.thread_time()
        while not over.is_set():
            await asyncio.sleep(0)
            now = time.thread_time()
            if now - before > LEAST_S:
                found.append(round(1000 * (now - before), 1))
            before = now

    turning = asyncio.run_coroutine_threadsafe(turn(), gateway.loop)
    time.sleep(AROUND_S)
    work()
    time.sleep(AROUND_S)
    gateway.loop.call_soon_threadsafe(over.set)
    turning.result(10)
    return found


def main() -> None:
    """Print a line for each kind of work, the first time it is done and the second."""
    with (
        tempfile.TemporaryDirectory() as folder,
        upstream.Upstream(local) as server,
        upstream.Upstream(upstream.cloud) as cloud,
        Gateway(
            Path(folder), local_url=server.url, cloud_url=cloud.url, cascade="checks"
        ) as gateway,
    ):

        def on_loop(work: Callable[[], Coroutine[Any, Any, object]]) -> object:
            return asyncio.run_coroutine_threadsafe(work(), gateway.loop).result(60)

        kinds: dict[str, Callable[[], object]] = {
            "an easy request": partial(gateway.chat, EASY),
            "a hard one": partial(gateway.chat, HARD),
            "a private one": partial(gateway.chat, "Write to ann@example.org, +44 20 7946 0958."),
            "45 kB with numbers": partial(gateway.chat, NUMBERS),
            "an answer of 90 kB": partial(gateway.chat, "Name a river, at length."),
            "new settings and model": partial(on_loop, gateway.service.reload),
            "a look at the server": partial(on_loop, gateway.service.refresh),
            "metrics": partial(gateway.client.get, "/metrics"),
        }
        for name, work in kinds.items():
            first, second = (slices_ms(gateway, work) for _ in range(2))
            print(f"{name:<24} first {first}, then {second}")


if __name__ == "__main__":
    main()
