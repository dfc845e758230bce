"""Chat completions as answers of Ollama's API, whole or as a stream of lines."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from router.dialects.base import Asked
from router.wire import Json, dumped, ndjson, openai
from router.wire.answers import reasoning
from router.wire.summary import Summary, ToolCall, Usage, mapping, sequence
from router.wire.to_anthropic import arguments

_NS_PER_S, _NS_PER_MS = 1_000_000_000, 1_000_000
_MORE = {"router", "usage", "timings"}  # what a chunk may tell beside its choice
# Where an answer says what it says, from text, thinking and calls.
Said = Callable[[str, str, list[ToolCall]], Json]


def turn(text: str, thought: str, calls: list[ToolCall]) -> Json:
    """As /api/chat says it."""
    out: Json = {"role": "assistant", "content": text}
    if thought:
        out["thinking"] = thought
    if calls:
        out["tool_calls"] = [
            {"id": c.id, "function": {"name": c.name, "arguments": arguments(c.arguments)}}
            for c in calls
        ]
    return {"message": out}


def response(text: str, thought: str, calls: list[ToolCall]) -> Json:
    """As /api/generate says it, which knows no calls."""
    return {"response": text} | ({"thinking": thought} if thought else {})


def whole(body: Json, asked: Asked, said: Said) -> Json:
    """A chat completion as one answer."""
    known = openai.summary(body)
    choice = mapping(next(iter(sequence(body.get("choices"))), None))
    thought = reasoning(mapping(choice.get("message"))) if _shows_thinking(asked) else ""
    out = _line(asked, known.model, said(known.text, thought, known.calls)) | _logprobs(choice)
    return out | _end(known, mapping(body.get("timings")), asked, None)


class Lines:
    """Chunks of a chat completion as lines; calls come whole, before the last line."""

    def __init__(self, asked: Asked, said: Said) -> None:
        self._asked, self._said = asked, said
        self._thinks = _shows_thinking(asked)
        self._fold = openai.Fold()  # of all but the text, which has gone by then
        self._timings: Json = {}
        self._first: float | None = None  # when the first word came
        self._model = ""
        self._shared: list[bytes] = []

    def feed(self, event: Json) -> bytes:
        """See `Writer`."""
        if (word := _word(event)) and self._first is not None and event.get("model") == self._model:
            return self._text(word)
        choice = mapping(next(iter(sequence(event.get("choices"))), None))
        delta = mapping(choice.get("delta"))
        self._model, self._shared = str(event.get("model") or self._model), []
        self._timings = mapping(event.get("timings")) or self._timings
        text = str(delta.get("content") or delta.get("refusal") or "")
        thought = reasoning(delta) if self._thinks else ""
        if delta.get("tool_calls") or choice.get("finish_reason") or "usage" in event:
            self._fold.add({**event, "choices": [{**choice, "delta": {**delta, "content": None}}]})
        if not (text or thought or "router" in event):
            return b""
        if self._first is None:
            self._first = self._asked.now()
        line = _line(self._asked, self._model, self._said(text, thought, [])) | _logprobs(choice)
        more = {k: event[k] for k in ("router",) if k in event}
        return ndjson.encode({**line, "done": False, **more})

    def _text(self, word: str) -> bytes:
        """A line of nothing but text, put together of what all such lines share: most are."""
        if not self._shared:
            line = _line(self._asked, self._model, self._said("", "", []))
            self._shared = ndjson.encode({**line, "done": False}).rsplit(b'""', 1)
        before, after = self._shared
        return b"%b%b%b" % (before, dumped(word), after)

    def end(self) -> bytes:
        """See `Writer`."""
        known = self._fold.summary()
        calls = b""
        if known.calls and "message" in (said := self._said("", "", known.calls)):
            calls = ndjson.encode({**_line(self._asked, self._model, said), "done": False})
        last = _line(self._asked, self._model, self._said("", "", []))
        return calls + ndjson.encode(last | _end(known, self._timings, self._asked, self._first))

    def failed(self, status: int, code: str, message: str) -> bytes:
        """See `Writer`."""
        return ndjson.encode({"error": message})


def when(at: float) -> str:
    """A time as Ollama writes it.

    >>> when(0.5)
    '1970-01-01T00:00:00.500000Z'
    """
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds")[:-6] + "Z"


def _word(event: Json) -> str:
    """The text of a chunk that has nothing else, else nothing."""
    choices = event.get("choices")
    if not isinstance(choices, list) or len(choices) != 1 or not isinstance(choices[0], dict):
        return ""
    choice = choices[0]
    delta = choice.get("delta")
    if not isinstance(delta, dict) or len(delta) != 1 or choice.get("logprobs"):
        return ""
    word = delta.get("content")
    if not isinstance(word, str) or choice.get("finish_reason") or event.keys() & _MORE:
        return ""
    return word


def _line(asked: Asked, model: str, said: Json) -> Json:
    return {"model": model, "created_at": when(asked.now()), **said}


def _end(known: Summary, timings: Json, asked: Asked, first: float | None) -> Json:
    """How it ended, with counts, and durations in nanoseconds.

    The local server's own durations where it tells any; else what was seen here: until the first
    word, and from then on.
    """
    took = max(0.0, asked.now() - asked.at)
    waited = max(0.0, first - asked.at) if first is not None else 0.0
    usage = known.usage or Usage()
    return {
        "done": True,
        "done_reason": "length" if known.cut_off else "stop",
        "total_duration": round(took * _NS_PER_S),
        "load_duration": _ns(timings.get("load_ms"), 0.0),
        "prompt_eval_count": usage.input_tokens,
        "prompt_eval_duration": _ns(timings.get("prompt_ms"), waited),
        "eval_count": usage.output_tokens,
        "eval_duration": _ns(timings.get("predicted_ms"), took - waited),
    }


def _ns(told_ms: Any, seen_s: float) -> int:
    if isinstance(told_ms, int | float) and not isinstance(told_ms, bool):
        return round(told_ms * _NS_PER_MS)
    return round(seen_s * _NS_PER_S)


def _shows_thinking(asked: Asked) -> bool:
    return asked.body.get("think") is not False


def _logprobs(choice: Json) -> Json:
    tokens = sequence(mapping(choice.get("logprobs")).get("content"))
    return {"logprobs": tokens} if tokens else {}
