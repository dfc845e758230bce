"""Answers of the Responses API: the object, and the events of its stream.

Reference: https://platform.openai.com/docs/api-reference/responses and .../responses-streaming
"""

import json
from dataclasses import dataclass, field
from typing import Any

from router.dialects.base import Asked
from router.dialects.responses_tools import Tool, item_of, offered
from router.wire import Json, dumped, openai, sse
from router.wire.answers import reasoning
from router.wire.summary import Finish, Summary, ToolCall, Usage, mapping, position, sequence

_PREFIX = "resp_"
_REFUSAL, _TEXT, _THOUGHT = "refusal", "output_text", "reasoning_text"
# Why an answer is not complete, by how it ended.
_INCOMPLETE: dict[Finish, str] = {"length": "max_output_tokens", "refusal": "content_filter"}
# What an answer repeats of its request, and what it says where that is silent.
_SILENT: Json = {
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "service_tier": "default",
    "store": True,
    "temperature": None,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": None,
    "truncation": "disabled",
    "user": None,
}


def decision_id(response_id: str) -> str:
    """The decision that made a response."""
    return response_id.removeprefix(_PREFIX)


def call_id(asked: Asked, number: int) -> str:
    """The id of a call. Made of the decision's, so that the log need not keep it."""
    return f"call_{asked.id}_{number}"


def made(asked: Asked, known: Summary, *, thought: str = "", refused: bool = False) -> Json:
    """The response for a whole answer; `refused`: whether its text is a refusal."""
    tools = offered(asked.body)[1]
    status = _status(known.finish)
    output: list[Json] = []
    if thought:
        output.append(_reasoning(asked, len(output), status, thought))
    if known.text or not known.calls:
        part = _part(_REFUSAL if refused else _TEXT, known.text)
        output.append(_message(asked, len(output), status, [part]))
    for number, call in enumerate(known.calls):
        tool = tools.get(call.name, Tool("function", call.name))
        arguments = call.arguments or "{}"
        id_ = _item_id("fc", asked, len(output))
        output.append(item_of(tool, arguments, call_id(asked, number), id_, status))
    return response(asked, known.model, status, output, _usage(known.usage), known.finish)


def answer(body: Json, asked: Asked) -> Json:
    """The response for a chat completion."""
    choice = mapping(next(iter(sequence(body.get("choices"))), None))
    message = mapping(choice.get("message"))
    refused = bool(message.get("refusal")) and not message.get("content")
    known = openai.summary(body)
    return made(asked, known, thought=reasoning(message), refused=refused)


def response(
    asked: Asked,
    model: str,
    status: str,
    output: list[Json],
    usage: Json | None = None,
    finish: Finish = "unknown",
) -> Json:
    """The object itself."""
    why = _INCOMPLETE.get(finish) if status == "incomplete" else None
    repeated = {k: v if (v := asked.body.get(k)) is not None else d for k, d in _SILENT.items()}
    return {
        "id": _PREFIX + asked.id,
        "object": "response",
        "created_at": int(asked.at),
        "status": status,
        "background": False,
        "error": None,
        "incomplete_details": {"reason": why} if why else None,
        "model": model,
        "output": output,
        "usage": usage,
        **repeated,
    }


def _status(finish: Finish) -> str:
    return "incomplete" if finish in _INCOMPLETE else "completed"


def _usage(usage: Usage | None) -> Json | None:
    if usage is None:
        return None
    return {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {
            "cached_tokens": usage.cache_read,
            "cache_write_tokens": usage.cache_write,
        },
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }


def _item_id(kind: str, asked: Asked, index: int) -> str:
    return f"{kind}_{asked.id}_{index}"


def _message(asked: Asked, index: int, status: str, content: list[Json]) -> Json:
    return {
        "id": _item_id("msg", asked, index),
        "type": "message",
        "status": status,
        "role": "assistant",
        "content": content,
    }


def _reasoning(asked: Asked, index: int, status: str, thought: str | None) -> Json:
    """An item of thinking; begun, but without a word of it, where `thought` is None."""
    return {
        "id": _item_id("rs", asked, index),
        "type": "reasoning",
        "status": status,
        "summary": [],
        "content": [] if thought is None else [_part(_THOUGHT, thought)],
    }


