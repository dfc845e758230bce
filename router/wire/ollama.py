"""Ollama's own API as a local server speaks it: what it is sent, and its answers as completions.

Reference: https://github.com/ollama/ollama/blob/main/docs/api.md (POST /api/chat, /api/generate)
"""

import json
from dataclasses import dataclass
from typing import Any

from router.wire import Json
from router.wire.summary import count, mapping, sequence

_LONGEST_NS = 10**15  # chosen: eleven days
_NS_PER_MS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Native:
    """A request as a client of Ollama wrote it, for a local server that is one.

    `path`: the address it came to. `only`: in words, why nothing but Ollama could answer it; empty
    where a chat can. `window`: tokens that it asks the model to be served with, if it does.
    """

    path: str
    body: Json
    only: str = ""
    window: int | None = None

    def sent(self, model: str, stream: bool) -> Json:
        """The body for one model."""
        return {**self.body, "model": model, "stream": stream}


class ToChunks:
    """Lines of its stream as chat completion chunks, one for one."""

    def __init__(self) -> None:
        self._calls = 0

    def feed(self, line: Json) -> Json:
        """The chunk that `line` becomes; the last one has the usage and the timings."""
        delta = self._turn(line)
        finish = _finish(line, self._calls) if line.get("done") else None
        choice = {"index": 0, "delta": delta, "finish_reason": finish, **_logprobs(line)}
        return {"object": "chat.completion.chunk", **_common(line), "choices": [choice]}

    def whole(self, body: Json) -> Json:
        """A whole answer as a chat completion."""
        message = {"role": "assistant", **self._turn(body)}
        finish = _finish(body, self._calls)
        choice = {"index": 0, "message": message, "finish_reason": finish, **_logprobs(body)}
        return {"object": "chat.completion", **_common(body), "choices": [choice]}

    def _turn(self, line: Json) -> Json:
        """What was said: /api/chat has it in a message, /api/generate beside the rest."""
        said = mapping(line.get("message")) or line
        out: Json = {"content": str(said.get("content") or said.get("response") or "")}
        if said.get("thinking"):
            out["reasoning_content"] = str(said["thinking"])
        if calls := sequence(said.get("tool_calls")):
            out["tool_calls"] = [self._call(mapping(c)) for c in calls]
        return out

    def _call(self, call: Json) -> Json:
        function, index = mapping(call.get("function")), self._calls
        self._calls += 1
        return {
            "index": index,
            "id": str(call.get("id") or f"call_{index}"),
            "type": "function",
            "function": {
                "name": str(function.get("name") or ""),
                "arguments": json.dumps(mapping(function.get("arguments")), ensure_ascii=False),
            },
        }


def _common(line: Json) -> Json:
    out: Json = {"id": "", "created": 0, "model": str(line.get("model") or "")}
    if line.get("done"):
        read, wrote = count(line.get("prompt_eval_count")), count(line.get("eval_count"))
        out["usage"] = {
            "prompt_tokens": read,
            "completion_tokens": wrote,
            "total_tokens": read + wrote,
        }
        out["timings"] = {  # as llama.cpp tells them, and the time to load beside it
            "prompt_ms": count(line.get("prompt_eval_duration"), _LONGEST_NS) / _NS_PER_MS,
            "predicted_ms": count(line.get("eval_duration"), _LONGEST_NS) / _NS_PER_MS,
            "load_ms": count(line.get("load_duration"), _LONGEST_NS) / _NS_PER_MS,
        }
    return out


def _finish(line: Json, calls: int) -> str:
    if line.get("done_reason") == "length":
        return "length"
    return "tool_calls" if calls else "stop"


def _logprobs(line: Json) -> Json:
    tokens: list[Any] = sequence(line.get("logprobs"))
    return {"logprobs": {"content": tokens}} if tokens else {}
