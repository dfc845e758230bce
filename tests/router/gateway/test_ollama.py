"""Ollama's own API over a whole gateway: before Ollama itself, and before servers that are not."""

import json
from typing import Any

import httpx
import pytest

from tests.servers import ollama, upstream
from tests.servers.fixtures import Run
from tests.servers.running import EASY, HARD, Gateway

CALL = {"function": {"name": "look", "arguments": {"where": "here"}}}
TOOL = {
    "type": "function",
    "function": {
        "name": "look",
        "parameters": {"type": "object", "properties": {"where": {"type": "string"}}},
    },
}


@pytest.fixture
def home(local: upstream.Upstream) -> ollama.Ollama:
    """The local server is Ollama."""
    local.script = fake = ollama.Ollama()
    return fake


def turns(text: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": text}]


def chat(gateway: Gateway, text: str = EASY, **more: Any) -> httpx.Response:
    return gateway.client.post("/api/chat", json={"model": "auto", "messages": turns(text), **more})


def lines(answer: httpx.Response) -> list[Any]:
    assert answer.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in answer.text.splitlines()]


def said(answer: httpx.Response) -> str:
    return "".join(line["message"]["content"] for line in lines(answer))


# Before Ollama itself


def test_what_stays_is_asked_for_as_the_client_wrote_it(
    run: Run, local: upstream.Upstream, home: ollama.Ollama
) -> None:
    gateway = run(local_model="llama3.1:8b")
    options = {"num_ctx": 16384, "mirostat": 2, "temperature": 0.1}
    more = {"options": options, "keep_alive": "1h", "think": True, "format": "json"}
    answer = chat(gateway, stream=False, **more)
    assert answer.json()["message"] == {"role": "assistant", "content": "Hello there."}
    assert answer.headers["x-router-tier"] == "local"
    asked = local.asked[0]
    assert asked.path == "/api/chat"
    whole = {"model": "llama3.1:8b", "messages": turns(EASY), "stream": False, **more}
    assert asked.body == whole


@pytest.mark.parametrize("stream", [True, False])
def test_counts_and_durations_are_those_of_ollama(
    run: Run, home: ollama.Ollama, stream: bool
) -> None:
    home.done_reason = "length"
    gateway = run()
    answer = chat(gateway, model="llama3.1:8b", stream=stream)
    last = lines(answer)[-1] if stream else answer.json()
    told = {k: v for k, v in ollama.DURATIONS.items() if k != "total_duration"}
    assert {k: last[k] for k in told} == told
    assert last["total_duration"] > 0
    assert (last["done"], last["done_reason"]) == (True, "length")
    row = gateway.rows()[0]
    assert (row["input_tokens"], row["output_tokens"], row["finish"]) == (26, 3, "length")
    assert row["api"] == "ollama-chat"


@pytest.mark.parametrize("stream", [True, False])
def test_thoughts_and_calls_come_as_ollama_gives_them(
    run: Run, home: ollama.Ollama, stream: bool
) -> None:
    home.thought, home.words, home.calls = "Look first.", (), [CALL, CALL]
    gateway = run()
    answer = chat(gateway, model="qwen3:4b", tools=[TOOL], stream=stream)
    messages = [line["message"] for line in lines(answer)] if stream else [answer.json()["message"]]
    calls = [call for m in messages for call in m.get("tool_calls", [])]
    assert [{"function": call["function"]} for call in calls] == [CALL, CALL]
    assert len({call["id"] for call in calls}) == 2
    assert "".join(m.get("thinking", "") for m in messages) == "Look first."
    assert gateway.rows()[0]["finish"] == "tool_calls"
    unthinking = chat(gateway, model="qwen3:4b", think=False)
    assert "thinking" not in unthinking.text


def test_a_window_that_is_asked_for_is_the_one_that_counts(
    run: Run, local: upstream.Upstream, home: ollama.Ollama
) -> None:
    gateway = run(output_tokens=100)
    long = "word " * 9000
    body = {"model": "llama3.1:8b", "messages": turns(long), "stream": False}
    assert "window of 8192" in gateway.client.post("/api/chat", json=body).json()["error"]
    larger = {**body, "options": {"num_ctx": 32768}}
    assert gateway.client.post("/api/chat", json=larger).status_code == 200
    smaller = {**body, "messages": turns("word " * 900), "options": {"num_ctx": 512}}
    assert "window of 512" in gateway.client.post("/api/chat", json=smaller).json()["error"]


