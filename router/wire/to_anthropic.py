"""An OpenAI chat request as an Anthropic messages request.

What Claude has no parameter for (seed, penalties, logprobs, temperature, top_p) is left out: its
current models take none of them (https://docs.claude.com/en/api/messages).
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from router.errors import InputError
from router.wire import Json
from router.wire.summary import mapping, sequence, text_of

_MAX_TOKENS = 8192  # Claude wants a limit; OpenAI clients seldom set one
_JSON_ONLY = "Answer with one JSON object and nothing else."
_OPENING = "(The conversation begins with your words.)"
_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)?(?:;[\w=.+-]+)*;base64,(.*)", re.DOTALL)
_EFFORT = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "xhigh"}


def request(body: Json, model: str) -> Json:
    """Translate; raises InputError for what Claude cannot be asked (audio, several choices).

    >>> request({"messages": [{"role": "user", "content": "hi"}]}, "claude-sonnet-5-5")["messages"]
    [{'role': 'user', 'content': [{'type': 'text', 'text': 'hi'}]}]
    """
    if body.get("n") not in (None, 1):
        raise InputError("The cloud model gives one answer at a time; leave n at 1.")
    system, messages = _conversation(sequence(body.get("messages")))
    wanted = body.get("max_completion_tokens") or body.get("max_tokens")
    out: Json = {
        "model": model,
        "max_tokens": wanted if isinstance(wanted, int) and wanted > 0 else _MAX_TOKENS,
        "messages": messages,
    }
    stops = [body["stop"]] if isinstance(body.get("stop"), str) else sequence(body.get("stop"))
    if stops := [s for s in stops if isinstance(s, str) and s.strip()]:
        out["stop_sequences"] = stops
    if body.get("stream"):
        out["stream"] = True
    if isinstance(body.get("user"), str):
        out["metadata"] = {"user_id": body["user"]}
    out |= _tools(body) | _output(body, system)
    if system:
        out["system"] = system
    return out


def _conversation(messages: list[Any]) -> tuple[list[Json], list[Json]]:
    """System blocks, and turns in which results follow their calls and neighbours are joined."""
    system: list[Json] = []
    turns: list[Json] = []
    for position, message in enumerate(mapping(m) for m in messages):
        role = message.get("role")
        if role in ("system", "developer"):
            system += _text_blocks(message.get("content"))
            continue
        if role == "assistant":
            blocks, speaker = list(_assistant(message, position)), "assistant"
        elif role == "tool":
            blocks, speaker = [_result(message, position)], "user"
        elif role == "user":
            blocks, speaker = list(_user(message.get("content"))), "user"
        else:
            raise InputError(f"Message {position} has the role {role!r}, which Claude lacks.")
        if turns and turns[-1]["role"] == speaker:
            turns[-1]["content"] += blocks
        elif blocks:
            turns.append({"role": speaker, "content": blocks})
    for turn in turns:  # results must come first in their turn
        turn["content"].sort(key=lambda b: b["type"] != "tool_result")
    if turns and turns[0]["role"] != "user":
        turns.insert(0, {"role": "user", "content": [{"type": "text", "text": _OPENING}]})
    return system, turns


def _user(content: Any) -> Iterator[Json]:
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else sequence(content)
    for part in parts:
        kind = mapping(part).get("type")
        if kind == "text":
            yield from _text_blocks([part])
        elif kind == "image_url":
            image = part.get("image_url")
            yield _image(str(image.get("url") if isinstance(image, dict) else image))
        elif kind == "file":
            yield _document(mapping(part.get("file")))
        else:
            raise InputError(f"Content of the type {kind!r} cannot be sent to Claude.")


def _assistant(message: Json, position: int) -> Iterator[Json]:
    """Text and calls. Reasoning stays behind: it belongs to the model that wrote it."""
    yield from _text_blocks(message.get("content"))
    yield from _text_blocks(message.get("refusal"))
    for number, call in enumerate(sequence(message.get("tool_calls"))):
        function = mapping(mapping(call).get("function"))
        yield {
            "type": "tool_use",
            "id": tool_id(mapping(call).get("id") or f"call_{position}_{number}"),
            "name": str(function.get("name") or ""),
            "input": arguments(function.get("arguments")),
        }


def _result(message: Json, position: int) -> Json:
    given = message.get("tool_call_id")
    if not given:
        raise InputError(f"Message {position} is a tool's result without a tool_call_id.")
    out: Json = {"type": "tool_result", "tool_use_id": tool_id(given)}
    if content := list(_user(message.get("content"))):
        out["content"] = content
    return out


def _text_blocks(content: Any) -> list[Json]:
    """Text blocks with their cache marks; Claude refuses empty ones."""
    parts = [{"text": content}] if isinstance(content, str) else sequence(content)
    out = []
    for part in parts:
        text = text_of([part])
        if text.strip():
            block: Json = {"type": "text", "text": text}
            if cache := mapping(part).get("cache_control"):
                block["cache_control"] = cache
            out.append(block)
    return out


def _image(url: str) -> Json:
    if match := _DATA_URL.fullmatch(url):
        kind = match[1] or "image/png"
        return {
            "type": "image",
            "source": {"type": "base64", "media_type": kind, "data": match[2]},
        }
    return {"type": "image", "source": {"type": "url", "url": url}}


def _document(file: Json) -> Json:
    match = _DATA_URL.fullmatch(str(file.get("file_data") or ""))
    if match is None:
        raise InputError("A file must come as a data: URL in file_data to be sent to Claude.")
    kind = match[1] or "application/pdf"
    out: Json = {
        "type": "document",
        "source": {"type": "base64", "media_type": kind, "data": match[2]},
    }
    if isinstance(file.get("filename"), str):
        out["title"] = file["filename"]
    return out


def _tools(body: Json) -> Json:
    out: Json = {}
    tools = []
    for tool in sequence(body.get("tools")):
        function = mapping(mapping(tool).get("function"))
        if mapping(tool).get("type", "function") != "function" or not function.get("name"):
            raise InputError("Only tools of the type 'function', with a name, can be offered.")
        known: Json = {
            "name": function["name"],
            "input_schema": function.get("parameters") or {"type": "object", "properties": {}},
        }
        known |= {k: function[k] for k in ("description", "strict") if function.get(k)}
        known |= {k: tool[k] for k in ("cache_control",) if tool.get(k)}
        tools.append(known)
    if tools:
        out["tools"] = tools
    choice = _tool_choice(body.get("tool_choice"))
    if body.get("parallel_tool_calls") is False and tools:
        choice = (choice or {"type": "auto"}) | {"disable_parallel_tool_use": True}
    if choice and tools:
        out["tool_choice"] = choice
    return out


def _tool_choice(choice: Any) -> Json | None:
    if isinstance(choice, str):
        return {"type": {"required": "any", "none": "none"}.get(choice, "auto")}
    name = mapping(mapping(choice).get("function")).get("name")
    return {"type": "tool", "name": name} if name else None


def _output(body: Json, system: list[Json]) -> Json:
    """Format and effort; `system` gains a line where Claude has no parameter."""
    config: Json = {}
    wanted = mapping(body.get("response_format"))
    if wanted.get("type") == "json_schema":
        schema = mapping(mapping(wanted.get("json_schema")).get("schema"))
        config["format"] = {"type": "json_schema", "schema": schema}
    elif wanted.get("type") == "json_object":
        system.append({"type": "text", "text": _JSON_ONLY})
    if effort := _EFFORT.get(str(body.get("reasoning_effort"))):
        config["effort"] = effort
    return {"output_config": config} if config else {}


def tool_id(value: Any) -> str:
    """A call's id as Claude accepts it, the same for a call and its result.

    >>> tool_id("functions.f:0")
    'functions_f_0'
    """
    return re.sub(r"[^a-zA-Z0-9_-]", "_", str(value))


def arguments(text: Any) -> Json:
    """A call's arguments as an object; what is none is kept under one key."""
    if isinstance(text, dict):
        return text
    try:
        value = json.loads(text or "{}")
    except (TypeError, ValueError):
        value = str(text)
    return value if isinstance(value, dict) else {"arguments": value}
