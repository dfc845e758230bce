"""Putting values back into what a cloud said of their stand-ins.

It has the interface of what it wraps. A request without stand-ins passes through untouched.
"""

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from typing import Any

from router.backends.base import Ask, Backend
from router.privacy.masking import Restorer, StandIns
from router.types import Tier
from router.wire import Api, Json
from router.wire.summary import mapping, sequence

_IN_JSON = ("arguments", "partial_json")  # strings that hold JSON
_TEXTS = ("text", "thinking", "partial_json")  # what a delta of Anthropic's dialect brings
_SAID = ("content", "reasoning_content", "reasoning", "refusal")  # and one of OpenAI's


class Unmasked:
    """A backend whose answers have the user's own values again."""

    def __init__(self, inner: Backend) -> None:
        self._inner = inner
        self.name = inner.name
        self.tier: Tier = inner.tier
        self.api: Api = inner.api

    async def send(self, ask: Ask) -> Json:
        """See `Backend`."""
        answer = await self._inner.send(ask)
        stand_ins = _of(ask)
        return answer if stand_ins is None else restored(answer, stand_ins)

    async def stream(self, ask: Ask) -> AsyncGenerator[Json, None]:
        """See `Backend`."""
        stand_ins = _of(ask)
        events = self._inner.stream(ask)
        async with aclosing(events):
            if stand_ins is None:
                async for event in events:
                    yield event
                return
            restoring = _Anthropic(stand_ins) if self.api == "anthropic" else _OpenAI(stand_ins)
            async for event in events:
                for out in restoring.feed(event):
                    yield out
            for out in restoring.end():
                yield out


def restored(answer: Any, stand_ins: StandIns, key: str = "") -> Any:
    """A whole answer with values for stand-ins in all of its strings."""
    if isinstance(answer, str):
        return stand_ins.restored(answer, key in _IN_JSON)
    if isinstance(answer, list):
        return [restored(v, stand_ins, key) for v in answer]
    if isinstance(answer, dict):
        return {k: restored(v, stand_ins, k) for k, v in answer.items()}
    return answer


class _Anthropic:
    """Events of Anthropic's dialect: what was held back of a block comes before its end."""

    def __init__(self, stand_ins: StandIns) -> None:
        self._stand_ins = stand_ins
        self._open: dict[tuple[Any, str, str], Restorer] = {}  # by block, kind of delta and field

    def feed(self, event: Json) -> Iterator[Json]:
        """The events for one of the backend's."""
        kind, index, delta = event.get("type"), event.get("index"), mapping(event.get("delta"))
        name = next((n for n in _TEXTS if isinstance(delta.get(n), str)), None)
        if kind == "content_block_delta" and name is not None:
            key = (index, str(delta.get("type")), name)
            restorer = self._open.setdefault(key, Restorer(self._stand_ins, name in _IN_JSON))
            if text := restorer.feed(delta[name]):
                yield {**event, "delta": {**delta, name: text}}
            return
        if kind in ("content_block_stop", "message_delta", "message_stop"):
            yield from self.end(index if kind == "content_block_stop" else None)
        elif kind == "content_block_delta" and delta.get("type") == "signature_delta":
            yield from self.end(index)
        yield event

    def end(self, index: Any = None) -> Iterator[Json]:
        """What was held back, of one block or of all."""
        for key in [k for k in self._open if index is None or k[0] == index]:
            block, kind, name = key
            if text := self._open.pop(key).end():
                delta = {"type": kind, name: text}
                yield {"type": "content_block_delta", "index": block, "delta": delta}


class _OpenAI:
    """Chunks of OpenAI's dialect: what was held back of a choice comes before its end."""

    def __init__(self, stand_ins: StandIns) -> None:
        self._stand_ins = stand_ins
        self._said: dict[tuple[Any, str], Restorer] = {}  # by choice and field
        self._calls: dict[tuple[Any, Any], Restorer] = {}  # by choice and call
        self._last: Json = {}

    def feed(self, event: Json) -> Iterator[Json]:
        """The chunks for one of the backend's."""
        self._last = event
        choices = [self._choice(mapping(c)) for c in sequence(event.get("choices"))]
        for choice in choices:
            if choice.get("finish_reason") is not None:
                yield from self.end(choice.get("index"))
        yield {**event, "choices": choices} if choices else event

    def end(self, index: Any = None) -> Iterator[Json]:
        """What was held back, of one choice or of all."""
        for key in [k for k in self._said if index is None or k[0] == index]:
            if text := self._said.pop(key).end():
                yield self._chunk(key[0], {key[1]: text})
        for call in [k for k in self._calls if index is None or k[0] == index]:
            if text := self._calls.pop(call).end():
                part = {"index": call[1], "function": {"arguments": text}}
                yield self._chunk(call[0], {"tool_calls": [part]})

    def _choice(self, choice: Json) -> Json:
        delta, index = dict(mapping(choice.get("delta"))), choice.get("index")
        for name in _SAID:
            if isinstance(delta.get(name), str):
                restorer = self._said.setdefault((index, name), Restorer(self._stand_ins))
                delta[name] = restorer.feed(delta[name])
        if sequence(delta.get("tool_calls")):
            delta["tool_calls"] = [self._call(index, c) for c in delta["tool_calls"]]
        return {**choice, "delta": delta}

    def _call(self, index: Any, call: Json) -> Json:
        function = mapping(mapping(call).get("function"))
        if not isinstance(function.get("arguments"), str):
            return call
        key = (index, call.get("index"))
        restorer = self._calls.setdefault(key, Restorer(self._stand_ins, in_json=True))
        return {**call, "function": {**function, "arguments": restorer.feed(function["arguments"])}}

    def _chunk(self, index: Any, delta: Json) -> Json:
        kept = {k: v for k, v in self._last.items() if k != "usage"}
        return {**kept, "choices": [{"index": index, "delta": delta, "finish_reason": None}]}


def _of(ask: Ask) -> StandIns | None:
    return ask.clearance.stand_ins if ask.clearance is not None else None
