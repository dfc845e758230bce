"""Looking at local answers before they are given."""

import asyncio
import json
from typing import Any

import pytest

from router.engine.call import Call
from router.engine.cascade import faults, head_faults
from router.wire.summary import Summary, ToolCall, Usage
from tests.servers import upstream
from tests.servers.fixtures import Run
from tests.servers.running import EASY
from tests.servers.upstream import Connection, Got


def says(*texts: str, **more: Any) -> upstream.Script:
    """A local server that gives these answers one after another, the last again and again."""
    left = list(texts)

    async def script(connection: Connection, got: Got) -> None:
        if got.method == "GET":
            await upstream.local(connection, got)
            return
        text = left.pop(0) if len(left) > 1 else left[0]
        if got.body.get("stream"):
            await connection.stream(upstream.chunks(text))
        else:
            await connection.json(upstream.said(text, **more))

    return script


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("cascade", ["checks", "second_opinion"])
@pytest.mark.parametrize(
    ("text", "fault"),
    [("", "empty"), ("I'm sorry, but I cannot help with that.", "refusal")],
)
def test_an_answer_that_is_none_escalates(
    run: Run, local: upstream.Upstream, text: str, fault: str, cascade: str, stream: bool
) -> None:
    local.script = says(text)
    gateway = run(cascade=cascade)
    answer = gateway.chat(EASY, stream=stream)
    assert answer.headers["x-router-tier"] == "cloud"
    assert answer.headers["x-router-escalated"] == "true"
    assert fault in answer.headers["x-router-reason"]
    assert "cloud." in answer.text
    row = gateway.rows()[0]
    assert json.loads(row["checks"]) == [fault]
    assert row["local_answer"] == text
    assert row["cost_usd"] > 0


def test_json_that_was_asked_for_must_be_json(run: Run, local: upstream.Upstream) -> None:
    local.script = says("Sure! {oops")
    wanted = {"type": "json_object"}
    for stream in (False, True):
        answer = run(cascade="checks").chat(EASY, response_format=wanted, stream=stream)
        assert answer.headers["x-router-tier"] == "cloud"
    local.script = says('{"capital": "Paris"}')
    answer = run(cascade="checks").chat(EASY, response_format=wanted)
    assert answer.headers["x-router-tier"] == "local"


def test_a_good_answer_stays(run: Run, cloud: upstream.Upstream, local: upstream.Upstream) -> None:
    local.script = says("The capital of France is Paris.")
    for stream in (False, True):
        answer = run(cascade="checks").chat(EASY, stream=stream)
        assert answer.headers["x-router-tier"] == "local"
        assert "Paris" in answer.text
    assert not cloud.asked


def test_a_user_who_named_the_local_tier_gets_its_answer(
    run: Run, local: upstream.Upstream, cloud: upstream.Upstream
) -> None:
    local.script = says("I'm sorry, I can't do that.")
    answer = run(cascade="checks").chat(EASY, model="local")
    assert answer.headers["x-router-tier"] == "local"
    assert not cloud.asked


UNSURE = "How many prime numbers are there between 100 and 200?"


@pytest.mark.parametrize("stream", [False, True])
def test_a_second_opinion_decides(
    run: Run, local: upstream.Upstream, cloud: upstream.Upstream, stream: bool
) -> None:
    """Agreement raises p_local, disagreement lowers it; both are in the log."""
    found = {}
    for other in ("There are 21 primes.", "There are 34 primes."):
        local.script = by_model({"small": "There are 21 primes.", "other": other})
        gateway = run(cascade="second_opinion", second_model="other", look_price=0.0)
        answer = gateway.chat(UNSURE, stream=stream)
        row = gateway.rows()[-1]
        assert row["second_model"] == "other"
        assert row["second_answer"] == other
        assert row["p_local_after"] is not None
        found[other] = row["p_local_after"]
        if stream:
            event = json.loads(answer.text.split("data: ")[1].split("\n")[0])
            assert event["router"]["for"] == "second_opinion"
            assert event["router"]["waited_s"] >= 0
    assert found["There are 21 primes."] > found["There are 34 primes."] + 0.1
    asked = [g.body["model"] for g in local.asked]
    assert asked.count("other") == asked.count("small") == 2


def by_model(texts: dict[str, str]) -> upstream.Script:
    async def script(connection: Connection, got: Got) -> None:
        if got.method == "GET":
            await upstream.local(connection, got)
        else:
            await says(texts[got.body["model"]])(connection, got)

    return script


def test_one_model_is_sampled_when_there_is_no_other(run: Run, local: upstream.Upstream) -> None:
    local.script = says("21", "34")
    gateway = run(cascade="second_opinion", look_price=0.0)
    gateway.chat(UNSURE, seed=3)
    bodies = [g.body for g in local.asked]
    assert [b.get("temperature") for b in sorted(bodies, key=str)].count(0.8) == 1
    assert sum("seed" in b for b in bodies) == 1


