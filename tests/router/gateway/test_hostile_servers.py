"""Servers behind the gateway that mean harm: a client gets an answer or a sentence all the same."""

import asyncio
import gzip
import json
import resource
from typing import Any

import pytest

from tests.router.privacy.test_privacy import SECRET
from tests.servers import upstream
from tests.servers.fixtures import Run
from tests.servers.ollama import Ollama
from tests.servers.running import EASY, until
from tests.servers.upstream import Connection, Got

QUICK = {"retries": 0, "failures": 1000}
ENDLESS = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n"


def answering(script: upstream.Script) -> upstream.Script:
    """The usual local server, but for what it answers to requests."""

    async def both(connection: Connection, got: Got) -> None:
        await (upstream.local if got.method == "GET" else script)(connection, got)

    return both


def raw(data: bytes) -> upstream.Script:
    async def script(connection: Connection, got: Got) -> None:
        connection.writer.write(data)
        await connection.writer.drain()
        connection.writer.close()

    return script


def pouring(head: bytes, piece: bytes) -> upstream.Script:
    async def script(connection: Connection, got: Got) -> None:
        connection.writer.write(head)
        while True:
            connection.writer.write(piece)
            await connection.writer.drain()
            await asyncio.sleep(0)

    return script


def whole(body: bytes, *headers: str) -> upstream.Script:
    lines = ["HTTP/1.1 200 OK", "content-type: application/json", f"content-length: {len(body)}"]
    return raw("\r\n".join([*lines, *headers]).encode() + b"\r\n\r\n" + body)


def events(*data: bytes) -> upstream.Script:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
    return raw(head + b"".join(b"data: " + d + b"\n\n" for d in data))


def said(**more: Any) -> bytes:
    return json.dumps({**upstream.said(), **more}).encode()


