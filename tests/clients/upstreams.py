"""Two models that call tools: one at home (OpenAI's dialect), one afar (Claude's).

Who says ASKED gets a call of the first tool offered that stands in ARGUMENTS, then what it said.
"""

import json
from typing import Any

from tests.servers import upstream

ASKED = "Use your tool."
HOME, AFAR = "I am at home.", "I am far away."
# How the tools of each client are called so that they answer RESULT and nothing else happens.
ARGUMENTS: dict[str, dict[str, Any]] = {
    "look": {"where": "here"},
    "Bash": {"command": "echo from-the-tool", "description": "Say something"},
    "exec_command": {"cmd": "echo from-the-tool"},
    "functions__exec": {"input": 'text("from-the-tool")'},
}


async def home(connection: upstream.Connection, got: upstream.Got) -> None:
    """A local server whose model takes tools."""
    if got.method == "GET" or got.path != "/v1/chat/completions":
        await upstream.local(connection, got)
        return
    body = got.body
    offered = [t["function"]["name"] for t in body.get("tools") or []]
    results = [m.get("content") for m in body["messages"] if m["role"] == "tool"]
    asked = ASKED in json.dumps(body["messages"])
    name = _known(offered) if asked and not results else None
    text = f"It said: {_words(results[-1])}" if results else HOME
    if name is None and body.get("stream"):
        await connection.stream(upstream.chunks(text))
    elif name is None:
        await connection.json(upstream.said(text))
    else:
        function = {"name": name, "arguments": json.dumps(ARGUMENTS[name])}
        call = {"index": 0, "id": "call_1", "type": "function", "function": function}
        turn = {"role": "assistant", "content": None, "tool_calls": [call]}
        await _called(connection, turn, bool(body.get("stream")))


async def _called(connection: upstream.Connection, turn: dict[str, Any], stream: bool) -> None:
    body = upstream.said("")
    choice = {"index": 0, "finish_reason": "tool_calls"}
    if not stream:
        await connection.json({**body, "choices": [{**choice, "message": turn}]})
        return
    usage = {"choices": [], "usage": body.pop("usage")}  # in a chunk of its own, the last
    chunk = {**body, "object": "chat.completion.chunk"}
    chunk["choices"] = [{**choice, "delta": turn, "finish_reason": None}]
    end = {**chunk, "choices": [{**choice, "delta": {}}]}
    await connection.stream([chunk, end, {**chunk, **usage}, "[DONE]"])


async def afar(connection: upstream.Connection, got: upstream.Got) -> None:
    """Claude with tools."""
    if not got.path.endswith("/v1/messages"):
        await upstream.cloud(connection, got)
        return
    body = got.body
    blocks = [b for m in body["messages"] if isinstance(m["content"], list) for b in m["content"]]
    results = [b.get("content") for b in blocks if b.get("type") == "tool_result"]
    offered = [t["name"] for t in body.get("tools") or []]
    asked = ASKED in json.dumps(body["messages"])
    name = _known(offered) if asked and not results else None
    text = f"It said: {_words(results[-1])}" if results else AFAR
    if name is None and body.get("stream"):
        await connection.stream(upstream.claude_events(text))
    elif name is None:
        await connection.json(upstream.claude_said(text))
    else:
        use = {"type": "tool_use", "id": "toolu_1", "name": name, "input": ARGUMENTS[name]}
        if body.get("stream"):
            await connection.stream(_used(use))
        else:
            await connection.json(upstream.claude_said(content=[use], stop_reason="tool_use"))


def _used(use: dict[str, Any]) -> list[Any]:
    """A call as events of Claude's stream."""
    given = json.dumps(use["input"])
    part = {"type": "input_json_delta", "partial_json": given}
    end = {"stop_reason": "tool_use", "stop_sequence": None}
    return [
        {"type": "message_start", "message": {**upstream.claude_said(), "content": []}},
        {"type": "content_block_start", "index": 0, "content_block": {**use, "input": {}}},
        {"type": "content_block_delta", "index": 0, "delta": part},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": end, "usage": {"output_tokens": 5}},
        {"type": "message_stop"},
    ]


def _known(offered: list[str]) -> str | None:
    return next((name for name in offered if name in ARGUMENTS), None)


def _words(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "".join(str(block.get("text") or "") for block in content or [])
