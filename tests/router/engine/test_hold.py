"""Holding the first words of a stream until the verifier has judged its beginning."""

import asyncio
import json
import socket
from collections.abc import Sequence
from typing import Any

import pytest

from router.answers.constants import MARKS
from router.answers.reading import Answer
from router.decide.router import Router
from router.engine.hold import Hold
from router.engine.pace import Pace
from router.outcomes import export, queries
from router.threshold import Cut
from router.wire.summary import Summary
from tests.servers import upstream
from tests.servers.fixtures import Run
from tests.servers.running import Gateway, until
from tests.servers.upstream import Connection, Got

ASK = "How many prime numbers are there between 100 and 200?"
POOR = "That cannot be determined, and I do not have a way to say it. " * 12
GOOD = "There are 21 of them, found by leaving out all multiples of 2, 3, 5, 7, 11 and 13. " * 9
# Between the gains that this model sees in the two, at every mark.
PATIENT = {
    "cascade": "checks",
    "stream_wait": 60.0,
    "look_price": 0.0,
    "confidence": 0.5,
    "threshold": 0.40,
}


def chunk(**delta: Any) -> dict[str, Any]:
    return {"id": "c1", "model": "small", "choices": [{"index": 0, "delta": delta}]}


def words_of(text: str) -> list[Any]:
    """The chunks of an answer without its end."""
    return upstream.chunks(text)[:-3]


def streams(events: Sequence[Any], then: Sequence[Any] = ()) -> upstream.Script:
    """A local server that streams `events`; then the others, or words until it is hung up on."""

    async def script(connection: Connection, got: Got) -> None:
        if got.method == "GET":
            await upstream.local(connection, got)
            return
        await connection.start_stream()
        for event in events:
            await connection.event(event)
        while not then:
            await connection.event(chunk(content=" and"))
            await asyncio.sleep(0.005)
        for event in then:
            await connection.event(event)
        connection.writer.close()

    return script


def waits(events: Sequence[Any], gate: asyncio.Event, then: Sequence[Any]) -> upstream.Script:
    """The same, which goes on when the gate is opened."""

    async def script(connection: Connection, got: Got) -> None:
        if got.method == "GET":
            await upstream.local(connection, got)
            return
        await connection.start_stream()
        for event in events:
            await connection.event(event)
        await asyncio.wait_for(gate.wait(), 20)
        for event in then:
            await connection.event(event)
        connection.writer.close()

    return script


def asked(gateway: Gateway, api: str, **more: Any) -> Any:
    ask = gateway.chat if api == "openai" else gateway.messages
    return ask(ASK, stream=True, **more)


def text_in(body: str) -> str:
    """What a person reads of a stream of either dialect."""
    out = ""
    for line in body.splitlines():
        if not line.startswith("data: ") or line == "data: [DONE]":
            continue
        event = json.loads(line[6:])
        for choice in event.get("choices", []):
            out += choice["delta"].get("content") or ""
        out += event.get("delta", {}).get("text") or ""
    return out


def slow(gateway: Gateway, chars_per_s: float) -> None:
    """Let the gateway know how fast its local model writes."""
    gateway.service.dispatcher.pace.saw("small", 1000, 1000 / chars_per_s)


@pytest.mark.parametrize("api", ["openai", "anthropic"])
def test_a_poor_beginning_is_replaced_before_a_byte_was_sent(
    run: Run, local: upstream.Upstream, api: str
) -> None:
    local.script = streams(words_of(POOR))
    gateway = run(**PATIENT)
    answer = asked(gateway, api)
    assert text_in(answer.text) == "Hello from the cloud."
    assert answer.headers["x-router-tier"] == "cloud"
    assert answer.headers["x-router-escalated"] == "true"
    assert answer.headers["x-router-held-until"] in ("120", "240", "480")
    assert "The beginning of the local answer was read" in answer.headers["x-router-reason"]
    row = gateway.rows()[0]
    assert (row["held_until"], row["held_chars"]) == (
        answer.headers["x-router-held-until"],
        len(row["local_answer"]),
    )
    assert POOR.startswith(row["local_answer"])
    assert row["p_local_after"] < row["p_local"]
    assert row["held_s"] > 0
    assert json.loads(row["checks"] or "[]") == []


def test_the_local_server_is_hung_up_on_when_its_beginning_is_poor(
    run: Run, local: upstream.Upstream
) -> None:
    local.script = streams(words_of(POOR))  # it would go on for ever
    run(**PATIENT).chat(ASK, stream=True)
    assert local.asked[0].gone.wait(10)


