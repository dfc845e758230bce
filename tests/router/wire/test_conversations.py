"""Conversations that move between tiers and models, and stay valid."""

import json
from typing import Any

import pytest

from tests.servers import upstream
from tests.servers.fixtures import Run
from tests.servers.record import CLAUDE_TOOL
from tests.servers.upstream import Connection, Got

THOUGHT = {"type": "thinking", "thinking": "A tool, then.", "signature": "c2lnbmVk"}
USE = {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "Oslo"}}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "4 degrees"}
ASKED = {"role": "user", "content": "Weather in Oslo?"}


async def thinking(connection: Connection, got: Got) -> None:
    """A Claude that thinks before it calls."""
    if not got.path.endswith("/v1/messages"):
        await connection.json({"data": []})
        return
    if not got.body.get("stream"):
        await connection.json(upstream.claude_said(content=[THOUGHT, USE], stop_reason="tool_use"))
        return
    start = {**upstream.claude_said(), "content": [], "stop_reason": None}
    blank = {"type": "thinking", "thinking": "", "signature": ""}
    deltas: list[tuple[int, dict[str, Any]]] = [
        (0, {"type": "thinking_delta", "thinking": "A tool, then."}),
        (0, {"type": "signature_delta", "signature": "c2lnbmVk"}),
        (1, {"type": "input_json_delta", "partial_json": '{"city": "Oslo"}'}),
    ]
    await connection.stream(
        [
            {"type": "message_start", "message": start},
            {"type": "content_block_start", "index": 0, "content_block": blank},
            *({"type": "content_block_delta", "index": i, "delta": d} for i, d in deltas[:2]),
            {"type": "content_block_stop", "index": 0},
            {"type": "content_block_start", "index": 1, "content_block": {**USE, "input": {}}},
            {"type": "content_block_delta", "index": 1, "delta": deltas[2][1]},
            {"type": "content_block_stop", "index": 1},
            {
                "type": "message_delta",
                "delta": {"stop_reason": "tool_use"},
                "usage": {"output_tokens": 9},
            },
            {"type": "message_stop"},
        ]
    )


@pytest.mark.parametrize("stream", [False, True])
def test_thinking_goes_back_to_its_own_model_and_to_no_other(
    run: Run, local: upstream.Upstream, cloud: upstream.Upstream, stream: bool
) -> None:
    cloud.script = thinking
    gateway = run()
    more = {"tools": [CLAUDE_TOOL], "thinking": {"type": "adaptive"}, "max_tokens": 99}

    def post(model: str, messages: list[Any], **body: Any) -> None:
        body = {"model": model, "messages": messages, **more, **body}
        assert gateway.client.post("/v1/messages", json=body).status_code == 200

    post("cloud", [ASKED], stream=stream)
    turns = [
        ASKED,
        {"role": "assistant", "content": [THOUGHT, USE]},
        {"role": "user", "content": [RESULT]},
    ]
    post("cloud", turns)
    assert cloud.asked[-1].body["messages"] == turns
    assert "thinking" in cloud.asked[-1].body
    post("claude-opus-5", turns)
    other = cloud.asked[-1].body
    assert other["messages"][1]["content"] == [USE]
    assert "thinking" not in other  # its turn no longer begins with thinking
    forged = json.loads(json.dumps(turns).replace("c2lnbmVk", "Zm9yZ2Vk"))
    post("cloud", forged)
    assert "Zm9yZ2Vk" not in cloud.asked[-1].raw.decode()
    post("local", turns)
    sent = local.asked[-1].body["messages"]
    assert "A tool, then." not in json.dumps(sent)
    assert [m["role"] for m in sent] == ["user", "assistant", "tool"]
    assert sent[1]["tool_calls"][0]["id"] == sent[2]["tool_call_id"] == "toolu_1"


def test_calls_of_a_local_model_can_be_answered_in_the_cloud(
    run: Run, local: upstream.Upstream, cloud: upstream.Upstream
) -> None:
    """Local servers give ids that Claude refuses; a call and its result keep one id."""

    async def calling(connection: Connection, got: Got) -> None:
        if got.method == "GET":
            await upstream.local(connection, got)
            return
        body = upstream.said("")
        call = {
            "id": "functions.get_weather:0",
            "type": "function",
            "function": {"name": "get_weather", "arguments": '{"city": "Oslo"}'},
        }
        body["choices"][0]["message"]["tool_calls"] = [call]
        await connection.json(body)

    local.script = calling
    gateway = run()
    first = gateway.messages("Weather in Oslo?", model="local", tools=[CLAUDE_TOOL]).json()
    assert first["stop_reason"] == "tool_use"
    used = first["content"][0]["id"]
    turns = [
        ASKED,
        {"role": "assistant", "content": first["content"]},
        {"role": "user", "content": [{**RESULT, "tool_use_id": used}]},
    ]
    body = {"model": "cloud", "messages": turns, "tools": [CLAUDE_TOOL], "max_tokens": 50}
    assert gateway.client.post("/v1/messages", json=body).status_code == 200
    sent = cloud.asked[-1].body["messages"]
    assert sent[1]["content"][0]["id"] == sent[2]["content"][0]["tool_use_id"] == used
    assert set(used) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