def _part(kind: str, text: str) -> Json:
    if kind == _REFUSAL:
        return {"type": kind, "refusal": text}
    if kind == _THOUGHT:
        return {"type": kind, "text": text}
    return {"type": kind, "text": text, "annotations": [], "logprobs": []}


@dataclass(slots=True)
class _Written:
    """A message or a thought on its way.

    `place`: where its events belong. `head`: an event with a piece of it, as far as they are all
    alike; most of a stream is these.
    """

    kind: str
    index: int
    item: Json
    place: Json
    head: bytes
    words: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Called:
    """A call on its way."""

    index: int
    number: int
    tool: Tool
    item_id: str
    arguments: list[str] = field(default_factory=list)


class Events:
    """Chat completion chunks as the typed events of a response; see `router.dialects.base.Writer`.

    Items are added as they begin. A text ends when something else begins; calls, which may be
    interleaved, when the answer does.
    """

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._number = 0
        self._model = ""
        self._begun = False
        self._note: Any = None  # what the router says of the stream's wait
        self._text: _Written | None = None
        self._calls: dict[int, _Called] = {}  # by index in the chunks
        self._unnamed: dict[int, str] = {}  # arguments that came before their function's name
        self._output: list[Json] = []
        self._finish: Any = None
        self._refused = False
        self._usage: Usage | None = None
        self._tools = offered(asked.body)[1]

    def feed(self, chunk: Json) -> bytes:
        """What the client gets for one chunk."""
        out = b""
        if not self._begun:
            self._model, self._note = str(chunk.get("model") or ""), chunk.get("router")
            out = self._begin()
        if "usage" in chunk:
            self._usage = openai.usage(chunk["usage"]) or self._usage
        for choice in map(mapping, sequence(chunk.get("choices"))[:1]):
            self._finish = choice.get("finish_reason") or self._finish
            delta = mapping(choice.get("delta"))
            if thought := reasoning(delta):
                out += self._write(_THOUGHT, thought)
            if text := delta.get("content"):
                out += self._write(_TEXT, str(text))
            if text := delta.get("refusal"):
                self._refused = True
                out += self._write(_REFUSAL, str(text))
            for number, part in enumerate(sequence(delta.get("tool_calls"))):
                out += self._call(mapping(part), position(mapping(part).get("index"), number))
        return out

    def end(self) -> bytes:
        """The ends of all items, then of the response."""
        finish = openai.finish_of(self._finish, bool(self._calls), self._refused)
        status = _status(finish)
        out = b"" if self._begun else self._begin()
        if not self._output and self._text is None:
            out += self._open(_TEXT)
        out += self._close(status)
        for call in self._calls.values():
            out += self._close_call(call, status)
        whole = response(
            self._asked, self._model, status, self._output, _usage(self._usage), finish
        )
        return out + self._event(f"response.{status}", response=whole)

    def failed(self, status: int, code: str, message: str) -> bytes:
        """The response as far as it came, with the error."""
        out = b"" if self._begun else self._begin()
        whole = response(self._asked, self._model, "failed", self._output)
        known = "rate_limit_exceeded" if status == 429 else "server_error"
        whole["error"] = {"code": known, "message": message}
        return out + self._event("response.failed", response=whole)

    def _begin(self) -> bytes:
        self._begun = True
        whole = response(self._asked, self._model, "in_progress", [])
        more = {"router": self._note} if self._note is not None else {}
        return self._event("response.created", response=whole, **more) + self._event(
            "response.in_progress", response=whole
        )

    def _event(self, kind: str, **fields: Any) -> bytes:
        event = {"type": kind, "sequence_number": self._number, **fields}
        self._number += 1
        return sse.encode(event, kind)

    # Text and thinking

    def _write(self, kind: str, words: str) -> bytes:
        out = b""
        if self._text is None or self._text.kind != kind:
            out = self._close("completed") + self._open(kind)
        open_ = self._text
        assert open_ is not None
        open_.words.append(words)
        self._number += 1
        number, said = self._number - 1, dumped(words)
        return out + b'%b,"sequence_number":%d,"delta":%b}\n\n' % (open_.head, number, said)

    def _open(self, kind: str) -> bytes:
        index = len(self._output)
        if kind == _THOUGHT:
            item = _reasoning(self._asked, index, "in_progress", None)
        else:
            item = _message(self._asked, index, "in_progress", [])
        self._output.append(item)
        place = {"item_id": item["id"], "output_index": index, "content_index": 0}
        name = f"response.{kind}.delta"
        alike = {"type": name, **place} | ({"logprobs": []} if kind == _TEXT else {})
        head = sse.encode(alike, name).rstrip()[:-1]
        self._text = opened = _Written(kind, index, item, place, head)
        return self._event("response.output_item.added", output_index=index, item=item) + (
            self._event("response.content_part.added", **opened.place, part=_part(kind, ""))
        )

    def _close(self, status: str) -> bytes:
        done = self._text
        if done is None:
            return b""
        self._text = None
        words = "".join(done.words)
        part = _part(done.kind, words)
        item = {**done.item, "status": status, "content": [part]}
        self._output[done.index] = item
        said = {"refusal": words} if done.kind == _REFUSAL else {"text": words}
        more: Json = {"logprobs": []} if done.kind == _TEXT else {}
        place = done.place
        return (
            self._event(f"response.{done.kind}.done", **place, **said, **more)
            + self._event("response.content_part.done", **place, part=part)
            + self._event("response.output_item.done", output_index=done.index, item=item)
        )

    # Calls

    def _call(self, part: Json, number: int) -> bytes:
        function = mapping(part.get("function"))
        more = str(function.get("arguments") or "")
        call = self._calls.get(number)
        if call is not None:
            return self._grow(call, more)
        name = str(function.get("name") or "")
        more = self._unnamed.pop(number, "") + more
        if not name:
            self._unnamed[number] = more
            return b""
        out = self._close("completed")
        tool = self._tools.get(name, Tool("function", name))
        index = len(self._output)
        call = _Called(index, len(self._calls), tool, _item_id("fc", self._asked, index))
        self._calls[number] = call
        item = self._item(call, "in_progress")
        self._output.append(item)
        out += self._event("response.output_item.added", output_index=index, item=item)
        return out + self._grow(call, more)

    def _grow(self, call: _Called, more: str) -> bytes:
        if not more:
            return b""
        call.arguments.append(more)
        if call.tool.kind != "function":  # its text can be read only from the whole
            return b""
        place = {"item_id": call.item_id, "output_index": call.index}
        return self._event("response.function_call_arguments.delta", **place, delta=more)

    def _close_call(self, call: _Called, status: str) -> bytes:
        item = self._output[call.index] = self._item(call, status)
        place = {"item_id": call.item_id, "output_index": call.index}
        out = b""
        if call.tool.kind == "function":
            out = self._event(
                "response.function_call_arguments.done",
                **place,
                name=item["name"],
                arguments=item["arguments"],
            )
        elif call.tool.kind == "custom":
            given = item["input"]
            out = self._event("response.custom_tool_call_input.delta", **place, delta=given)
            out += self._event("response.custom_tool_call_input.done", **place, input=given)
        return out + self._event("response.output_item.done", output_index=call.index, item=item)

    def _item(self, call: _Called, status: str) -> Json:
        begun = status == "in_progress"
        arguments = "".join(call.arguments) or ("" if begun else "{}")
        id_ = call_id(self._asked, call.number)
        return item_of(call.tool, arguments, id_, call.item_id, status)


def turn(asked: Asked, text: str, calls: list[ToolCall]) -> Json:
    """The turn that an answer is in the conversation that goes on."""
    message: Json = {"role": "assistant", "content": text or None}
    if calls:
        message["tool_calls"] = [
            {
                "id": call_id(asked, number),
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for number, call in enumerate(calls)
        ]
    return message


def read_back(written: str) -> tuple[str, list[ToolCall]]:
    """An answer as the log keeps it, apart: its text, and the calls in its last line.

    >>> read_back('Wait.\\n[{"name": "f", "arguments": {}}]')
    ('Wait.', [ToolCall(name='f', arguments='{}', id='')])
    """
    text, _, last = written.rpartition("\n")
    try:
        found = json.loads(last) if last.startswith("[") else None
    except ValueError:
        found = None
    if not found or any(set(mapping(c)) != {"name", "arguments"} for c in sequence(found)):
        return written, []
    calls = [ToolCall(str(c["name"]), _as_text(c["arguments"])) for c in found]
    return text, calls


def _as_text(arguments: Any) -> str:
    return arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
