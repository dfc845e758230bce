"""Nothing goes round the privacy filter: every mode, every place, every state of the local tier."""

import itertools
import json

import pytest

from tests.router.privacy.test_privacy import ELSEWHERE, PLACES, SECRET, filled
from tests.servers import upstream
from tests.servers.fixtures import Run
from tests.servers.ollama import Ollama
from tests.servers.running import HARD

MODES = {
    "plain": {},
    "cascade by checks": {"cascade": "checks"},
    "second opinion": {"cascade": "second_opinion"},
    "exploration": {"exploration": 0.5},
    "always cloud": {"threshold": -1.0},
}
# A cloud that speaks OpenAI's dialect is reached by translations of its own.
OPENAI_CLOUD = {"cloud_api": "openai", "cloud_api_key": "k", "cloud_models": ["claude*"]}
EVERYWHERE = {**MODES, "a cloud of OpenAI's dialect": {**OPENAI_CLOUD, "threshold": -1.0}}


def unwell(state: str) -> upstream.Script:
    """A local server that fails, or whose model says no."""

    async def answer(connection: upstream.Connection, got: upstream.Got) -> None:
        if got.method == "GET":
            await upstream.local(connection, got)
        elif state == "failing":
            await connection.json({"error": {"message": "no"}}, 500)
        else:
            await connection.json(upstream.said("I'm sorry, I cannot help with that."))

    return answer


