"""OpenAI chat completions: reading answers, streams and errors.

Reference: https://platform.openai.com/docs/api-reference/chat
"""

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
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "refusal",
}
# https://platform.openai.com/docs/guides/error-codes
_ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permission_error",
    404: "not_found_error",
    413: "invalid_request_error",
    422: "invalid_request_error",
    429: "rate_limit_error",
}


def summary(body: Json) -> Summary:
    """Read a whole answer; the first choice counts."""
    choice = mapping(next(iter(sequence(body.get("choices"))), None))
    message = mapping(choice.get("message"))
    calls = [_call(c) for c in sequence(message.get("tool_calls"))]
    return Summary(
        text=text_of(message.get("content")) or str(message.get("refusal") or ""),
        model=str(body.get("model") or ""),
        finish=finish_of(choice.get("finish_reason"), bool(calls), message.get("refusal")),
        calls=calls,
        usage=usage(body.get("usage")),
        logprobs=_logprobs(choice),
    )


class Fold:
    """Puts the chunks of a stream together, first choice only."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._calls: dict[int, list[str]] = {}  # index -> id, name, arguments
        self._summary = Summary()
        self._finish: Any = None
        self._refused = False
        self.done = False

    def add(self, chunk: Json) -> None:
        """Take the next chunk."""
        self._summary.model = str(chunk.get("model") or self._summary.model)
        self._summary.usage = usage(chunk.get("usage")) or self._summary.usage
        for choice in sequence(chunk.get("choices")):
            if not isinstance(choice, dict) or choice.get("index", 0) != 0:
                continue
            delta = mapping(choice.get("delta"))
            for name in ("content", "refusal"):
                if isinstance(delta.get(name), str):
                    self._text.append(delta[name])
                    self._refused |= name == "refusal" and bool(delta[name])
            self._add_calls(delta)
            self._summary.logprobs += _logprobs(choice)
            if choice.get("finish_reason") is not None:
                self._finish, self.done = choice["finish_reason"], True

    def _add_calls(self, delta: Json) -> None:
        for number, part in enumerate(sequence(delta.get("tool_calls"))):
            function = mapping(mapping(part).get("function"))
            index = position(mapping(part).get("index"), number)
            known = self._calls.setdefault(index, ["", "", ""])
            known[0] = known[0] or str(mapping(part).get("id") or "")
            known[1] = known[1] or str(function.get("name") or "")
            known[2] += str(function.get("arguments") or "")

    def summary(self) -> Summary:
        """What there is so far."""
        out = self._summary
        out.text = "".join(self._text)
        out.calls = [ToolCall(n, a, i) for i, n, a in (self._calls[k] for k in sorted(self._calls))]
        out.finish = finish_of(self._finish, bool(out.calls), self._refused)
        return out


def usage(value: Any) -> Usage | None:
    """The usage object, or None if there is none."""
    if not isinstance(value, dict):
        return None
    details = mapping(value.get("prompt_tokens_details"))
    return Usage(
        count(value.get("prompt_tokens")),
        count(value.get("completion_tokens")),
        count(details.get("cached_tokens")),
        count(details.get("cache_write_tokens")),
    )


def error(status: int, code: str, message: str) -> Json:
    """An error body.

    >>> error(429, "queue_full", "Try again.")["error"]["type"]
    'rate_limit_error'
    """
    kind = _ERROR_TYPES.get(status, "api_error")
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def finish_of(reason: Any, calls: bool, refusal: Any) -> Finish:
    """How an answer ended, by its finish_reason; `calls`, `refusal`: whether it has any."""
    if refusal:
        return "refusal"
    if calls and reason == "stop":  # several servers say so beside calls
        return "tool_calls"
    return _FINISH.get(reason, "unknown") if isinstance(reason, str) else "unknown"


def _call(value: Any) -> ToolCall:
    function = mapping(mapping(value).get("function"))
    return ToolCall(
        str(function.get("name") or ""),
        str(function.get("arguments") or ""),
        str(mapping(value).get("id") or ""),
    )


def _logprobs(choice: Json) -> list[float]:
    tokens = sequence(mapping(choice.get("logprobs")).get("content"))
    return [
        float(t["logprob"])
        for t in tokens
        if isinstance(t, dict) and isinstance(t.get("logprob"), int | float)
    ]
