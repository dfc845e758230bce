"""Anthropic messages: reading answers, streams and errors.

Reference: https://docs.claude.com/en/api/messages and .../messages-streaming
"""

import json
from typing import Any

from router.wire import Json
from router.wire.summary import (
    Finish,
    Summary,
    ToolCall,
    Usage,
    count,
    mapping,
    position,
    sequence,
    text_of,
)

_FINISH: dict[Any, Finish] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "refusal",
}
# https://docs.claude.com/en/api/errors
_ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    422: "invalid_request_error",
    429: "rate_limit_error",
    504: "timeout_error",
    503: "overloaded_error",
    529: "overloaded_error",
}


def summary(body: Json) -> Summary:
    """Read a whole answer."""
    blocks = [b for b in sequence(body.get("content")) if isinstance(b, dict)]
    return Summary(
        text=text_of([b for b in blocks if b.get("type") == "text"]),
        model=str(body.get("model") or ""),
        finish=finish_of(body.get("stop_reason")),
        calls=[
            ToolCall(str(b.get("name") or ""), json.dumps(b.get("input")), str(b.get("id") or ""))
            for b in blocks
            if b.get("type") == "tool_use"
        ],
        usage=usage(body.get("usage")),
    )


class Fold:
    """Puts the events of a stream together.

    `signatures` collects those of thinking blocks, for whoever keeps them from other models.
    """

    def __init__(self) -> None:
        self._text: list[str] = []
        self._calls: dict[int, list[str]] = {}  # block index -> id, name, arguments
        self._summary = Summary()
        self._usage: Json = {}
        self.signatures: list[str] = []
        self.done = False

    def add(self, event: Json) -> None:
        """Take the next event."""
        kind = event.get("type")
        if kind == "content_block_delta":
            self._delta(position(event.get("index"), 0), mapping(event.get("delta")))
        elif kind == "content_block_start":
            block = mapping(event.get("content_block"))
            if block.get("type") == "text":
                self._text.append(str(block.get("text") or ""))
            elif block.get("type") == "tool_use":
                given = json.dumps(block["input"]) if block.get("input") else ""
                known = [str(block.get("id") or ""), str(block.get("name") or ""), given]
                self._calls[position(event.get("index"), len(self._calls))] = known
            elif block.get("type") == "redacted_thinking":
                self.signatures.append(str(block.get("data") or ""))
        elif kind == "message_start":
            message = mapping(event.get("message"))
            self._summary.model = str(message.get("model") or "")
            self._usage |= mapping(message.get("usage"))
        elif kind == "message_delta":
            reason = mapping(event.get("delta")).get("stop_reason")
            self._summary.finish = finish_of(reason)
            self._usage |= {k: v for k, v in mapping(event.get("usage")).items() if v is not None}
        elif kind == "message_stop":
            self.done = True

    def _delta(self, index: int, delta: Json) -> None:
        kind = delta.get("type")
        if kind == "text_delta":
            self._text.append(str(delta.get("text") or ""))
        elif kind == "input_json_delta" and index in self._calls:
            self._calls[index][2] += str(delta.get("partial_json") or "")
        elif kind == "signature_delta":
            self.signatures.append(str(delta.get("signature") or ""))

    def summary(self) -> Summary:
        """What there is so far."""
        out = self._summary
        out.text = "".join(self._text)
        out.calls = [ToolCall(n, a or "{}", i) for i, n, a in self._calls.values()]
        out.usage = usage(self._usage) if self._usage else None
        return out


def finish_of(reason: Any) -> Finish:
    """How an answer ended, by its stop_reason."""
    return _FINISH.get(reason, "unknown") if isinstance(reason, str) else "unknown"


def signatures(body: Json) -> list[str]:
    """Signatures of the thinking blocks of a whole answer."""
    blocks = [b for b in sequence(body.get("content")) if isinstance(b, dict)]
    return [s for b in blocks if (s := signature(b))]


def signature(block: Json) -> str:
    """What only the model that wrote a thinking block accepts back, or '' for other blocks."""
    if block.get("type") == "thinking":
        return str(block.get("signature") or "")
    return str(block.get("data") or "") if block.get("type") == "redacted_thinking" else ""


def usage(value: Any) -> Usage | None:
    """The usage object, or None if there is none; cached tokens count as input here."""
    if not isinstance(value, dict):
        return None
    read = count(value.get("cache_read_input_tokens"))
    write = count(value.get("cache_creation_input_tokens"))
    fresh = count(value.get("input_tokens"))
    return Usage(fresh + read + write, count(value.get("output_tokens")), read, write)


def error(status: int, code: str, message: str) -> Json:
    """An error body; `code` goes beside Anthropic's own fields.

    >>> error(503, "breaker_open", "Try again.")["error"]["type"]
    'overloaded_error'
    """
    kind = _ERROR_TYPES.get(status, "api_error")
    return {"type": "error", "error": {"type": kind, "message": message, "code": code}}
