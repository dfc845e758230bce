"""OpenAI's old completions, as one turn of a chat.

Reference: https://platform.openai.com/docs/api-reference/completions
"""

from typing import Any

from router.dialects.base import Asked, Chunks, Dialect, Writer
from router.errors import InputError
from router.wire import Json
from router.wire.summary import mapping, sequence, text_of

# What a chat cannot do for them, by the value that asks for nothing.
_REFUSED: dict[str, tuple[Any, ...]] = {
    "n": (None, 1),
    "best_of": (None, 1),
    "echo": (None, False),
    "suffix": (None, ""),
    "logprobs": (None, 0, False),
}
_OWN = ("prompt", *_REFUSED)


class Completions(Dialect):
    """POST /v1/completions; the prompt is what the user says."""

    name = "completions"
    path = "/v1/completions"

    def request(self, body: Json, earlier: list[Json]) -> Json:
        """See `Dialect`."""
        for name, nothing in _REFUSED.items():
            if body.get(name) not in nothing:
                raise InputError(f"{name} cannot be carried over to a chat model; leave it out.")
        message = {"role": "user", "content": _prompt(body.get("prompt"))}
        return {k: v for k, v in body.items() if k not in _OWN} | {"messages": [message]}

    def answer(self, body: Json, asked: Asked) -> Json:
        """See `Dialect`."""
        choice = mapping(next(iter(sequence(body.get("choices"))), None))
        message = mapping(choice.get("message"))
        text = text_of(message.get("content")) or str(message.get("refusal") or "")
        made = _completion(asked, body, text, choice.get("finish_reason"))
        return made | {k: body[k] for k in ("usage",) if k in body}

    def writer(self, asked: Asked) -> Writer:
        """See `Dialect`."""
        return _Texts(self, asked)


class _Texts(Chunks):
    """Chunks of chat completions as chunks of completions."""

    def __init__(self, dialect: Dialect, asked: Asked) -> None:
        super().__init__(dialect)
        self._asked = asked

    def feed(self, event: Json) -> bytes:
        """See `Writer`."""
        choice = mapping(next(iter(sequence(event.get("choices"))), None))
        delta, finish = mapping(choice.get("delta")), choice.get("finish_reason")
        text = str(delta.get("content") or delta.get("refusal") or "")
        last = "usage" in event and not choice
        more = {k: event[k] for k in ("usage", "router") if k in event}
        if not (text or finish or more):
            return b""
        made = _completion(self._asked, event, text, finish) | more
        return super().feed(made | {"choices": []} if last else made)


def _completion(asked: Asked, body: Json, text: str, finish: Any) -> Json:
    return {
        "id": f"cmpl-{asked.id}",
        "object": "text_completion",
        "created": int(asked.at),
        "model": str(body.get("model") or ""),
        "choices": [{"index": 0, "text": text, "logprobs": None, "finish_reason": finish}],
    }


def _prompt(given: Any) -> str:
    """The one text of a prompt. Raises InputError for several, or for tokens."""
    if isinstance(given, list) and len(given) == 1:
        given = given[0]
    if not isinstance(given, str):
        raise InputError("prompt must be one text; several prompts or tokens cannot be carried.")
    return given
