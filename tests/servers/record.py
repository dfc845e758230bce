"""Record what real clients send and real servers answer: python -m tests.servers.record.

Starts llama.cpp with SmolLM2 and llmock, points the official SDKs at them through a listener that
writes everything down, and keeps the transcripts in `golden/`. Ids and times are replaced by fixed
ones, so that a new recording differs only where a peer has changed.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import httpx
import openai

from tests import ROOT
from tests.servers import upstream
from tests.servers.fixtures import free_port, peer, started

GOLDEN = ROOT / "tests" / "router" / "wire" / "golden"
TOOL = {
    "type": "object",
    "properties": {"city": {"type": "string", "description": "Where."}},
    "required": ["city"],
}
OPENAI_TOOL = {
    "type": "function",
    "function": {"name": "get_weather", "description": "The weather now.", "parameters": TOOL},
}
CLAUDE_TOOL = {"name": "get_weather", "description": "The weather now.", "input_schema": TOOL}
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9aw"
    "AAAABJRU5ErkJggg=="
)
_IDS = re.compile(r"\b(chatcmpl|cmpl|call|msg|toolu|resp|rs|fc)[-_][A-Za-z0-9]{16,}")


def openai_requests() -> dict[str, dict[str, Any]]:
    """Chat completions as a person writes them with the SDK."""
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
    call = {
        "id": "call_a.1",
        "type": "function",
        "function": {"name": "get_weather", "arguments": '{"city": "Oslo"}'},
    }
    other = {
        "id": "call_b",
        "type": "function",
        "function": {"name": "get_weather", "arguments": '{"city": "Bergen"}'},
    }
    schema = {
        "type": "object",
        "properties": {"n": {"type": "integer"}},
        "required": ["n"],
        "additionalProperties": False,
    }
    return {
        "plain": {
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "Name a river."},
            ],
            "temperature": 0.2,
            "seed": 7,
            "stop": ["\n\n", "END"],
            "max_completion_tokens": 16,
        },
        "tools": {
            "messages": [
                {"role": "developer", "content": "Use the tools."},
                {"role": "user", "content": "Weather in Oslo and Bergen?"},
                {"role": "assistant", "content": None, "tool_calls": [call, other]},
                {"role": "tool", "tool_call_id": "call_a.1", "content": "4 degrees"},
                {"role": "tool", "tool_call_id": "call_b", "content": "rain"},
                {"role": "user", "content": "And tomorrow?"},
            ],
            "tools": [OPENAI_TOOL],
            "tool_choice": "required",
            "parallel_tool_calls": False,
            "max_tokens": 64,
        },
        "image": {
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "What is this?"}, image]}
            ],
            "max_tokens": 16,
        },
        "schema": {
            "messages": [{"role": "user", "content": "How many legs has a spider?"}],
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "answer", "schema": schema, "strict": True},
            },
            "max_tokens": 32,
            "reasoning_effort": "low",
        },
        "stream": {
            "messages": [{"role": "user", "content": "Name a river."}],
            "stream": True,
            "stream_options": {"include_usage": True},
            "max_tokens": 8,
        },
        "stream_tools": {
            "messages": [{"role": "user", "content": "Weather in Oslo?"}],
            "tools": [OPENAI_TOOL],
            "stream": True,
            "stream_options": {"include_usage": True},
            "max_tokens": 64,
        },
    }


def anthropic_requests() -> dict[str, dict[str, Any]]:
    """Messages as a person writes them with the SDK."""
    image = {
        "type": "image",
        "source": {"type": "base64", "media_type": "image/png", "data": PIXEL},
    }
    cache = {"type": "ephemeral"}
    thought = {"type": "thinking", "thinking": "Two cities.", "signature": "c2ln"}
    use = {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "Oslo"}}
    result = {
        "type": "tool_result",
        "tool_use_id": "toolu_1",
        "content": [{"type": "text", "text": "4 degrees"}],
    }
    return {
        "plain": {
            "system": [{"type": "text", "text": "Be brief.", "cache_control": cache}],
            "messages": [{"role": "user", "content": "Name a river."}],
            "stop_sequences": ["END"],
            "max_tokens": 16,
        },
        "tools": {
            "messages": [
                {"role": "user", "content": "Weather in Oslo?"},
                {"role": "assistant", "content": [thought, use]},
                {"role": "user", "content": [result, {"type": "text", "text": "And tomorrow?"}]},
            ],
            "tools": [CLAUDE_TOOL],
            "tool_choice": {"type": "any", "disable_parallel_tool_use": True},
            "max_tokens": 64,
        },
        "image": {
            "messages": [
                {"role": "user", "content": [image, {"type": "text", "text": "What is this?"}]}
            ],
            "max_tokens": 16,
        },
        "stream": {
            "messages": [{"role": "user", "content": "Name a river."}],
            "stream": True,
            "max_tokens": 8,
        },
        "stream_tools": {
            "messages": [{"role": "user", "content": "Weather in Oslo?"}],
            "tools": [CLAUDE_TOOL],
            "stream": True,
            "max_tokens": 64,
        },
    }


def responses_requests() -> dict[str, dict[str, Any]]:
    """The same of the Responses API."""
    function = OPENAI_TOOL["function"]
    image = {"type": "input_image", "image_url": f"data:image/png;base64,{PIXEL}", "detail": "low"}
    schema = openai_requests()["schema"]["response_format"]["json_schema"]
    call = {"type": "function_call", "name": "get_weather", "arguments": '{"city": "Oslo"}'}
    other = {**call, "arguments": '{"city": "Bergen"}', "call_id": "call_b"}
    output = {"type": "function_call_output", "call_id": "call_a.1", "output": "4 degrees"}
    words = [{"type": "input_text", "text": "rain"}]
    tools = {"tools": [{"type": "function", "strict": False, **function}]}
    return {
        "plain": {
            "input": "Name a river.",
            "instructions": "Be brief.",
            "temperature": 0.2,
            "metadata": {"topic": "rivers"},
            "store": False,
            "max_output_tokens": 16,
        },
        "tools": {
            "input": [
                {"role": "developer", "content": "Use the tools."},
                {"role": "user", "content": "Weather in Oslo and Bergen?"},
                {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "c2ln"},
                {**call, "call_id": "call_a.1"},
                other,
                output,
                {**output, "call_id": "call_b", "output": words},
                {"role": "user", "content": "And tomorrow?"},
            ],
            "tool_choice": {"type": "function", "name": "get_weather"},
            "parallel_tool_calls": False,
            "max_output_tokens": 64,
            **tools,
        },
        "image": {
            "input": [
                {"role": "user", "content": [{"type": "input_text", "text": "What is it?"}, image]}
            ],
            "max_output_tokens": 16,
        },
        "schema": {
            "input": "How many legs has a spider?",
            "text": {"format": {"type": "json_schema", **schema}},
            "reasoning": {"effort": "low"},
            "max_output_tokens": 32,
        },
        "stream": {"input": "Name a river.", "stream": True, "max_output_tokens": 16},
        "stream_tools": {
            "input": "Weather in Oslo?",
            "stream": True,
            "max_output_tokens": 64,
            **tools,
        },
    }


def completions_requests() -> dict[str, dict[str, Any]]:
    """The same of the old completions."""
    return {
        "plain": {"prompt": "Name a river.", "max_tokens": 16, "temperature": 0.2, "stop": ["END"]},
        "list": {"prompt": ["Name a river."], "max_tokens": 16, "seed": 7},
        "stream": {"prompt": "Name a river.", "stream": True, "max_tokens": 16},
    }


def sent(requests: dict[str, dict[str, Any]], api: str) -> dict[str, Any]:
    """What the SDK puts on the wire for each request."""
    with (
        upstream.Upstream(_anything) as listener,
        openai.OpenAI(base_url=f"{listener.url}/v1", api_key="k") as gpt,
        anthropic.Anthropic(base_url=listener.url, api_key="k") as claude,
    ):
        create: Any = {
            "openai": gpt.chat.completions.create,
            "anthropic": claude.messages.create,
            "responses": gpt.responses.create,
            "completions": gpt.completions.create,
        }[api]
        for request in requests.values():
            made = create(model="auto", **request)
            _ = list(made) if request.get("stream") else None
        return dict(zip(requests, (g.body for g in listener.asked), strict=True))


async def _anything(connection: upstream.Connection, got: upstream.Got) -> None:
    """An answer that every SDK takes: what it sends is all that matters."""
    if got.body.get("stream"):
        await connection.stream(["[DONE]"] if "messages" not in got.path else [])
    else:
        await connection.json({"output": [], "content": [], "choices": []})


def answered(url: str, requests: dict[str, Any]) -> dict[str, Any]:
    """What a server answers to each: a body, or the events of a stream."""
    out = {}
    for name, body in requests.items():
        answer = httpx.post(url, json={**body, "temperature": 0}, timeout=120)
        if answer.status_code != 200:
            continue
        out[name] = events_of(answer.text) if body.get("stream") else answer.json()
    return out


def events_of(text: str) -> list[Any]:
    """The data of every event of a stream, [DONE] left out."""
    data = [line[6:] for line in text.splitlines() if line.startswith("data: ")]
    return [json.loads(d) for d in data if d != "[DONE]"]


def steady(value: Any) -> Any:
    """`value` with ids and times replaced by fixed ones, equal ids by equal ones."""
    known: dict[str, str] = {}
    text = json.dumps(value)
    text = _IDS.sub(lambda m: known.setdefault(m[0], f"{m[1]}_{len(known)}"), text)
    text = re.sub(r'"(created|created_at|completed_at)": [\d.]+', r'"\1": 0', text)
    return json.loads(re.sub(r', "timings": \{[^{}]*\}', "", text))


def write(name: str, value: Any) -> None:
    """Keep one transcript."""
    path = GOLDEN / f"{name}.json"
    path.write_text(json.dumps(steady(value), indent=1, ensure_ascii=False) + "\n")
    print(path.name)


def main(log: Path = Path("record.log")) -> None:
    """Record everything."""
    from router.gateway.embedded import NAME, Embedded

    asked = {
        "openai": sent(openai_requests(), "openai"),
        "anthropic": sent(anthropic_requests(), "anthropic"),
        "responses": sent(responses_requests(), "responses"),
        "completions": sent(completions_requests(), "completions"),
    }
    for api, requests in asked.items():
        write(f"{api}_sdk_requests", requests)
    model = Embedded()
    for api, path in (
        ("openai", "/v1/chat/completions"),
        ("anthropic", "/v1/messages"),
        ("responses", "/v1/responses"),
        ("completions", "/v1/completions"),
    ):
        named = {n: {**b, "model": NAME} for n, b in asked[api].items() if "tools" not in n}
        write(f"llama_cpp_{api}_answers", answered(model.url + path, named))
    port = free_port()
    command = [peer("llmock"), "serve", "--port", str(port), "--log-level", "warning"]
    servers: Iterator[str] = started(command, f"http://127.0.0.1:{port}", log)
    url = next(servers)
    write("llmock_openai_answers", answered(f"{url}/v1/chat/completions", asked["openai"]))
    write("llmock_responses_answers", answered(f"{url}/v1/responses", asked["responses"]))
    write("llmock_anthropic_answers", answered(f"{url}/anthropic/v1/messages", asked["anthropic"]))
    servers.close()  # type: ignore[attr-defined]
    log.unlink()


if __name__ == "__main__":
    main()