@pytest.mark.parametrize("local_state", ["well", "failing", "silent"])
@pytest.mark.parametrize("mode", EVERYWHERE)
def test_no_private_byte_reaches_the_cloud_by_any_path(
    run: Run, local: upstream.Upstream, cloud: upstream.Upstream, mode: str, local_state: str
) -> None:
    if local_state != "well":
        local.script = unwell(local_state)
    gateway = run(**EVERYWHERE[mode], local_limits={"retries": 0, "failures": 1000})
    post = gateway.client.post
    asked = itertools.product(PLACES.values(), ("auto", "cloud", "claude-opus-5", "local"))
    for i, (place, model) in enumerate(asked):
        stream = (i + i // 4) % 2 == 0  # in turns, from place to place the other way round
        body = {**filled(place), "model": model, "stream": stream, "max_tokens": 50}  # type: ignore[dict-item]
        answer = post("/v1/chat/completions", json=body)
        assert answer.headers.get("x-router-tier", "local") == "local"
        if local_state == "failing" or answer.status_code != 200:
            assert answer.status_code >= 400
            assert SECRET not in answer.text
    body = {"messages": [{"role": "user", "content": SECRET}], "model": "cloud", "max_tokens": 9}
    post("/v1/messages", json=body)
    counted = post("/v1/messages/count_tokens", json=body)
    assert counted.json()["input_tokens"] > 0
    headers = {"x-router-privacy": "private"}
    assert (
        gateway.chat(HARD, model="cloud", headers=headers).headers.get("x-router-tier", "local")
        == "local"
    )
    beta = {"anthropic-beta": f"files-2025, {SECRET}"}
    gateway.messages(HARD, model="cloud", headers=beta)
    assert not cloud.asked
    assert all(b"example.org" not in g.raw for g in cloud.got)
    kept = json.dumps(gateway.rows())
    assert SECRET not in kept
    assert "example.org" not in kept


@pytest.mark.parametrize("local_state", ["well", "failing", "silent", "ollama"])
@pytest.mark.parametrize("mode", EVERYWHERE)
def test_none_reaches_it_through_the_other_apis_of_clients(
    run: Run, local: upstream.Upstream, cloud: upstream.Upstream, mode: str, local_state: str
) -> None:
    if local_state != "well":
        local.script = Ollama() if local_state == "ollama" else unwell(local_state)
    gateway = run(**EVERYWHERE[mode], local_limits={"retries": 0, "failures": 1000})
    for i, (path, body) in enumerate(ELSEWHERE.values()):
        model = ("cloud", "auto", "claude-opus-5")[i % 3]
        made = {**filled(body), "model": model, "stream": i % 2 == 0}  # type: ignore[dict-item]
        made |= {"max_tokens": 50} if path == "/v1/messages" else {}
        answer = gateway.client.post(path, json=made)
        assert answer.headers.get("x-router-tier", "local") == "local"
        assert answer.status_code in (200, 502, 503)
    assert not cloud.asked
    assert "example.org" not in json.dumps(gateway.rows())


def test_what_a_private_answer_said_does_not_leave_with_the_next_turn(
    run: Run, local: upstream.Upstream, cloud: upstream.Upstream
) -> None:
    async def telling(connection: upstream.Connection, got: upstream.Got) -> None:
        if got.method == "GET":
            await upstream.local(connection, got)
        else:
            await connection.json(upstream.said(SECRET))

    local.script = telling
    gateway = run()
    post = gateway.client.post
    first = post("/v1/responses", json={"model": "local", "input": "Whom do I write to?"})
    body = {"model": "cloud", "input": HARD, "previous_response_id": first.json()["id"]}
    then = post("/v1/responses", json=body)
    assert then.headers["x-router-rule"] == "private"
    assert len(local.asked[-1].body["messages"]) == 3
    assert not cloud.asked


def test_a_value_that_is_given_over_two_turns_stays_in_every_dialect(
    run: Run, cloud: upstream.Upstream
) -> None:
    gateway = run()
    post = gateway.client.post
    first, then = "Is it a Visa? It is 4242 4242", "4242 4242, is what I meant."

    def said(role: str, text: str) -> dict[str, str]:
        return {"role": role, "content": text}

    turns = [said("user", first), said("assistant", "Go on."), said("user", then)]
    for path in ("/v1/chat/completions", "/v1/messages", "/api/chat"):
        made = post(path, json={"model": "cloud", "max_tokens": 9, "messages": turns})
        assert made.headers.get("x-router-tier", "local") == "local", path
    before = post("/v1/responses", json={"model": "local", "input": first}).json()["id"]
    for body in ({"input": turns}, {"input": then, "previous_response_id": before}):
        made = post("/v1/responses", json={"model": "cloud", **body})
        assert made.headers.get("x-router-tier", "local") == "local", body
    assert not cloud.asked
    plain = [said("user", "Is it a Visa?"), said("assistant", "Go on."), said("user", "It is 42.")]
    assert gateway.chat(HARD).headers["x-router-tier"] == "cloud"
    post("/v1/chat/completions", json={"model": "cloud", "messages": plain})
    assert len(cloud.asked) == 2


def test_what_is_left_behind_is_not_sent_either(run: Run, cloud: upstream.Upstream) -> None:
    thought = {
        "type": "reasoning",
        "id": "r",
        "summary": [{"type": "summary_text", "text": SECRET}],
    }
    given = [thought, {"role": "user", "content": HARD}]
    body = {"model": "cloud", "input": given, "client_metadata": {"to": SECRET}}
    gateway = run()
    assert gateway.client.post("/v1/responses", json=body).headers["x-router-tier"] == "cloud"
    assert b"example.org" not in cloud.asked[0].raw
    assert "example.org" not in json.dumps(gateway.rows())


def test_what_ollama_alone_understands_is_not_sent_either(
    run: Run, cloud: upstream.Upstream
) -> None:
    gateway = run(threshold=-1.0)
    messages = [{"role": "user", "content": HARD, "thinking": SECRET, "to": SECRET}]
    body = {"model": "auto", "messages": messages, "keep_alive": SECRET, "options": {"to": SECRET}}
    assert gateway.client.post("/api/chat", json=body).headers["x-router-tier"] == "cloud"
    for only in ("template", "suffix"):
        asked = {"model": "auto", "prompt": HARD, only: SECRET}
        assert gateway.client.post("/api/generate", json=asked).status_code == 400
    assert len(cloud.asked) == 1
    assert b"example.org" not in cloud.asked[0].raw
    assert "example.org" not in json.dumps(gateway.rows())


def test_a_private_request_without_a_local_answer_is_refused_by_name(
    run: Run, local: upstream.Upstream
) -> None:
    async def failing(connection: upstream.Connection, got: upstream.Got) -> None:
        await connection.json({"error": {"message": "no"}}, 500)

    local.script = failing
    answer = run(local_limits={"retries": 0}).chat(SECRET)
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "private_local_unavailable"


def test_features_of_private_requests_are_kept_only_on_request(run: Run) -> None:
    from router.outcomes.kept import unpack

    gateway = run(private_learning="features")
    gateway.chat(SECRET)
    row = gateway.rows()[0]
    assert row["request"] is None
    assert row["answer"] is None
    assert unpack(row["features"]).embedding.shape == (1, 256)


def test_logs_hold_no_word_of_a_request(
    run: Run, local: upstream.Upstream, caplog: pytest.LogCaptureFixture
) -> None:
    async def echoing(connection: upstream.Connection, got: upstream.Got) -> None:
        if got.method == "GET":
            await upstream.local(connection, got)
        else:
            await connection.json({"error": {"message": got.raw.decode()}}, 500)

    local.script = echoing
    caplog.set_level(0)
    gateway = run(store="none", local_limits={"retries": 0})
    assert gateway.chat("zebrafish swim").headers["x-router-tier"] == "cloud"
    assert gateway.chat("zebrafish swim", model="local").status_code == 502
    assert "zebrafish" not in caplog.text
    assert "zebrafish" not in json.dumps(gateway.rows())