@pytest.mark.parametrize("api", ["openai", "anthropic"])
def test_a_good_beginning_is_held_and_then_streamed_whole(
    run: Run, local: upstream.Upstream, cloud: upstream.Upstream, api: str
) -> None:
    local.script = streams(upstream.chunks(GOOD)[:-1], ["[DONE]"])
    gateway = run(**PATIENT)
    answer = asked(gateway, api)
    assert text_in(answer.text) == GOOD
    assert answer.headers["x-router-tier"] == "local"
    assert not cloud.asked
    row = gateway.rows()[0]
    assert row["held_until"] in ("120", "240", "480")
    assert row["held_chars"] >= int(row["held_until"])
    assert row["answer"] == GOOD


def test_what_was_released_goes_on_as_it_comes(run: Run, local: upstream.Upstream) -> None:
    gate = asyncio.Event()
    events = upstream.chunks(GOOD)
    local.script = waits(events[:-30], gate, events[-30:])
    gateway = run(**PATIENT)
    body = {"model": "auto", "stream": True, "messages": [{"role": "user", "content": ASK}]}
    with gateway.client.stream("POST", "/v1/chat/completions", json=body) as answer:
        lines = answer.iter_lines()
        assert "There" in "".join(next(lines) for _ in range(8))
        local._loop.call_soon_threadsafe(gate.set)
        assert list(lines)[-2:] == ["data: [DONE]", ""]


@pytest.mark.parametrize("text", ["There are", "There are 21 of them, found by leaving"])
def test_a_local_model_that_stalls_is_given_after_stream_wait(
    run: Run, local: upstream.Upstream, text: str
) -> None:
    gate = asyncio.Event()
    events = upstream.chunks(text)
    local.script = waits(events[:-3], gate, events[-3:])
    gateway = run(**{**PATIENT, "stream_wait": 0.2})
    slow(gateway, 10_000)
    body = {"model": "auto", "stream": True, "messages": [{"role": "user", "content": ASK}]}
    with gateway.client.stream("POST", "/v1/chat/completions", json=body) as answer:
        lines = answer.iter_lines()
        assert "There" in "".join(next(lines) for _ in range(6))
        local._loop.call_soon_threadsafe(gate.set)
        assert list(lines)[-2:] == ["data: [DONE]", ""]
    row = until(gateway.rows)[0]
    assert (row["held_until"], row["tier"]) == ("time", "local")
    assert row["held_chars"] <= len(text)
    assert row["answer"] == text
    assert row["p_local_after"] is not None


def test_thinking_that_goes_on_is_given_after_stream_wait(
    run: Run, local: upstream.Upstream
) -> None:
    gate = asyncio.Event()
    local.script = waits([chunk(reasoning_content="Hm.")], gate, upstream.chunks("Yes."))
    gateway = run(**{**PATIENT, "stream_wait": 0.2})
    body = {"model": "auto", "stream": True, "messages": [{"role": "user", "content": ASK}]}
    with gateway.client.stream("POST", "/v1/chat/completions", json=body) as answer:
        lines = answer.iter_lines()
        assert "Hm." in next(lines)
        local._loop.call_soon_threadsafe(gate.set)
        assert list(lines)[-2:] == ["data: [DONE]", ""]


def test_a_model_too_slow_for_the_time_is_not_held(run: Run, local: upstream.Upstream) -> None:
    local.script = streams(upstream.chunks(POOR)[:-1], ["[DONE]"])
    gateway = run(**PATIENT)
    slow(gateway, 1.9)  # 114 characters in a minute
    assert gateway.chat(ASK, stream=True).headers["x-router-tier"] == "local"
    slow(gateway, 2000)
    assert gateway.chat(ASK, stream=True).headers["x-router-tier"] == "cloud"


def test_only_the_beginning_that_comes_in_time_decides(run: Run, local: upstream.Upstream) -> None:
    local.script = streams(words_of(POOR))
    gateway = run(**{**PATIENT, "threshold": 0.23})  # near enough that a first mark pays alone
    slow(gateway, 2.5)  # 150 characters in a minute
    answer = gateway.chat(ASK, stream=True)
    assert answer.headers["x-router-held-until"] == "120"
    assert text_in(answer.text) == "Hello from the cloud."