DEEP = b"[" * 50_000 + b"]" * 50_000
BOMB = gzip.compress(b"0" * 10_000_000)
HOSTILE: dict[str, upstream.Script] = {
    "no HTTP": raw(b"\x00\xff" * 500),
    "another protocol": raw(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "nothing": raw(b""),
    "half a head": raw(b"HTTP/1.1 200 OK\r\ncontent-le"),
    "a wrong length": raw(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{}"),
    "two lengths": raw(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}x"),
    "a huge length": raw(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\n{}"),
    "broken chunks": raw(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}"),
    "an endless head": pouring(b"HTTP/1.1 200 OK\r\n", b"x-a: " + b"b" * 4000 + b"\r\n"),
    "an endless line": pouring(b"HTTP/1.1 200 OK\r\nx-a: ", b"b" * 65536),
    "a status of its own": raw(b"HTTP/1.1 999 No\r\ncontent-length: 2\r\n\r\n{}"),
    "a switch of protocols": raw(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n"),
    "an endless answer": pouring(ENDLESS, b" " * 2**20),
    "an endless event": pouring(ENDLESS, b"data: " + b"a" * 2**20),
    "an endless event in lines": pouring(ENDLESS, (b"data: " + b"a" * 1000 + b"\n") * 1000),
    "endless comments": pouring(ENDLESS, b": ping\n\n" * 20_000),
    "deep JSON": whole(b'{"choices":' + DEEP + b"}"),
    "deep events": events(b'{"choices":' + DEEP + b"}"),
    "a bomb": whole(BOMB, "content-encoding: gzip"),
    "NaN": whole(b'{"choices": NaN, "usage": Infinity}'),
    "a list": whole(b"[1, 2]"),
    "binary": whole(bytes(range(256)) * 50),
}
QUIET = {"endless comments", "a switch of protocols"}  # only the time limit ends them


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", HOSTILE)
def test_the_cloud_steps_in_and_memory_stays(
    run: Run, local: upstream.Upstream, name: str, stream: bool
) -> None:
    local.script = answering(HOSTILE[name])
    limits = {"first_token_s": 1.0, "whole_s": 5.0} if name in QUIET else {}
    gateway = run(local_limits={**QUICK, **limits})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    answer = gateway.chat(EASY, stream=stream)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert answer.status_code == 200
    assert answer.headers["x-router-tier"] == "cloud", answer.text
    assert grown < 400 * 1024  # kB
    assert gateway.rows()[0]["status"] == 200


async def elsewhere(connection: Connection, got: Got) -> None:
    await connection.raw(b"{}", 307, "application/json", location="http://127.0.0.1:1/v1/messages")


@pytest.mark.parametrize("stream", [False, True])
def test_nobody_is_led_elsewhere(
    run: Run, local: upstream.Upstream, cloud: upstream.Upstream, stream: bool
) -> None:
    """A redirect of the local server would take private content anywhere."""

    async def to_cloud(connection: Connection, got: Got) -> None:
        where = f"{cloud.url}/v1/chat/completions"
        await connection.raw(b"{}", 307, "application/json", location=where)

    local.script = answering(to_cloud)
    gateway = run(local_limits=QUICK)
    answer = gateway.chat(f"Write to {SECRET}.", stream=stream)
    assert answer.status_code == 503
    assert "location" not in answer.headers
    assert not cloud.got
    local.script = to_cloud  # what it tells of itself, too
    gateway.loop.call_soon_threadsafe(lambda: gateway.loop.create_task(gateway.service.refresh()))
    until(lambda: "redirect" in gateway.service.server.problem)
    assert not cloud.got


def test_an_ollama_leads_nobody_elsewhere_either(
    run: Run, local: upstream.Upstream, cloud: upstream.Upstream
) -> None:
    fake = Ollama()

    async def script(connection: Connection, got: Got) -> None:
        await (elsewhere if got.path == "/api/pull" else fake)(connection, got)

    local.script = script
    answer = run().client.post("/api/pull", json={"model": "x"}, follow_redirects=False)
    assert "location" not in answer.headers


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": 10**400, "completion_tokens": 2**63},
        {"prompt_tokens": -5, "completion_tokens": 1e308},
        {"prompt_tokens": True, "completion_tokens": "many"},
        {"prompt_tokens": 3, "prompt_tokens_details": {"cached_tokens": 10**30}},
    ],
)
def test_counts_beyond_reason_cost_no_row(
    run: Run, local: upstream.Upstream, usage: dict[str, Any]
) -> None:
    local.script = answering(whole(said(usage=usage)))
    gateway = run()
    assert gateway.chat(EASY, model="local").status_code == 200
    row = gateway.rows()[0]
    assert 0 <= (row["input_tokens"] or 0) <= 10**9
    assert not gateway.service.log.failing


@pytest.mark.parametrize("after", ["inf", "nan", "-1", "1e999", "9" * 400, "Mon, 99 Foo"])
@pytest.mark.parametrize("status", [429, 500, 503])
def test_no_retry_after_breaks_anything(
    run: Run, local: upstream.Upstream, after: str, status: int
) -> None:
    async def script(connection: Connection, got: Got) -> None:
        head = f"HTTP/1.1 {status} X\r\nretry-after: {after}\r\ncontent-length: 2\r\n\r\n{{}}"
        connection.writer.write(head.encode())

    local.script = answering(script)
    gateway = run(local_limits={"retries": 1, "failures": 1000}, failover=False)
    answer = gateway.chat(EASY, model="local")
    assert answer.status_code in (429, 502)
    assert gateway.rows()[0]["status"] == answer.status_code


EVIL = (
    'x\n\ndata: {"choices": []}\n\ndata: [DONE]\n\n',
    "x\r\nevent: message_stop\r\ndata: {}\r\n\r\n",
    "\u2028\u2029\x00\x85\x0b",
    "</s>\n: comment\nretry: 1\n",
)


@pytest.mark.parametrize("tier", ["local", "cloud"])
@pytest.mark.parametrize(
    "path",
    ["/v1/chat/completions", "/v1/messages", "/v1/responses", "/v1/completions", "/api/chat"],
)
def test_what_a_model_writes_stays_inside_its_event(
    run: Run, local: upstream.Upstream, cloud: upstream.Upstream, path: str, tier: str
) -> None:
    """Text that looks like events, in text, names and types: each line is still whole JSON."""
    text = "".join(EVIL)
    chunk = upstream.chunks()[1]
    chunk = {**chunk, "id": text, "model": text, "system_fingerprint": text, text: text}
    chunk["choices"][0]["delta"] = {"role": "assistant", "content": text}
    written = [{**chunk}, *upstream.chunks()[1:]]
    named = [*upstream.claude_events(text)]
    named.insert(2, {"type": text, "index": 0})

    async def local_says(connection: Connection, got: Got) -> None:
        await connection.stream(written)

    async def cloud_says(connection: Connection, got: Got) -> None:
        await connection.stream(named)

    local.script, cloud.script = answering(local_says), cloud_says
    turns = [{"role": "user", "content": EASY}]
    asked = {"/v1/responses": {"input": EASY}, "/v1/completions": {"prompt": EASY}}
    body = {"model": tier, "stream": True, **asked.get(path, {"messages": turns})}
    answer = run().client.post(path, json={"max_tokens": 50, **body} if tier == "cloud" else body)
    assert answer.status_code == 200
    assert text not in str(answer.headers)
    lines = answer.content.split(b"\n")
    kinds = (b"data: ", b"event: ", b"{")
    assert all(not line or line.startswith(kinds) for line in lines), answer.text
    for line in lines:
        if line.startswith((b"data: {", b"{")):
            json.loads(line.removeprefix(b"data: "))
    assert lines.count(b"data: [DONE]") <= 1
    assert lines.count(b"event: message_stop") <= 1


def test_names_of_models_are_no_headers(run: Run, local: upstream.Upstream) -> None:
    name = "m\r\nset-cookie: a=b\u6a21"

    async def script(connection: Connection, got: Got) -> None:
        if got.path == "/v1/models":
            await connection.json({"data": [{"id": name, "object": "model"}]})
        else:
            await upstream.local(connection, got)

    local.script = script
    answer = run().chat(EASY, model=name)
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers


def test_models_without_number_or_sense_are_read_and_left(
    run: Run, local: upstream.Upstream
) -> None:
    """What a server tells of itself: lists of anything, as deep and long as it likes."""
    listed: list[Any] = [None, 1, "x", [], {"id": None}, {"id": {"a": 1}}, {"id": "x" * 10**6}]
    listed += [{"id": f"m{i}", "meta": {"n_ctx": -i}} for i in range(10_000)]

    for told in ({"data": listed}, {"data": {"a": 1}}, {"data": None}):

        async def script(connection: Connection, got: Got, told: Any = told) -> None:
            if got.path == "/v1/models":
                await connection.json(told)
            else:
                await upstream.local(connection, got)

        local.script = script
        gateway = run()
        assert gateway.client.get("/v1/models").status_code == 200
        assert gateway.chat(EASY).status_code in (200, 400, 404)
