"""A request of the Responses API as a chat completion.

Reasoning of earlier turns stays behind: it belongs to the model that wrote it. What cannot be
carried over is refused with a sentence: hosted tools, stored files, prompts and conversations.
"""

import json
from collections.abc import Iterator
from typing import Any

from router.dialects import responses_tools as tools
from router.errors import InputError
from router.wire import Json
from router.wire.summary import mapping, sequence

NOTE = "response"  # under "router": what an answer repeats of its request
_ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}
_CALLS = ("function_call", "custom_tool_call", "local_shell_call", "tool_search_call")
_OUTPUTS = tuple(f"{call}_output" for call in _CALLS[:3])
_SILENT = ("reasoning", "additional_tools")
_SAME = ("model", "stream", "temperature", "top_p", "parallel_tool_calls", "store", "user")
# Fields that only OpenAI can keep to, and what to do instead.
_REFUSED = {
    "background": "background answers cannot be carried over; stream instead.",
    "conversation": "conversation objects are not kept here; use previous_response_id or input.",
    "prompt": "stored prompts are not known here; send their text as input.",
}
_REPEATED = (
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "parallel_tool_calls",
    "previous_response_id",
    "prompt_cache_key",
    "reasoning",
    "safety_identifier",
    "service_tier",
    "store",
    "temperature",
    "text",
    "tool_choice",
    "top_logprobs",
    "top_p",
    "truncation",
    "user",
)


def request(body: Json, earlier: list[Json]) -> Json:
    """Translate; `earlier`: turns that `previous_response_id` stands for. Raises InputError.

    >>> request({"model": "auto", "input": "hi"}, [])["messages"]
    [{'role': 'user', 'content': 'hi'}]
    """
    for name, words in _REFUSED.items():
        if body.get(name):
            raise InputError(f"{name} is set, but {words}")
    if "message.output_text.logprobs" in sequence(body.get("include")):
        raise InputError("Log-probabilities are not given in this API; use chat completions.")
    given = body.get("instructions")
    first = [{"role": "system", "content": given}] if isinstance(given, str) and given else []
    out: Json = {k: body[k] for k in _SAME if body.get(k) is not None}
    out["messages"] = [*first, *earlier, *_messages(body.get("input"))]
    if body.get("stream"):
        out["stream_options"] = {"include_usage": True}
    if body.get("max_output_tokens") is not None:
        out["max_tokens"] = body["max_output_tokens"]
    if effort := mapping(body.get("reasoning")).get("effort"):
        out["reasoning_effort"] = effort
    note = {k: body[k] for k in _REPEATED if body.get(k) is not None}
    out["router"] = {NOTE: note}
    return out | _tools(body) | _format(mapping(mapping(body.get("text")).get("format")))


def turns(words: Json) -> list[Json]:
    """The conversation in a request that was kept: all but the instructions, which do not last."""
    messages = sequence(words.get("messages"))
    noted = mapping(mapping(words.get("router")).get(NOTE))
    return messages[1:] if noted.get("instructions") else messages


def _tools(body: Json) -> Json:
    functions, _ = tools.offered(body)
    chosen, left = tools.choice(body.get("tool_choice"), functions)
    if not left:
        return {}
    return {"tools": left} | ({"tool_choice": chosen} if chosen else {})


def _format(wanted: Json) -> Json:
    kind = wanted.get("type")
    if kind == "json_schema":
        schema = {k: wanted[k] for k in ("name", "schema", "strict", "description") if k in wanted}
        return {"response_format": {"type": kind, "json_schema": schema}}
    return {"response_format": {"type": kind}} if kind == "json_object" else {}


def _messages(given: Any) -> list[Json]:
    """Items as messages; calls join the assistant's turn before them."""
    if isinstance(given, str):
        return [{"role": "user", "content": given}]
    if given is not None and not isinstance(given, list):
        raise InputError("input must be text or a list of items.")
    out: list[Json] = []
    for position, item in enumerate(map(mapping, sequence(given))):
        kind = item.get("type") or "message"
        if kind == "message":
            out.append(_message(item, position))
        elif kind in _CALLS:
            if not (out and out[-1]["role"] == "assistant"):
                out.append({"role": "assistant", "content": None})
            out[-1].setdefault("tool_calls", []).append(_call(item, position))
        elif kind in _OUTPUTS:
            out.append(_result(item, _content(item.get("output"), position), position))
        elif kind == "tool_search_output":
            found = [mapping(t).get("name") for t in sequence(item.get("tools"))]
            out.append(_result(item, json.dumps({"tools": found}), position))
        elif kind not in _SILENT:
            raise InputError(f"Item {position} of input, a {kind!r}, cannot be carried over.")
    return out


def _message(item: Json, position: int) -> Json:
    role = _ROLES.get(str(item.get("role")))
    if role is None:
        raise InputError(f"Item {position} of input has an unknown role; use {', '.join(_ROLES)}.")
    return {"role": role, "content": _content(item.get("content"), position)}


def _call(item: Json, position: int) -> Json:
    function = {"name": tools.called(item), "arguments": tools.arguments_of(item)}
    return {"id": _call_id(item, position), "type": "function", "function": function}


def _result(item: Json, content: Any, position: int) -> Json:
    return {"role": "tool", "tool_call_id": _call_id(item, position), "content": content}


def _call_id(item: Json, position: int) -> str:
    given = item.get("call_id") or item.get("id")
    if not isinstance(given, str):
        raise InputError(f"Item {position} of input must have a call_id.")
    return given


def _content(given: Any, position: int) -> Any:
    """Content for chat completions: plain text where it is one text.

    Several parts stay apart: the privacy filter must see what they say when put together.
    """
    if given is None or isinstance(given, str):
        return given or ""
    if not isinstance(given, list):
        raise InputError(f"Item {position} of input has content of an unknown kind; use text.")
    parts = list(_parts(given, position))
    alone = len(parts) == 1 and parts[0]["type"] == "text"
    return parts[0]["text"] if alone else parts


def _parts(given: list[Any], position: int) -> Iterator[Json]:
    for part in map(mapping, given):
        kind = part.get("type")
        if kind in ("input_text", "output_text", "text", "summary_text"):
            yield {"type": "text", "text": str(part.get("text") or "")}
        elif kind == "refusal":
            yield {"type": "text", "text": str(part.get("refusal") or "")}
        elif kind == "input_image" and isinstance(part.get("image_url"), str):
            image = {k: part[k] for k in ("detail",) if part.get(k)}
            yield {"type": "image_url", "image_url": {"url": part["image_url"], **image}}
        elif kind == "input_file" and isinstance(part.get("file_data"), str):
            file = {k: part[k] for k in ("file_data", "filename") if k in part}
            yield {"type": "file", "file": file}
        else:
            raise InputError(
                f"Item {position} of input has content that cannot be carried over ({kind!r}); "
                "images and files must come as data: URLs, images as URLs too."
            )