def test_what_only_ollama_can_do_never_goes_to_the_cloud(
    run: Run, local: upstream.Upstream, cloud: upstream.Upstream, home: ollama.Ollama
) -> None:
    gateway = run(threshold=-1.0)
    body = {"model": "auto", "prompt": "def f(", "suffix": "return 1", "raw": True}
    answer = gateway.client.post("/api/generate", json=body)
    assert "".join(line["response"] for line in lines(answer)) == "Hello there."
    assert local.asked[0].path == "/api/generate"
    assert local.asked[0].body["suffix"] == "return 1"
    refused = gateway.client.post("/api/generate", json={**body, "model": "cloud"})
    assert refused.status_code >= 400
    assert "suffix and raw" in refused.json()["error"]
    assert not cloud.asked


@pytest.mark.parametrize("path", ["/api/chat", "/api/generate"])
def test_models_are_loaded_and_let_go(
    run: Run, local: upstream.Upstream, home: ollama.Ollama, path: str
) -> None:
    gateway = run(local_model="llama3.1:8b")
    empty = {"messages": []} if path == "/api/chat" else {}
    loaded = gateway.client.post(path, json={"model": "auto", **empty, "keep_alive": -1})
    assert loaded.json()["done_reason"] == "load"
    assert local.asked[0].body["model"] == "llama3.1:8b"
    assert local.asked[0].body["keep_alive"] == -1
    freed = gateway.client.post(path, json={"model": "qwen3:4b", **empty, "keep_alive": 0})
    assert freed.json()["done_reason"] == "unload"
    assert gateway.client.post(path, json={"model": "none:1b", **empty}).status_code == 404
    assert not gateway.rows()


def test_the_cloud_steps_in_for_ollama_and_a_broken_stream_says_so(
    run: Run, home: ollama.Ollama
) -> None:
    gateway = run(local_limits={"retries": 0}, threshold=1.0)
    home.status = 500
    assert said(chat(gateway)) == "Hello from the cloud."
    home.status, home.breaks = 200, True
    parts = lines(chat(gateway))
    assert parts[0]["message"]["content"] == "Hello "
    assert set(parts[-1]) == {"error"}
    assert "memory" not in parts[-1]["error"]


def test_a_poor_answer_of_its_own_api_is_replaced(
    run: Run, local: upstream.Upstream, home: ollama.Ollama
) -> None:
    home.words = ("I'm sorry, I cannot help with that.",)
    gateway = run(cascade="checks", threshold=1.0)
    assert said(chat(gateway)) == "Hello from the cloud."
    assert gateway.rows()[0]["escalated"]
    assert [g.path for g in local.asked] == ["/api/chat"]


def test_its_models_are_listed_beside_auto(run: Run, home: ollama.Ollama) -> None:
    get = run().client.get
    names = [m["name"] for m in get("/api/tags").json()["models"]]
    assert names[0] == "auto:latest"
    assert names[1] == "claude-sonnet-5-5:latest"
    assert names[2:] == [m["name"] for m in ollama.TAGS["models"]]
    assert all(len(m["digest"]) >= 3 for m in get("/api/tags").json()["models"])
    assert get("/api/ps").json() == ollama.PS
    assert get("/api/version").json() == {"version": "0.12.6"}


def test_a_model_is_shown_as_ollama_shows_it_and_auto_as_what_it_can_do(
    run: Run, home: ollama.Ollama
) -> None:
    gateway = run(local_model="llama3.1:8b")
    shown = gateway.client.post("/api/show", json={"model": "qwen3:4b"})
    assert shown.json() == ollama.SHOW["qwen3:4b"]
    auto = gateway.client.post("/api/show", json={"model": "auto:latest"}).json()
    assert auto["capabilities"] == ["completion", "tools", "vision"]
    assert auto["model_info"]["router.context_length"] == 8192
    local = gateway.client.post("/api/show", json={"name": "local"}).json()
    assert local["capabilities"] == ["completion", "tools"]
    missing = gateway.client.post("/api/show", json={"model": "none"})
    assert missing.status_code == 404
    assert missing.json() == {"error": "model 'none' not found"}


def test_names_may_end_in_latest(run: Run, home: ollama.Ollama, cloud: upstream.Upstream) -> None:
    gateway = run(local_model="llama3.1:8b")
    assert chat(gateway, model="auto:latest").headers["x-router-model"] == "llama3.1:8b"
    away = chat(gateway, model="claude-sonnet-5-5:latest")
    assert away.headers["x-router-model"] == "claude-sonnet-5-5"


def test_vectors_are_made_by_ollama(
    run: Run, local: upstream.Upstream, home: ollama.Ollama
) -> None:
    post = run().client.post
    made = post("/api/embed", json={"model": "auto", "input": ["a", "b"]})
    assert made.json()["embeddings"] == [[0.6, 0.8], [0.6, 0.8]]
    assert made.json()["model"] == "nomic-embed-text:latest"
    old = post("/api/embeddings", json={"model": "nomic-embed-text", "prompt": "a"})
    assert old.json() == {"embedding": [0.6, 0.8]}


