"""Streams of one dialect in the other, one event in, any number out."""

import json

from router.wire import Json, openai
from router.wire.answers import (
    TO_ANTHROPIC,
    anthropic_usage,
    finish_to_openai,
    openai_usage,
    reasoning,
)
from router.wire.anthropic import usage as anthropic_usage_of
from router.wire.summary import Usage, mapping, position, sequence
from router.wire.to_anthropic import tool_id


class ToOpenAI:
    """Anthropic events as chat completion chunks.

    `include_usage`: whether the client asked for the chunk that carries the usage.
    """

    def __init__(self, created: int, include_usage: bool) -> None:
        self._created, self._include_usage = created, include_usage
        self._id = self._model = ""
        self._tools: dict[int, int] = {}  # block index -> call index
        self._silent: dict[int, Json] = {}  # calls whose input came whole with their start
        self._usage: Json = {}

    def feed(self, event: Json) -> list[Json]:
        """The chunks that `event` becomes."""
        kind, index = event.get("type"), position(event.get("index"), 0)
        if kind == "content_block_delta":
            return self._delta(index, mapping(event.get("delta")))
        if kind == "content_block_start":
            return self._start(index, mapping(event.get("content_block")))
        if kind == "content_block_stop":
            whole = self._silent.pop(index, None)
            return [self._arguments(index, json.dumps(whole))] if whole else []
        if kind == "message_start":
            message = mapping(event.get("message"))
            self._id, self._model = str(message.get("id") or ""), str(message.get("model") or "")
            self._usage |= mapping(message.get("usage"))
            return [self._chunk({"role": "assistant", "content": ""})]
        if kind == "message_delta":
            self._usage |= {k: v for k, v in mapping(event.get("usage")).items() if v is not None}
            reason = mapping(event.get("delta")).get("stop_reason")
            return [self._chunk({}, finish_to_openai(reason))]
        return []

    def end(self) -> list[Json]:
        """What follows the last event."""
        if not self._include_usage:
            return []
        last = self._chunk({})
        last["choices"] = []
        last["usage"] = openai_usage(anthropic_usage_of(self._usage) or Usage())
        return [last]

    def _start(self, index: int, block: Json) -> list[Json]:
        if block.get("type") == "text" and block.get("text"):
            return [self._chunk({"content": block["text"]})]
        if block.get("type") != "tool_use":
            return []
        number = self._tools[index] = len(self._tools)
        if block.get("input"):
            self._silent[index] = block["input"]
        call = {
            "index": number,
            "id": block.get("id"),
            "type": "function",
            "function": {"name": block.get("name"), "arguments": ""},
        }
        return [self._chunk({"tool_calls": [call]})]

    def _delta(self, index: int, delta: Json) -> list[Json]:
        kind = delta.get("type")
        if kind == "text_delta":
            return [self._chunk({"content": delta.get("text") or ""})]
        if kind == "thinking_delta":
            return [self._chunk({"reasoning_content": delta.get("thinking") or ""})]
        if kind == "input_json_delta" and index in self._tools and delta.get("partial_json"):
            self._silent.pop(index, None)
            return [self._arguments(index, delta["partial_json"])]
        return []

    def _arguments(self, index: int, text: str) -> Json:
        call = {"index": self._tools[index], "function": {"arguments": text}}
        return self._chunk({"tool_calls": [call]})

    def _chunk(self, delta: Json, finish: str | None = None) -> Json:
        return {
            "id": self._id,
            "object": "chat.completion.chunk",
            "created": self._created,
            "model": self._model,
            "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}],
        }


class ToAnthropic:
    """Chat completion chunks as Anthropic events.

    Blocks must follow one another there, while calls may be interleaved here: the first call is
    passed on as it grows, the others are kept until the end.
    """

    def __init__(self, thinking: bool = False) -> None:
        self._thinking = thinking
        self._started = False
        self._open: str | None = None  # kind of the open block
        self._index = -1
        self._live: int | None = None  # call that is passed on as it grows
        self._kept: dict[int, Json] = {}
        self._fold = openai.Fold()

    def feed(self, chunk: Json) -> list[Json]:
        """The events that `chunk` becomes."""
        self._fold.add(chunk)
        out = [] if self._started else [self._message_start(chunk)]
        for choice in sequence(chunk.get("choices"))[:1]:
            delta = mapping(mapping(choice).get("delta"))
            if self._thinking and (thought := reasoning(delta)):
                out += self._block("thinking", {"type": "thinking_delta", "thinking": thought})
            if text := delta.get("content") or delta.get("refusal"):
                out += self._block("text", {"type": "text_delta", "text": text})
            for number, part in enumerate(sequence(delta.get("tool_calls"))):
                out += self._call(mapping(part), position(mapping(part).get("index"), number))
        return out

    def end(self) -> list[Json]:
        """The end of the last block, the calls kept so far, and the end of the message."""
        out = self._close()
        for number in sorted(self._kept):
            out += self._emit(self._kept[number], number)
        known = self._fold.summary()
        out.append(
            {
                "type": "message_delta",
                "delta": {
                    "stop_reason": TO_ANTHROPIC.get(known.finish, "end_turn"),
                    "stop_sequence": None,
                },
                "usage": anthropic_usage(known.usage or Usage()),
            }
        )
        return [*out, {"type": "message_stop"}]

    def _message_start(self, chunk: Json) -> Json:
        self._started = True
        message: Json = {
            "id": str(chunk.get("id") or ""),
            "type": "message",
            "role": "assistant",
            "model": str(chunk.get("model") or ""),
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": anthropic_usage(Usage()),
        }
        return {"type": "message_start", "message": message}

    def _block(self, kind: str, delta: Json) -> list[Json]:
        out = []
        if self._open != kind:
            empty = {"text": ""} if kind == "text" else {"thinking": "", "signature": ""}
            out = [*self._close(), self._start({"type": kind, **empty})]
        return [*out, self._delta(delta)]

    def _call(self, part: Json, number: int) -> list[Json]:
        function = mapping(part.get("function"))
        if self._live is None:
            self._live = number
            out = [*self._close(), self._start(_tool_use(part, number))]
            return out + self._grow(function)
        if number == self._live and self._open == "tool_use":
            return self._grow(function)
        known = self._kept.setdefault(number, {"function": {"name": "", "arguments": ""}})
        known["id"] = known.get("id") or part.get("id")
        known["function"]["name"] = known["function"]["name"] or function.get("name")
        known["function"]["arguments"] += str(function.get("arguments") or "")
        return []

    def _grow(self, function: Json) -> list[Json]:
        text = function.get("arguments")
        return [self._delta({"type": "input_json_delta", "partial_json": text})] if text else []

    def _emit(self, call: Json, number: int) -> list[Json]:
        start = self._start(_tool_use(call, number))
        return [start, *self._grow(call["function"]), *self._close()]

    def _start(self, block: Json) -> Json:
        self._index += 1
        self._open = block["type"]
        return {"type": "content_block_start", "index": self._index, "content_block": block}

    def _delta(self, delta: Json) -> Json:
        return {"type": "content_block_delta", "index": self._index, "delta": delta}

    def _close(self) -> list[Json]:
        if self._open is None:
            return []
        self._open = None
        return [{"type": "content_block_stop", "index": self._index}]


def _tool_use(call: Json, number: int) -> Json:
    return {
        "type": "tool_use",
        "id": tool_id(call.get("id") or f"call_{number}"),
        "name": str(mapping(call.get("function")).get("name") or ""),
        "input": {},
    }
