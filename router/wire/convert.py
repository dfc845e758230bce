"""Answers for the client, whatever dialect they came in."""

from typing import Protocol

from router.wire import Api, Json, anthropic, openai
from router.wire.answers import to_anthropic, to_openai
from router.wire.streams import ToAnthropic, ToOpenAI
from router.wire.summary import Summary, mapping, sequence


class Fold(Protocol):
    """Puts a stream together."""

    def add(self, event: Json, /) -> None:
        """Take the next event."""
        ...

    def summary(self) -> Summary:
        """What there is so far."""
        ...


class Rendering(Protocol):
    """Turns a backend's events into the client's."""

    def feed(self, event: Json, /) -> list[Json]:
        """The client's events for one of the backend's."""
        ...

    def end(self) -> list[Json]:
        """What follows the last event: sent once the outcome is on disk."""
        ...


class _SameOpenAI:
    """Chunks as they are, but for what only the router had asked for."""

    def __init__(self, include_usage: bool, logprobs: bool) -> None:
        self._include_usage, self._logprobs = include_usage, logprobs

    def feed(self, event: Json) -> list[Json]:
        if not self._logprobs:
            event = _without_logprobs(event)
        if self._include_usage or "usage" not in event:
            return [event]
        if not sequence(event.get("choices")):
            return []
        return [{k: v for k, v in event.items() if k != "usage"}]

    def end(self) -> list[Json]:
        return []


class _SameAnthropic:
    """Events as they are; the last is held until the end."""

    def feed(self, event: Json) -> list[Json]:
        return [] if event.get("type") == "message_stop" else [event]

    def end(self) -> list[Json]:
        return [{"type": "message_stop"}]


def fold_of(api: Api) -> Fold:
    """What reads a stream of that dialect."""
    return openai.Fold() if api == "openai" else anthropic.Fold()


def summary_of(body: Json, api: Api) -> Summary:
    """A whole answer of that dialect, read."""
    return openai.summary(body) if api == "openai" else anthropic.summary(body)


def rendering(request: Json, source: Api, target: Api, created: int) -> Rendering:
    """For the stream that answers `request`, which is in the dialect `target`.

    `created`: Unix time in seconds.
    """
    include_usage = bool(mapping(request.get("stream_options")).get("include_usage"))
    if target == "openai":
        if source == target:
            return _SameOpenAI(include_usage, bool(request.get("logprobs")))
        return ToOpenAI(created, include_usage)
    return _SameAnthropic() if source == target else ToAnthropic(_wants_thinking(request))


def rendered(body: Json, request: Json, source: Api, target: Api, created: int) -> Json:
    """A whole answer in the dialect `target`; as it is where the dialects are one."""
    if target == "openai":
        if source != target:
            return to_openai(body, created)
        return body if request.get("logprobs") else _without_logprobs(body)
    if source == target:
        return body
    return to_anthropic(body, _wants_thinking(request))


def _without_logprobs(body: Json) -> Json:
    choices = sequence(body.get("choices"))
    if not any(mapping(c).get("logprobs") for c in choices):
        return body
    spared = [{**c, "logprobs": None} if isinstance(c, dict) else c for c in choices]
    return {**body, "choices": spared}


def _wants_thinking(request: Json) -> bool:
    """Whether an Anthropic client asked for thinking blocks."""
    return mapping(request.get("thinking")).get("type") in ("enabled", "adaptive")
