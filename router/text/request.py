"""From a prompt or a conversation to the `Request` that routing looks at.

Accepts OpenAI chat messages and Anthropic messages: `content` is a string or a list of blocks.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from router.errors import InputError, NoText
from router.text.constants import EARLIER_TURN_END_CHARS, MAX_NESTING, SHORT_TURN_CHARS
from router.types import Offer, Request

_ROLES = ("system", "developer", "user", "assistant", "tool", "function")
_IMAGE_TYPES = ("image", "image_url", "input_image")


def request_from_prompt(prompt: str) -> Request:
    """A single user turn.

    Raises InputError if `prompt` is not text or holds nothing but whitespace.

    >>> request_from_prompt("hi").text
    'hi'
    """
    text = _checked_text(prompt, "The prompt")
    if not text.strip():
        raise InputError("The prompt is empty; pass at least one visible character.")
    return Request(text=text, chars=len(text))


def request_from_body(body: Mapping[str, Any], anthropic: bool) -> Request:
    """Routing view of a request's body in OpenAI's or Anthropic's dialect. Raises InputError."""
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise InputError("messages must be a list with at least one message.")
    if any(not isinstance(m, dict) for m in messages):
        raise InputError("Each message must be an object with a role and content.")
    if anthropic and body.get("system"):
        messages = [{"role": "system", "content": body["system"]}, *messages]
    return request_from_messages(messages, body.get("tools"), response_format(body, anthropic))


def response_format(body: Mapping[str, Any], anthropic: bool) -> Any:
    """The format asked for, as OpenAI writes it."""
    if not anthropic:
        return body.get("response_format")
    config = body.get("output_config")
    return config.get("format") if isinstance(config, Mapping) else None


def request_from_messages(
    messages: Sequence[Mapping[str, Any]],
    tools: Sequence[Any] | None = None,
    response_format: Mapping[str, Any] | None = None,
) -> Request:
    """A whole conversation with the tools it offers.

    The routing text is the last user turn; while it is shorter than 60 characters, the turns
    before it are put in front, so that "continue" is judged by what it continues.
    A last user turn without text (an image, a tool result) falls back to the turns before it.
    Raises InputError for an unknown role, a missing user turn or content nested over 16 deep.

    >>> request_from_messages([{"role": "user", "content": "Name a river."},
    ...                        {"role": "assistant", "content": "The Rhine."},
    ...                        {"role": "user", "content": "another"}]).turns
    3
    """
    if isinstance(messages, str | bytes | Mapping) or not isinstance(messages, Sequence):
        raise InputError("messages must be a list of {'role', 'content'} objects.")
    if tools is not None:
        checked_tools(tools)
    turns: list[tuple[str, str]] = []
    images = results = 0
    for position, message in enumerate(messages):
        role = _role(message, position)
        parts: list[str] = []
        for kind, text in _blocks(message.get("content"), position, 0):
            images += kind == "image"
            results += kind == "tool_result"
            if text:
                parts.append(text)
        results += role in ("tool", "function")
        turns.append((role, "\n".join(parts)))
    routed = _routing_text(turns)
    count = sum(role in ("user", "assistant") for role, _ in turns)
    return Request(
        text=routed,
        chars=sum(len(text) for _, text in turns),
        turns=count,
        tools=len(tools or ()),
        tool_results=results,
        images=images,
        json_schema=_wants_json(response_format),
        offer=Offer(tools, routed if count == 1 and not results else None) if tools else None,
    )


def checked_tools(tools: Any) -> Sequence[Any]:
    """`tools` if they are a list. Raises InputError."""
    if isinstance(tools, str | bytes | Mapping) or not isinstance(tools, Sequence):
        raise InputError("tools must be a list of tool definitions.")
    return tools


def _role(message: Any, position: int) -> str:
    if not isinstance(message, Mapping):
        raise InputError(f"Message {position} is not an object with role and content.")
    role = message.get("role")
    if role not in _ROLES:
        raise InputError(f"Message {position} has an unknown role; use one of {', '.join(_ROLES)}.")
    return str(role)


def _routing_text(turns: Sequence[tuple[str, str]]) -> str:
    users = [i for i, (role, text) in enumerate(turns) if role == "user" and text.strip()]
    if not users:
        raise NoText("The conversation has no user turn with text; add one.")
    first = users[-1]
    text = turns[first][1]
    while len(text) < SHORT_TURN_CHARS and first > 0:
        first -= 1
        role, earlier = turns[first]
        if role in ("user", "assistant") and earlier.strip():
            # The end of a long answer is what a follow-up refers to, its start sets the topic.
            text = f"{_ends(earlier)}\n{text}"
    return text


def _ends(text: str, keep: int = EARLIER_TURN_END_CHARS) -> str:
    return text if len(text) <= 2 * keep else f"{text[:keep]}\n{text[-keep:]}"


def _blocks(content: Any, position: int, depth: int) -> Iterator[tuple[str, str]]:
    """Yield (kind, text) for every block of a content value, nested ones included."""
    if depth > MAX_NESTING:
        raise InputError(f"Message {position} is nested more than {MAX_NESTING} deep; flatten it.")
    if content is None:
        return
    if isinstance(content, str | bytes):
        yield "text", _checked_text(content, f"Message {position}")
    elif isinstance(content, Mapping):
        kind = content.get("type", "text")
        if kind in _IMAGE_TYPES:
            yield "image", ""
        elif kind == "tool_result":
            yield "tool_result", ""
            yield from _blocks(content.get("content"), position, depth + 1)
        elif "text" in content:
            yield from _blocks(content["text"], position, depth + 1)
        elif "content" in content:
            yield from _blocks(content["content"], position, depth + 1)
    elif isinstance(content, Sequence):
        for block in content:
            yield from _blocks(block, position, depth + 1)
    else:
        raise InputError(f"Message {position} has content of an unknown kind; use text or blocks.")


def _checked_text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise InputError(f"{what} is {type(value).__name__}, not text; decode it first.")
    return without_surrogates(value)


def without_surrogates(text: str) -> str:
    """`text` with ? for lone surrogates: they come from broken JSON and cannot be tokenized."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _wants_json(response_format: Mapping[str, Any] | None) -> bool:
    if response_format is None:
        return False
    if not isinstance(response_format, Mapping):
        raise InputError("response_format must be an object such as {'type': 'json_schema'}.")
    return response_format.get("type") in ("json_object", "json_schema")