@pytest.mark.parametrize("more", [{"stream_wait": 0.0}, {"look_price": 1.0}, {"cascade": "off"}])
def test_what_is_not_worth_waiting_for_is_not_held(
    run: Run, local: upstream.Upstream, more: dict[str, Any]
) -> None:
    gate = asyncio.Event()
    events = upstream.chunks(POOR)
    local.script = waits(events[:12], gate, events[12:])
    gateway = run(**{**PATIENT, **more})
    body = {"model": "auto", "stream": True, "messages": [{"role": "user", "content": ASK}]}
    with gateway.client.stream("POST", "/v1/chat/completions", json=body) as answer:
        assert answer.headers["x-router-tier"] == "local"
        assert "x-router-held-s" not in answer.headers
        lines = answer.iter_lines()
        assert "That" in "".join(next(lines) for _ in range(6))
        local._loop.call_soon_threadsafe(gate.set)
        assert list(lines)[-2:] == ["data: [DONE]", ""]
    row = until(gateway.rows)[0]
    assert row["held_chars"] is row["held_s"] is row["held_until"] is None
    # Too late to change it, but not to learn from it.
    assert (row["p_local_after"] is None) == (gateway.settings.cascade == "off")


@pytest.mark.parametrize(
    ("text", "more"),
    [(f"{ASK} Mail the answer to ann.lee@mail.example.org.", {}), (ASK, {"model": "local"})],
    ids=["private", "named"],
)
def test_private_and_named_requests_are_never_replaced(
    run: Run,
    local: upstream.Upstream,
    cloud: upstream.Upstream,
    text: str,
    more: dict[str, str],
) -> None:
    local.script = streams(upstream.chunks(POOR)[:-1], ["[DONE]"])
    gateway = run(**PATIENT)
    for ask in (gateway.chat, gateway.messages):
        answer = ask(text, stream=True, **more)
        assert answer.headers["x-router-tier"] == "local"
        assert text_in(answer.text) == POOR
    assert not cloud.asked
    assert [row["held_s"] for row in gateway.rows()] == [None, None]


@pytest.mark.parametrize("thinking", ["field", "text"])
@pytest.mark.parametrize("answer", [GOOD, POOR], ids=["good", "poor"])
def test_thinking_is_not_taken_for_the_answer(
    run: Run, local: upstream.Upstream, thinking: str, answer: str
) -> None:
    thought = "Wait, perhaps I cannot say. " * 30
    first = [chunk(reasoning_content=thought)]
    if thinking == "text":
        first = [chunk(content="<think>"), chunk(content=thought), chunk(content="</think>")]
    local.script = streams([*first, *upstream.chunks(answer)[1:-1]], ["[DONE]"])
    gateway = run(**PATIENT)
    said = gateway.messages(ASK, stream=True, thinking={"type": "enabled", "budget_tokens": 1024})
    assert said.headers["x-router-held-until"] in ("120", "240", "480")
    if answer == POOR:
        assert said.headers["x-router-tier"] == "cloud"
        assert "perhaps" not in said.text
    else:
        assert said.headers["x-router-tier"] == "local"
        assert "perhaps" in said.text and text_in(said.text).endswith(GOOD)


@pytest.mark.parametrize("api", ["openai", "anthropic"])
@pytest.mark.parametrize(("arguments", "tier"), [('{"n": 1}', "local"), ('{"n": ', "cloud")])
def test_an_answer_with_a_call_is_read_to_its_end(
    run: Run, local: upstream.Upstream, arguments: str, tier: str, api: str
) -> None:
    function = {"name": "count", "arguments": arguments}
    call = [{"index": 0, "id": "call_1", "type": "function", "function": function}]
    said = [chunk(content="I count the primes."), chunk(tool_calls=call)]
    end = chunk()
    end["choices"][0]["finish_reason"] = "tool_calls"
    local.script = streams([*said, end], ["[DONE]"])
    # At this threshold nothing but the broken arguments speaks for the cloud.
    gateway = run(**{**PATIENT, "threshold": 0.99})
    answer = asked(gateway, api)
    assert answer.headers["x-router-tier"] == tier
    assert ("count" in answer.text) == (tier == "local")


def test_a_cloud_that_fails_leaves_the_stream_that_was_held(
    run: Run, local: upstream.Upstream, cloud: upstream.Upstream
) -> None:
    async def failing(connection: Connection, got: Got) -> None:
        await connection.json({"error": {"message": "no"}}, 500)

    local.script = streams(upstream.chunks(POOR)[:-1], ["[DONE]"])
    cloud.script = failing
    gateway = run(**PATIENT, cloud_limits={"retries": 0})
    answer = gateway.chat(ASK, stream=True)
    assert answer.headers["x-router-tier"] == "local"
    assert text_in(answer.text) == POOR
    row = gateway.rows()[0]
    assert "not escalated" in row["checks"]
    assert row["p_local_after"] < row["p_local"]


