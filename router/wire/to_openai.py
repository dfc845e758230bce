"""An Anthropic messages request as an OpenAI chat request, for a local server or such a cloud.

Thinking blocks stay behind, and so do cache marks and metadata: these servers have no use for them.
"""

import json
from collections.abc import Iterator
from typing import Any

from router.errors import InputError
from router.wire import Json
from router.wire.summary import mapping, sequence, text_of

_SKIPPED = ("thinking", "redacted_thinking")
_PASSED = ("max_tokens", "temperature", "top_p", "top_k", "stream")


def request(body: Json, model: str) -> Json:
    """Translate; raises InputError for what such a server cannot be asked (PDF, server tools).

    >>> request({"system": "Be brief.", "messages": [{"role": "user", "content": "hi"}]}, "m")
    {'model': 'm', 'messages': [{'role': 'system', 'content': 'Be brief.'}, \
{'role': 'user', 'content': 'hi'}]}
    """
    messages: list[Json] = []
    if system := _joined(body.get("system")):
        messages.append({"role": "system", "content": system})
    for position, message in enumerate(sequence(body.get("messages"))):
        messages += _turn(mapping(message), position)
    out: Json = {"model": model, "messages": messages}
    out |= {k: body[k] for k in _PASSED if body.get(k) is not None}
    if body.get("stream"):
        out["stream_options"] = {"include_usage": True}
    if stops := sequence(body.get("stop_sequences")):
        out["stop"] = stops
    wanted = mapping(mapping(body.get("output_config")).get("format"))
    if wanted.get("type") == "json_schema":
        schema = {"name": "answer", "schema": wanted.get("schema"), "strict": True}
        out["response_format"] = {"type": "json_schema", "json_schema": schema}
    return out | _tools(body)


def _turn(message: Json, position: int) -> Iterator[Json]:
    role, content = message.get("role"), message.get("content")
    if role == "system":
        yield {"role": "system", "content": _joined(content)}
    elif role == "assistant":
        yield _assistant(content)
    elif role == "user":
        yield from _user(content)
    else:
        raise InputError(f"Message {position} has the role {role!r}; use user or assistant.")


def _user(content: Any) -> Iterator[Json]:
    """Results first, each a message of its own, then what the user says."""
    if isinstance(content, str):
        yield {"role": "user", "content": content}
        return
    parts: list[Json] = []
    results = False
    for block in (mapping(b) for b in sequence(content)):
        if block.get("type") == "tool_result":
            results = True
            inner = block.get("content")
            known = inner if isinstance(inner, str) else _joined(inner, "\n")
            yield {"role": "tool", "tool_call_id": block.get("tool_use_id"), "content": known}
            parts += [_image(b) for b in sequence(inner) if mapping(b).get("type") == "image"]
        elif block.get("type") not in _SKIPPED:
            parts.append(_part(block))
    if all(p["type"] == "text" for p in parts):  # a plain string suits every template
        if parts or not results:
            yield {"role": "user", "content": "\n\n".join(p["text"] for p in parts)}
    else:
        yield {"role": "user", "content": parts}


def _part(block: Json) -> Json:
    kind = block.get("type")
    if kind == "text":
        return {"type": "text", "text": str(block.get("text") or "")}
    if kind == "image":
        return _image(block)
    if kind == "search_result":
        return {"type": "text", "text": f"{block.get('title')}\n{_joined(block.get('content'))}"}
    if kind == "document":
        source = mapping(block.get("source"))
        if source.get("type") == "text":
            return {"type": "text", "text": f"{block.get('title') or ''}\n{source.get('data')}"}
        if source.get("type") == "content":
            return {"type": "text", "text": _joined(source.get("content"))}
    raise InputError(f"Content of the type {kind!r} cannot be said in OpenAI's dialect.")


def _image(block: Json) -> Json:
    source = mapping(block.get("source"))
    url = source.get("url")
    if source.get("type") == "base64":
        url = f"data:{source.get('media_type')};base64,{source.get('data')}"
    if not isinstance(url, str):
        raise InputError("An image must come as base64 or as a URL.")
    return {"type": "image_url", "image_url": {"url": url}}


def _assistant(content: Any) -> Json:
    out: Json = {"role": "assistant", "content": _joined(content, "") or None}
    calls = [b for b in sequence(content) if mapping(b).get("type") == "tool_use"]
    if calls:
        out["tool_calls"] = [
            {
                "id": b.get("id"),
                "type": "function",
                "function": {"name": b.get("name"), "arguments": json.dumps(b.get("input") or {})},
            }
            for b in calls
        ]
    elif out["content"] is None:
        out["content"] = ""
    return out


def _tools(body: Json) -> Json:
    tools = []
    for tool in (mapping(t) for t in sequence(body.get("tools"))):
        if tool.get("type", "custom") not in ("custom", None):
            raise InputError(f"The tool {tool.get('name')!r} runs at Anthropic and nowhere else.")
        function: Json = {"name": tool.get("name"), "parameters": tool.get("input_schema") or {}}
        function |= {k: tool[k] for k in ("description", "strict") if tool.get(k)}
        tools.append({"type": "function", "function": function})
    if not tools:
        return {}
    out: Json = {"tools": tools}
    choice = mapping(body.get("tool_choice"))
    if choice.get("type") == "tool":
        out["tool_choice"] = {"type": "function", "function": {"name": choice.get("name")}}
    elif choice:
        out["tool_choice"] = {"any": "required", "none": "none"}.get(
            str(choice.get("type")), "auto"
        )
    if choice.get("disable_parallel_tool_use"):
        out["parallel_tool_calls"] = False
    return out


def _joined(content: Any, between: str = "\n\n") -> str:
    if isinstance(content, str):
        return content
    return between.join(text for block in sequence(content) if (text := text_of([block])))
