"""Requests of Ollama's API as chat completions.

What a chat completion cannot say (num_ctx, keep_alive, mirostat, ...) is left out: it is in force
where Ollama itself gets the request (`router.wire.ollama.Native`).
"""

import json
from collections.abc import Iterator
from typing import Any

from router.errors import InputError
from router.wire import Json
from router.wire.ollama import Native
from router.wire.summary import count, mapping, sequence

_SAMPLING = (
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "seed",
    "stop",
    "repeat_penalty",
    "presence_penalty",
    "frequency_penalty",
)
# What of /api/generate no chat can do.
_ONLY = ("suffix", "raw", "template", "context", "width", "height", "steps")
_EFFORTS = ("low", "medium", "high")
_LATEST = ":latest"
# How base64 of an image begins, by its kind.
_IMAGES = {"/9j/": "jpeg", "iVBORw": "png", "R0lGOD": "gif", "UklGR": "webp"}


def chat(body: Json) -> Json:
    """A request to /api/chat. Raises InputError."""
    given = body.get("messages") or []
    if not isinstance(given, list) or any(not isinstance(m, dict) for m in given):
        raise InputError("messages must be a list of objects with a role and content.")
    return {**_common(body), "messages": list(_turns(given))}


def generate(body: Json) -> Json:
    """A request to /api/generate. Raises InputError."""
    for name in ("prompt", "system"):
        if not isinstance(body.get(name), str | None):
            raise InputError(f"{name} must be a text.")
    turns = [{"role": "system", "content": body["system"]}] if body.get("system") else []
    turns.append({"role": "user", "content": _content(body.get("prompt") or "", body)})
    return {**_common(body), "messages": turns}


def native(path: str, body: Json) -> Native:
    """The same as it is, for a local server that is Ollama."""
    only = [n for n in _ONLY if body.get(n)] if path == "/api/generate" else []
    why = ""
    if only:
        why = f"{' and '.join(only)} in a request is for Ollama alone, as the local server."
    window = count(mapping(body.get("options")).get("num_ctx")) or None
    return Native(path=path, body=body, only=why, window=window)


def model_of(body: Json) -> str:
    """The model that a request names; `:latest` may be left out of a name.

    >>> model_of({"model": "auto:latest"}), model_of({"name": "qwen3:4b"})
    ('auto', 'qwen3:4b')
    """
    named = body.get("model") or body.get("name")
    return named.removesuffix(_LATEST) if isinstance(named, str) else ""


def _common(body: Json) -> Json:
    """All but what was said."""
    options = mapping(body.get("options"))
    out: Json = {"model": model_of(body), "stream": body.get("stream") is not False}
    if out["stream"]:
        out["stream_options"] = {"include_usage": True}
    out |= {name: options[name] for name in _SAMPLING if options.get(name) is not None}
    if most := count(options.get("num_predict")):  # below 0 there is no limit
        out["max_tokens"] = most
    if tools := sequence(body.get("tools")):
        out["tools"] = tools
    if body.get("think") in _EFFORTS:
        out["reasoning_effort"] = body["think"]
    if body.get("logprobs") is True:
        out |= {"logprobs": True, "top_logprobs": count(body.get("top_logprobs"))}
    return out | _format(body.get("format"))


def _format(wanted: Any) -> Json:
    if wanted in (None, ""):
        return {}
    if wanted == "json":
        return {"response_format": {"type": "json_object"}}
    if not isinstance(wanted, dict):
        raise InputError("format must be json or a JSON schema.")
    schema = {"name": "answer", "schema": wanted, "strict": True}
    return {"response_format": {"type": "json_schema", "json_schema": schema}}


def _turns(messages: list[Json]) -> Iterator[Json]:
    """Turns with ids, which Ollama's calls and results need not have: the next of that name."""
    waiting: list[tuple[str, str]] = []  # (name, id) of calls without a result yet
    for position, message in enumerate(messages):
        role, content = message.get("role"), message.get("content")
        turn: Json = {"role": role, "content": _content(content or "", message)}
        if role == "tool":
            turn["tool_call_id"] = _answered(message, waiting) or f"call_{position}"
        elif calls := [_call(mapping(c), position, n) for n, c in enumerate(_calls(message))]:
            waiting = [(c["function"]["name"], c["id"]) for c in calls]
            turn["tool_calls"] = calls
        yield turn


def _calls(message: Json) -> list[Any]:
    return sequence(message.get("tool_calls"))


def _call(call: Json, position: int, number: int) -> Json:
    function = mapping(call.get("function"))
    given = function.get("arguments")
    return {
        "id": str(call.get("id") or f"call_{position}_{number}"),
        "type": "function",
        "function": {
            "name": str(function.get("name") or ""),
            "arguments": given if isinstance(given, str) else json.dumps(given or {}),
        },
    }


def _answered(message: Json, waiting: list[tuple[str, str]]) -> str:
    """Id of the call that a result answers: the one it names, else the first that waits."""
    if isinstance(message.get("tool_call_id"), str) and message["tool_call_id"]:
        return str(message["tool_call_id"])
    name = message.get("tool_name") or message.get("name")
    found = next((w for w in waiting if w[0] == name), waiting[0] if waiting else None)
    if found is None:
        return ""
    waiting.remove(found)
    return found[1]


def _content(text: Any, beside: Json) -> Any:
    """A plain text where there is nothing else, else the text and its images."""
    if not isinstance(text, str):
        raise InputError("The content of a message must be a text.")
    images = sequence(beside.get("images"))
    if not images:
        return text
    parts: list[Json] = [{"type": "text", "text": text}] if text else []
    return parts + [{"type": "image_url", "image_url": {"url": _url(i)}} for i in images]


def _url(image: Any) -> str:
    if not isinstance(image, str):
        raise InputError("An image must be a text in base64.")
    if image.startswith("data:"):
        return image
    kind = next((k for start, k in _IMAGES.items() if image.startswith(start)), "png")
    return f"data:image/{kind};base64,{image}"