def test_a_local_server_that_breaks_off_while_held_is_replaced(
    run: Run, local: upstream.Upstream
) -> None:
    async def breaking(connection: Connection, got: Got) -> None:
        if got.method == "GET":
            await upstream.local(connection, got)
            return
        await connection.start_stream()
        for event in words_of(GOOD)[:10]:
            await connection.event(event)
        connection.reset()

    local.script = breaking
    gateway = run(**PATIENT, local_limits={"retries": 0})
    answer = gateway.chat(ASK, stream=True)
    assert text_in(answer.text) == "Hello from the cloud."
    assert "failed" in gateway.rows()[0]["reason"]


def test_a_client_that_leaves_while_held_ends_the_call(run: Run, local: upstream.Upstream) -> None:
    async def drips(connection: Connection, got: Got) -> None:
        if got.method == "GET":
            await upstream.local(connection, got)
            return
        await connection.start_stream()
        await connection.event(chunk(content="There are"))
        while True:
            await connection.event(chunk(reasoning_content="."))
            await asyncio.sleep(0.005)

    local.script = drips
    gateway = run(**PATIENT)

    ask = {"model": "auto", "stream": True, "messages": [{"role": "user", "content": ASK}]}
    body, host = json.dumps(ask), gateway.url.removeprefix("http://")
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: {host}\r\ncontent-length: {len(body)}"
    with socket.create_connection(("127.0.0.1", int(host.split(":")[1]))) as client:
        client.sendall(f"{head}\r\n\r\n{body}".encode())
        until(lambda: local.asked)
    assert local.asked[0].gone.wait(10)
    assert until(gateway.rows)[0]["error"] == "client_gone"


def test_a_stream_is_judged_at_its_marks_and_not_at_every_word(
    run: Run, local: upstream.Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Answer] = []
    judge = Router.predict_after

    def watched(self: Router, decision: Any, answer: Any, *others: Any) -> Any:
        seen.append(answer)
        return judge(self, decision, answer, *others)

    gateway = run(**PATIENT)  # which tries the model before it serves
    monkeypatch.setattr(Router, "predict_after", watched)
    local.script = streams(upstream.chunks(GOOD)[:-1], ["[DONE]"])
    gateway.chat(ASK, stream=True)
    *beginnings, whole = seen
    assert 1 <= len(beginnings) <= len(MARKS)
    assert all(a.so_far for a in beginnings) and not whole.so_far
    for answer, chars in zip(beginnings, MARKS, strict=False):
        assert chars <= len(answer.text) < chars + 20
    assert whole.text == GOOD


def test_a_beginning_does_not_teach_as_an_answer(run: Run, local: upstream.Upstream) -> None:
    local.script = streams(words_of(POOR))
    gateway = run(**PATIENT)
    gateway.chat(ASK, stream=True)
    engine = gateway.engine
    (piece,) = queries.unstudied(engine)
    assert [one.local for one in queries.with_words(engine, piece.ids)] == [None]
    assert not list(queries.unjudged(engine, "judge"))
    assert list(export.answers(engine)) == []


def test_holding_is_counted(run: Run, local: upstream.Upstream) -> None:
    local.script = streams(words_of(POOR))
    gateway = run(**PATIENT)
    said = gateway.chat(ASK, stream=True).headers["x-router-held-until"]
    metrics = gateway.client.get("/metrics").text
    assert f'router_held_seconds_count{{tier="cloud",until="{said}"}} 1.0' in metrics


def test_what_comes_in_one_piece_is_judged_once() -> None:
    router = Router.load(operating_point=Cut(0.4), look_price=0.0, confidence=0.5)
    hold = Hold(router, router.predict(ASK), "small", 1e9)
    assert hold.wanted
    assert hold.enough(Summary(text=GOOD))
    assert hold.after is not None and not hold.poor
    assert hold.held(len(GOOD), 0.1, over=False) is not None


def test_where_no_model_decided_nothing_is_held(router: Router) -> None:
    hold = Hold(router, None, "small", 1e9)
    assert not hold.wanted
    assert hold.enough(Summary(text=GOOD))
    assert hold.held(0, 0.0, over=False) is None


def test_the_pace_leans_to_recent_streams() -> None:
    pace = Pace()
    pace.saw("small", 1000, 10.0)
    pace.saw("small", 1000, 5.0)
    assert 100 < pace.chars_per_s("small") < 150
    pace.saw("small", 3, 100.0)  # too short to tell
    assert pace.chars_per_s("small") > 100
