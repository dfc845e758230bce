"""One row of the outcome log for every path through the gateway."""

import asyncio
import json
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from tests.servers import upstream
from tests.servers.fixtures import Run
from tests.servers.running import EASY, HARD, Gateway, until
from tests.servers.upstream import Connection, Got, Upstream

GOLDEN = Path(__file__).with_name("golden_rows.json")
# Of one moment, or of one version of the model and its settings.
VOLATILE = {
    *("id", "at", "latency_s", "first_token_s", "held_s"),
    *("router_version", "policy_version"),
}
PRIVATE = "Write to ann.lee@mail.example.org that the pool is closed."
UNSURE = "How many prime numbers are there between 100 and 200?"
ONCE = {"retries": 0}
Way = Callable[[Run, Upstream, Upstream], Gateway]


def says(text: str) -> upstream.Script:
    """A local server with one answer to everything."""

    async def script(connection: Connection, got: Got) -> None:
        if got.method == "GET":
            await upstream.local(connection, got)
        else:
            await connection.json(upstream.said(text, got.body["model"]))

    return script


async def failing(connection: Connection, got: Got) -> None:
    if got.method == "GET":
        await upstream.local(connection, got)
    else:
        await connection.json({"error": {"message": "boom"}}, 500)


async def endless(connection: Connection, got: Got) -> None:
    if got.method == "GET":
        await upstream.local(connection, got)
        return
    await connection.start_stream()
    while True:
        await connection.event(upstream.chunks()[1])
        await asyncio.sleep(0.02)


def local_answer(run: Run, local: Upstream, cloud: Upstream) -> Gateway:
    gateway = run()
    gateway.chat(EASY)
    return gateway


def cloud_by_decision(run: Run, local: Upstream, cloud: Upstream) -> Gateway:
    gateway = run()
    gateway.chat(HARD)
    return gateway


def named_tier(run: Run, local: Upstream, cloud: Upstream) -> Gateway:
    gateway = run()
    gateway.messages(EASY, model="cloud")
    return gateway


def private_kept_local(run: Run, local: Upstream, cloud: Upstream) -> Gateway:
    gateway = run()
    gateway.chat(PRIVATE, model="cloud")
    return gateway


def private_refused(run: Run, local: Upstream, cloud: Upstream) -> Gateway:
    local.script = failing
    gateway = run(local_limits=ONCE)
    assert gateway.chat(PRIVATE).status_code == 503
    return gateway


def fallback(run: Run, local: Upstream, cloud: Upstream) -> Gateway:
    local.script = failing
    gateway = run(local_limits=ONCE)
    gateway.chat(EASY)
    return gateway


def escalation_by_checks(run: Run, local: Upstream, cloud: Upstream) -> Gateway:
    local.script = says("I'm sorry, but I cannot help with that.")
    gateway = run(cascade="checks")
    gateway.chat(EASY)
    return gateway


def escalation_by_second_opinion(run: Run, local: Upstream, cloud: Upstream) -> Gateway:
    async def divided(connection: Connection, got: Got) -> None:
        other = got.method == "POST" and got.body["model"] == "other"
        text = "There are 34 primes." if other else "There are 21 primes."
        await says(text)(connection, got)

    local.script = divided
    gateway = run(cascade="second_opinion", second_model="other", look_price=0.0)
    gateway.chat(UNSURE)
    return gateway


def stream(run: Run, local: Upstream, cloud: Upstream) -> Gateway:
    gateway = run()
    assert gateway.chat(EASY, stream=True).text.rstrip().endswith("[DONE]")
    return gateway


def stream_held(run: Run, local: Upstream, cloud: Upstream) -> Gateway:
    async def unable(connection: Connection, got: Got) -> None:
        if got.method == "GET":
            await upstream.local(connection, got)
            return
        text = "That cannot be determined, and I do not have a way to say it. " * 12
        await connection.stream(upstream.chunks(text))

    local.script = unable
    gateway = run(cascade="checks", stream_wait=60.0, look_price=0.0)
    assert "cloud." in gateway.chat(UNSURE, stream=True).text
    return gateway


def client_gone(run: Run, local: Upstream, cloud: Upstream) -> Gateway:
    local.script = endless
    gateway = run()
    body = {"model": "local", "stream": True, "messages": [{"role": "user", "content": EASY}]}
    with httpx.stream("POST", gateway.url + "/v1/chat/completions", json=body) as answer:
        next(answer.iter_lines())
    return gateway


def budget_refusal(run: Run, local: Upstream, cloud: Upstream) -> Gateway:
    gateway = run(budget_day_usd=0.000001)
    assert gateway.chat(HARD, model="cloud").status_code == 402
    return gateway


def backend_error(run: Run, local: Upstream, cloud: Upstream) -> Gateway:
    local.script = failing
    gateway = run(local_limits=ONCE)
    assert gateway.chat(EASY, model="local").status_code == 502
    return gateway


PATHS: dict[str, Way] = {
    one.__name__.replace("_", " "): one
    for one in (
        local_answer,
        cloud_by_decision,
        named_tier,
        private_kept_local,
        private_refused,
        fallback,
        escalation_by_checks,
        escalation_by_second_opinion,
        stream,
        stream_held,
        client_gone,
        budget_refusal,
        backend_error,
    )
}


def logged(gateway: Gateway) -> dict[str, Any]:
    """The one row that a path left behind, without what changes from run to run."""
    (row,) = until(gateway.rows)
    if row["error"] == "client_gone":
        row["answer"] = row["answer"] is not None  # as many words as were read by chance
    return {k: v for k, v in row.items() if k not in VOLATILE}


def recorded(way: Way) -> dict[str, Any]:
    """The same without pytest."""
    with (
        upstream.Upstream(upstream.local) as local,
        upstream.Upstream(upstream.cloud) as cloud,
        TemporaryDirectory() as folder,
        ExitStack() as running,
    ):

        def run(**settings: Any) -> Gateway:
            given = {"local_url": local.url, "cloud_url": cloud.url, **settings}
            return running.enter_context(Gateway(Path(folder), **given))

        return logged(way(run, local, cloud))


if __name__ == "__main__":
    found = {name: recorded(way) for name, way in PATHS.items()}
    GOLDEN.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