def test_both_opinions_are_asked_at_once(run: Run, local: upstream.Upstream) -> None:
    at_once: list[int] = []
    under_way = 0

    async def slow(connection: Connection, got: Got) -> None:
        nonlocal under_way
        if got.method == "POST":
            under_way += 1
            at_once.append(under_way)
            await asyncio.sleep(0.2)
            under_way -= 1
        await upstream.local(connection, got)

    local.script = slow
    run(cascade="second_opinion", look_price=0.0).chat(UNSURE)
    assert max(at_once) == 2


def test_a_second_opinion_that_fails_decides_nothing(run: Run, local: upstream.Upstream) -> None:
    async def script(connection: Connection, got: Got) -> None:
        if got.method == "POST" and got.body["model"] == "other":
            await connection.json({"error": "no such model"}, 404)
        else:
            await upstream.local(connection, got)

    local.script = script
    gateway = run(cascade="second_opinion", second_model="other", look_price=0.0)
    assert gateway.chat(UNSURE).status_code == 200
    assert gateway.rows()[0]["second_model"] is None


def test_a_cloud_that_fails_leaves_the_local_answer(
    run: Run, local: upstream.Upstream, cloud: upstream.Upstream
) -> None:
    async def failing(connection: Connection, got: Got) -> None:
        await connection.json({"error": {"message": "no"}}, 500)

    local.script = says("I'm sorry, I can't do that.")
    cloud.script = failing
    for stream in (False, True):
        gateway = run(cascade="checks", cloud_limits={"retries": 0})
        answer = gateway.chat(EASY, stream=stream)
        assert answer.status_code == 200
        assert answer.headers["x-router-tier"] == "local"
        assert "not escalated" in gateway.rows()[-1]["checks"]


def test_the_header_sets_the_cascade_of_one_request(run: Run, local: upstream.Upstream) -> None:
    local.script = says("")
    gateway = run(cascade="off", local_limits={"retries": 0})
    headers = {"x-router-cascade": "checks"}
    assert gateway.chat(EASY, headers=headers).headers["x-router-tier"] == "cloud"
    assert gateway.rows()[0]["cascade"] == "checks"
    wrong = gateway.chat(EASY, headers={"x-router-cascade": "always"})
    assert wrong.status_code == 400


def test_a_long_stream_is_only_held_for_its_first_words(run: Run, local: upstream.Upstream) -> None:
    gate = asyncio.Event()

    async def paused(connection: Connection, got: Got) -> None:
        if got.method == "GET":
            await upstream.local(connection, got)
            return
        await connection.start_stream()
        events = upstream.chunks("word " * 100)
        for event in events[:60]:
            await connection.event(event)
        await asyncio.wait_for(gate.wait(), 5)
        for event in events[60:]:
            await connection.event(event)
        connection.writer.close()

    local.script = paused
    gateway = run(cascade="checks")
    body = {"model": "auto", "stream": True, "messages": [{"role": "user", "content": EASY}]}
    with gateway.client.stream("POST", "/v1/chat/completions", json=body) as answer:
        lines = answer.iter_lines()
        assert "word" in "".join(next(lines) for _ in range(10))
        local._loop.call_soon_threadsafe(gate.set)
        assert list(lines)[-2:] == ["data: [DONE]", ""]


CALL = Call.of("openai", {"messages": [{"role": "user", "content": "x"}], "max_tokens": 50})


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (Summary(text="Paris."), []),
        (Summary(text=" \n"), ["empty"]),
        (Summary(text="", calls=[ToolCall("f", '{"a": 1}')]), []),
        (Summary(text="", calls=[ToolCall("f", '{"a": ')]), ["invalid tool arguments"]),
        (Summary(text="", calls=[ToolCall("", "{}")]), ["invalid tool arguments"]),
        (Summary(text="No.", finish="refusal"), ["refusal"]),
        (Summary(text="The poem says: I cannot go on."), []),
        (Summary(text="I can't help with that."), ["refusal"]),
        (Summary(text="As an AI language model, I cannot say."), ["refusal"]),
        (Summary(text="and so", finish="length", usage=Usage(5, 50)), []),
        (Summary(text="blue", logprobs=[-0.1, -0.4]), []),
        (Summary(text="xqz", logprobs=[-3.1, -2.4]), ["low log-probability"]),
        (Summary(text="and so", finish="length", usage=Usage(5, 20)), ["cut off"]),
    ],
)
def test_faults(answer: Summary, found: list[str]) -> None:
    assert faults(answer, CALL) == found


def test_the_first_words_of_a_refusal_are_enough() -> None:
    assert head_faults("I'm sorry, but I can't " + "x" * 500) == ["refusal"]
    assert head_faults("Sorry to hear that! Here is what") == []