def test_what_only_ollama_can_do_is_passed_on_as_it_comes(
    run: Run, local: upstream.Upstream, home: ollama.Ollama
) -> None:
    client = run().client
    parts = lines(client.post("/api/pull", json={"model": "qwen3:4b"}))
    assert [p["status"] for p in parts] == ["pulling manifest", "pulling a", "success"]
    copied = client.post("/api/copy", json={"source": "qwen3:4b", "destination": "mine"})
    assert (copied.status_code, copied.content) == (200, b"")
    gone = client.request("DELETE", "/api/delete", json={"model": "none"})
    assert (gone.status_code, gone.json()) == (404, {"error": "model 'none' not found"})
    assert client.head("/api/blobs/sha256:a").status_code == 404
    weights = bytes(range(256)) * 4096
    assert client.post("/api/blobs/sha256:a", content=weights).status_code == 201
    assert local.got[-1].raw == weights or any(g.raw == weights for g in local.got)


def test_a_model_that_was_pulled_can_be_named_at_once(
    run: Run, local: upstream.Upstream, home: ollama.Ollama, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = run()
    assert chat(gateway, model="new:1b").status_code == 404
    new = {**ollama.TAGS["models"][0], "name": "new:1b", "model": "new:1b"}
    monkeypatch.setitem(ollama.TAGS, "models", [*ollama.TAGS["models"], new])
    monkeypatch.setitem(ollama.SHOW, "new:1b", ollama.SHOW["llama3.1:8b"])
    gateway.client.post("/api/pull", json={"model": "new:1b"})
    assert chat(gateway, model="new:1b").status_code == 200


# Before a server that is none


def test_a_chat_is_carried_over_as_far_as_a_completion_can_say_it(
    run: Run, local: upstream.Upstream
) -> None:
    options = {"num_predict": 9, "stop": ["END"], "seed": 7, "top_k": 20, "num_ctx": 4096}
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Look.", "images": ["/9j/4AAQ"]},
        {"role": "assistant", "content": "", "tool_calls": [CALL, CALL]},
        {"role": "tool", "tool_name": "look", "content": "a"},
        {"role": "tool", "tool_name": "look", "content": "b"},
        {"role": "user", "content": "And now?"},
    ]
    more = {"options": options, "format": schema, "think": "high", "keep_alive": 0}
    gateway = run()
    body = {"model": "local", "messages": messages, "tools": [TOOL], **more}
    assert said(gateway.client.post("/api/chat", json=body)) == "Hello there."
    asked = local.asked[0]
    assert asked.path == "/v1/chat/completions"
    sent = asked.body
    assert (sent["max_tokens"], sent["stop"], sent["seed"], sent["top_k"]) == (9, ["END"], 7, 20)
    assert not sent.keys() & {"options", "keep_alive", "think", "format", "num_ctx"}
    assert sent["response_format"]["json_schema"]["schema"] == schema
    assert sent["reasoning_effort"] == "high"
    assert sent["tools"] == [TOOL]
    image = {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,/9j/4AAQ"}}
    assert sent["messages"][1]["content"] == [{"type": "text", "text": "Look."}, image]
    ids = [call["id"] for call in sent["messages"][2]["tool_calls"]]
    assert [m["tool_call_id"] for m in sent["messages"] if m["role"] == "tool"] == ids
    assert json.loads(sent["messages"][2]["tool_calls"][0]["function"]["arguments"]) == {
        "where": "here"
    }


def test_results_find_their_calls_by_name_in_any_order(run: Run, local: upstream.Upstream) -> None:
    other = {"function": {"name": "listen", "arguments": {}}}
    messages = [
        *turns("Look and listen."),
        {"role": "assistant", "content": "", "tool_calls": [CALL, other]},
        {"role": "tool", "tool_name": "listen", "content": "b"},
        {"role": "tool", "content": "a"},
    ]
    run().client.post("/api/chat", json={"model": "local", "messages": messages})
    sent = local.asked[0].body["messages"]
    first, second = (call["id"] for call in sent[1]["tool_calls"])
    assert [m["tool_call_id"] for m in sent[2:]] == [second, first]


@pytest.mark.parametrize("tier", ["local", "cloud"])
def test_generate_and_chat_say_the_same_whole_and_as_a_stream(run: Run, tier: str) -> None:
    gateway = run()
    body = {"model": tier, "prompt": "Hi.", "system": "Be brief."}
    whole = gateway.client.post("/api/generate", json={**body, "stream": False}).json()
    parts = lines(gateway.client.post("/api/generate", json=body))
    assert "".join(p["response"] for p in parts) == whole["response"]
    assert said(chat(gateway, model=tier)) == whole["response"]
    for last in (whole, parts[-1]):
        assert (last["done"], last["done_reason"]) == (True, "stop")
        assert last["prompt_eval_count"] > 0
        assert last["eval_count"] > 0
        assert last["total_duration"] > 0
        assert 0 <= last["eval_duration"] <= last["total_duration"]


def test_a_hard_request_goes_to_the_cloud_and_a_private_one_does_not(run: Run) -> None:
    gateway = run()
    assert chat(gateway, HARD).headers["x-router-tier"] == "cloud"
    assert chat(gateway, HARD + " Mail ann@example.org").headers["x-router-tier"] == "local"
    assert [row["api"] for row in gateway.rows()] == ["ollama-chat"] * 2


@pytest.mark.parametrize(
    ("path", "more", "word"),
    [
        ("/api/chat", {"messages": "Hi."}, "messages"),
        ("/api/chat", {"messages": [{"role": "user", "content": ["Hi."]}]}, "content"),
        ("/api/chat", {"messages": turns("Hi."), "format": "yaml"}, "format"),
        ("/api/chat", {"messages": [{"role": "user", "content": "a", "images": [1]}]}, "image"),
        ("/api/generate", {"prompt": ["Hi."]}, "prompt"),
        ("/api/generate", {"prompt": "Hi.", "context": [1, 2]}, "context"),
    ],
)
def test_what_cannot_be_carried_is_refused_in_words(
    run: Run, local: upstream.Upstream, path: str, more: dict[str, Any], word: str
) -> None:
    answer = run().client.post(path, json={"model": "local", **more})
    assert answer.status_code == 400
    assert word in answer.json()["error"]
    assert not local.asked


def test_its_models_are_told_in_the_form_of_ollama(run: Run) -> None:
    client = run(model_names={"gpt-4o": "auto", "x-*": "local"}).client
    tags = client.get("/api/tags").json()["models"]
    names = ["auto:latest", "claude-sonnet-5-5:latest", "gpt-4o:latest", "small"]
    assert [m["name"] for m in tags] == names
    assert all(len(m["digest"]) == 64 for m in tags)
    assert [m["name"] for m in client.get("/api/ps").json()["models"]] == ["small"]
    assert client.get("/api/version").json()["version"]
    assert "completion" in client.post("/api/show", json={"model": "small"}).json()["capabilities"]
    loaded = client.post("/api/generate", json={"model": "small", "keep_alive": 0}).json()
    assert (loaded["done"], loaded["done_reason"]) == (True, "unload")


def test_vectors_are_told_in_the_form_of_ollama_or_refused(
    run: Run, local: upstream.Upstream
) -> None:
    async def embedding(connection: upstream.Connection, got: upstream.Got) -> None:
        if got.path == "/v1/embeddings":
            entries = [{"index": i, "embedding": [float(i)]} for i in (1, 0)]
            usage = {"prompt_tokens": 4, "total_tokens": 4}
            await connection.json({"data": entries, "model": "small", "usage": usage})
        else:
            await upstream.local(connection, got)

    gateway = run()
    refused = gateway.client.post("/api/embed", json={"model": "small", "input": "a"})
    assert refused.status_code == 501
    assert "makes no embeddings" in refused.json()["error"]
    local.script = embedding
    made = gateway.client.post("/api/embed", json={"model": "small", "input": ["a", "b"]}).json()
    assert (made["embeddings"], made["prompt_eval_count"]) == ([[0.0], [1.0]], 4)
    old = gateway.client.post("/api/embeddings", json={"model": "small", "prompt": "a"}).json()
    assert old == {"embedding": [0.0]}
    assert gateway.client.post("/api/embed", json={"model": "small"}).status_code == 400


def test_what_only_ollama_can_do_is_refused_by_name(run: Run, local: upstream.Upstream) -> None:
    answer = run().client.post("/api/pull", json={"model": "qwen3:4b"})
    assert answer.status_code == 501
    assert "Only Ollama" in answer.json()["error"]


def test_it_is_running_and_unknown_addresses_say_what_there_is(run: Run) -> None:
    client = run().client
    assert client.get("/").text == "Ollama is running"
    assert client.head("/").status_code == 200
    answer = client.post("/api/transcribe", json={})
    assert answer.status_code == 404
    assert "POST /api/chat" in answer.json()["error"]
    assert "/v1/" not in answer.json()["error"]
    assert client.get("/api/chat").status_code == 405


def test_a_key_is_asked_for_like_anywhere(run: Run) -> None:
    from router.gateway.auth import hash_of

    client = run(api_keys={"ann": hash_of("secret")}).client
    for path in ("/api/tags", "/api/ps", "/api/version"):
        assert client.get(path).status_code == 401
    for path in ("/api/chat", "/api/show", "/api/embed", "/api/pull", "/api/blobs/sha256:a"):
        assert client.post(path, json={}).json().keys() == {"error"}
        assert client.post(path, json={}).status_code == 401
    given = {"authorization": "Bearer secret"}
    assert client.get("/api/tags", headers=given).status_code == 200
