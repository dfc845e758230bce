"""The input of a response that was kept, as the items that a client lists.

Reference: https://platform.openai.com/docs/api-reference/responses/input-items. Ids are made of the
decision's and of the item's place, so that the log need not keep them.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from router.errors import InputError
from router.wire import Json
from router.wire.summary import mapping, sequence

_MOST, _USUAL = 100, 20


def items(messages: list[Json], decision: str) -> list[Json]:
    """The items that messages of a chat completion were made of, oldest first.

    >>> items([{"role": "user", "content": "hi"}], "d1")[0]["content"]
    [{'type': 'input_text', 'text': 'hi'}]
    """
    found = [item for message in messages for item in _items(message)]
    return [
        {"id": f"item_{decision}_{n}", **item, "status": "completed"}
        for n, item in enumerate(found)
    ]


def page(found: list[Json], query: Mapping[str, str]) -> Json:
    """A page of `found` as a list object; newest first unless `order` is `asc`.

    Raises InputError for a limit, an order or an `after` that cannot be meant.
    """
    order, limit, after = (
        query.get("order", "desc"),
        query.get("limit", str(_USUAL)),
        query.get("after"),
    )
    if order not in ("asc", "desc"):
        raise InputError("order must be asc or desc.")
    if not limit.isdecimal() or not 1 <= int(limit) <= _MOST:
        raise InputError(f"limit must be a whole number from 1 to {_MOST}.")
    ordered = found if order == "asc" else found[::-1]
    if after is not None:
        ids = [item["id"] for item in ordered]
        if after not in ids:
            raise InputError("after must be the id of an item of this response.")
        ordered = ordered[ids.index(after) + 1 :]
    data = ordered[: int(limit)]
    return {
        "object": "list",
        "data": data,
        "first_id": data[0]["id"] if data else "",
        "last_id": data[-1]["id"] if data else "",
        "has_more": len(data) < len(ordered),
    }


def _items(message: Json) -> Iterator[Json]:
    role, content = message.get("role"), message.get("content")
    if role == "tool":
        output = content if isinstance(content, str) else _parts(content, "input_text")
        call = message.get("tool_call_id")
        yield {"type": "function_call_output", "call_id": call, "output": output}
        return
    if content:
        kind = "output_text" if role == "assistant" else "input_text"
        yield {"type": "message", "role": role, "content": _parts(content, kind)}
    for call in map(mapping, sequence(message.get("tool_calls"))):
        function = mapping(call.get("function"))
        yield {"type": "function_call", "call_id": call.get("id"), **function}


def _parts(content: Any, kind: str) -> list[Json]:
    """Content of a message in the words of the Responses API."""
    given = [{"type": "text", "text": content}] if isinstance(content, str) else content
    return [_part(mapping(part), kind) for part in sequence(given)]


def _part(part: Json, kind: str) -> Json:
    if part.get("type") == "image_url":
        image = mapping(part.get("image_url"))
        detail = image.get("detail", "auto")
        return {"type": "input_image", "image_url": image.get("url"), "detail": detail}
    if part.get("type") == "file":
        return {"type": "input_file", **mapping(part.get("file"))}
    noted: Json = {"annotations": []} if kind == "output_text" else {}
    return {"type": kind, "text": part.get("text"), **noted}
