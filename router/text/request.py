"""From a prompt or a conversation to the `Request` that routing looks at.

Accepts OpenAI chat messages and Anthropic messages: `content` is a string or a list of blocks.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from router.errors import InputError, NoText
from router.text.constants import (
    EARLIER_TURN_END_CHARS,
    MAX_NESTING,
    OPENING_CHARS,
    SHORT_TURN_CHARS,
)
from router.text.harness import (
    UNKNOWN,
    background_of,
    unnamed_background,
    without_repeats,
    words_of,
)
from router.text.loop import loop_of
from router.text.wrappers import wrappers
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

    The routing text is what the person said last, without what the client puts around it; while
    it is shorter than 60 characters, the turns before it are put in front, so that "continue" is
    judged by what it continues. A last user turn without such words (an image, a tool's result)
    falls back to the turns before it: a step of a tool loop is judged by what opened it.
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
    turns: list[_Turn] = []
    images = results = 0
    for position, message in enumerate(messages):
        turn = _Turn(_role(message, position), position)
        for kind, text in _blocks(message.get("content"), position, 0):
            images += kind == "image"
            results += kind == "tool_result"
            turn.brings |= kind == "tool_result"
            if kind == "printed":
                turn.printed += len(text)
            elif text:
                turn.parts.append(text)
        results += turn.role in ("tool", "function")
        turns.append(turn)
    sent = sum(turn.chars + turn.printed for turn in turns)
    client, said = _said(turns)
    text, opened = _routing_text(said)
    background = _background(turns, said, client)
    loop = None
    if opened is not None and results:
        loop = loop_of(messages[opened.position + 1 :])
        said = said[: said.index(opened) + 1]
    chars = sum(turn.chars for turn in said if turn.role not in ("tool", "function"))
    count = _count(said)
    first = next(turn for turn in said if turn.role == "user" and turn.text.strip())
    return Request(
        text=text,
        chars=chars,
        turns=count,
        tools=0 if client else len(tools or ()),
        tool_results=0 if client else results,
        images=images,
        json_schema=_wants_json(response_format),
        offer=Offer(tools, text if count == 1 and not results else None) if tools else None,
        client=client,
        unjudged_chars=sent - chars,
        background=background,
        loop=loop,
        opening=first.text,
    )


@dataclass(slots=True)
class _Turn:
    """One message. `parts`: its texts; `printed`: characters of results; `brings`: has any."""

    role: str
    position: int
    parts: list[str] = field(default_factory=list)
    printed: int = 0
    brings: bool = False

    @property
    def text(self) -> str:
        return self.parts[0] if len(self.parts) == 1 else "\n".join(self.parts)

    @property
    def chars(self) -> int:
        return sum(map(len, self.parts)) + max(len(self.parts) - 1, 0)


def _said(turns: Sequence[_Turn]) -> tuple[str, list[_Turn]]:
    """The client, '' where none shows, and what was said without what it adds.

    Of a client that is known all system texts go. Turns of which nothing is left go too, with what
    is put into the assistant's mouth after them; if nothing at all is left, all stays.
    """
    systems = [turn.text for turn in turns if turn.role in ("system", "developer")]
    client = next((name for text in systems if (name := wrappers().client_of(text))), "")
    out: list[_Turn] = []
    emptied = False
    for turn in turns:
        if turn.role == "assistant" and emptied:
            emptied = False
            continue
        if turn.role != "user" or not turn.parts:
            out.append(turn)
            continue
        words = [words_of(part, len(turn.parts) == 1) for part in turn.parts]
        client = client or next((w.client for w in words if w.client), "")
        if any(w.forget for w in words):
            out = [t for t in out if t.role in ("system", "developer")]
        left = [w.text for w in words if w.text]
        emptied = not "".join(left).strip() and any(w.client for w in words)
        if not emptied:
            out.append(_Turn("user", turn.position, left, turn.printed, turn.brings))
    people = [turn for turn in out if turn.role == "user" and turn.text.strip()]
    if not people:
        return "", list(turns)
    for turn in people if systems or len(people) > 1 else ():
        before = people[-2].text if turn is people[-1] and len(people) > 1 else ""
        whole = turn.text
        if (left_of_it := without_repeats(whole, systems, before)) != whole:
            turn.parts = [left_of_it]
    if client and client != UNKNOWN:
        out = [turn for turn in out if turn.role not in ("system", "developer")]
    return client, out


def _count(turns: Sequence[_Turn]) -> int:
    """How many turns people would count: all that an assistant does for one request is one."""
    count, before = 0, ""
    for turn in turns:
        if turn.role == "user" and (turn.parts or not turn.brings):
            count, before = count + 1, "user"
        elif turn.role == "assistant":
            count, before = count + (before != "assistant"), "assistant"
    return count


def _background(turns: Sequence[_Turn], said: Sequence[_Turn], client: str) -> str:
    """What a client wants for itself, if this call is one of its own."""
    asking = next((turn for turn in reversed(turns) if turn.role == "user" and turn.parts), None)
    systems = [t for t in turns if t.role in ("system", "developer")]
    texts = [part for turn in [*systems, *([asking] if asking else [])] for part in turn.parts]
    if (named := background_of(texts)) is not None:
        return named.task
    if asking is None or sum(turn.role == "user" for turn in said) > 1:
        return ""
    orders = [turn.text[:OPENING_CHARS] for turn in (*systems, asking) if turn.parts]
    return next((t for order in orders if (t := unnamed_background(order, asking.text))), "")


def kind_of(request: Request | None) -> str:
    """What kind of call it is, for the log: `request`, `step`, or what the background wants.

    >>> kind_of(request_from_prompt("hi"))
    'request'
    """
    if request is not None and request.background:
        return request.background
    return "step" if request is not None and request.loop is not None else "request"


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


def _routing_text(turns: Sequence[_Turn]) -> tuple[str, _Turn]:
    """The text that is judged, and the turn that it ends with."""
    users = [i for i, turn in enumerate(turns) if turn.role == "user" and turn.text.strip()]
    if not users:
        raise NoText("The conversation has no user turn with text; add one.")
    first = users[-1]
    opened = turns[first]
    text = opened.text
    while len(text) < SHORT_TURN_CHARS and first > 0:
        first -= 1
        turn = turns[first]
        if turn.role in ("user", "assistant") and turn.text.strip():
            # The end of a long answer is what a follow-up refers to, its start sets the topic.
            text = f"{_ends(turn.text)}\n{text}"
    return text, opened


def _ends(text: str, keep: int = EARLIER_TURN_END_CHARS) -> str:
    return text if len(text) <= 2 * keep else f"{text[:keep]}\n{text[-keep:]}"


def _blocks(
    content: Any, position: int, depth: int, kind_of_text: str = "text"
) -> Iterator[tuple[str, str]]:
    """Yield (kind, text) for every block of a content value, nested ones included.

    Text within a tool's result is `printed`.
    """
    if depth > MAX_NESTING:
        raise InputError(f"Message {position} is nested more than {MAX_NESTING} deep; flatten it.")
    if content is None:
        return
    if isinstance(content, str | bytes):
        yield kind_of_text, _checked_text(content, f"Message {position}")
    elif isinstance(content, Mapping):
        kind = content.get("type", "text")
        if kind in _IMAGE_TYPES:
            yield "image", ""
        elif kind == "tool_result":
            yield "tool_result", ""
            yield from _blocks(content.get("content"), position, depth + 1, "printed")
        elif "text" in content:
            yield from _blocks(content["text"], position, depth + 1, kind_of_text)
        elif "content" in content:
            yield from _blocks(content["content"], position, depth + 1, kind_of_text)
    elif isinstance(content, Sequence):
        for block in content:
            yield from _blocks(block, position, depth + 1, kind_of_text)
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
