"""Claude's own API: https://docs.claude.com/en/api/messages."""

from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import aclosing
from typing import Protocol

from router.backends.base import Ask, Timeouts
from router.backends.http import Http
from router.errors import (
    BackendBusy,
    BackendError,
    BackendFailed,
    BackendRejected,
    RequestRefused,
)
from router.types import Tier
from router.wire import Api, Json, to_anthropic
from router.wire.anthropic import signature
from router.wire.summary import mapping, sequence

VERSION = "2026-10-21"
_THINKING = ("thinking", "redacted_thinking")
_WrittenBy = Callable[[str], str | None]  # a signature to the model that made it


class Signers(Protocol):
    """Who made which signature."""

    def written_by(self, signature: str) -> str | None:
        """The model, as far as it is known."""
        ...

    async def look_up(self, signatures: Iterable[str]) -> None:
        """Find out about some, before `written_by` is asked."""
        ...


class ClaudeBackend:
    """The cloud tier.

    It sends nothing but what the privacy filter has cleared: the bytes scanned, translated.
    `signers`: which model made a signature, as far as known; thinking of others stays behind.
    """

    tier: Tier = "cloud"
    api: Api = "anthropic"

    def __init__(
        self, http: Http, base_url: str, api_key: str, timeouts: Timeouts, signers: Signers
    ) -> None:
        self.name = "Claude"
        self._http, self._timeouts, self._signers = http, timeouts, signers
        self._url = base_url.rstrip("/")
        self._key = api_key

    async def send(self, ask: Ask) -> Json:
        """See `Backend`."""
        return await self._post("/v1/messages", ask, await self._cleared(ask))

    async def stream(self, ask: Ask) -> AsyncGenerator[Json, None]:
        """See `Backend`."""
        events = self._http.stream(
            f"{self._url}/v1/messages",
            await self._cleared(ask),
            self._headers(ask),
            self.name,
            self._timeouts,
            ask.deadline,
        )
        async with aclosing(events):
            async for event in events:
                if event.get("type") == "error":
                    raise _mid_stream(str(mapping(event.get("error")).get("type") or ""))
                yield event

    async def count_tokens(self, ask: Ask) -> Json:
        """How many tokens the request has, by Claude's own count; free of charge."""
        body = {k: v for k, v in (await self._cleared(ask)).items() if k in _COUNTED}
        return await self._post("/v1/messages/count_tokens", ask, body)

    async def _post(self, path: str, ask: Ask, body: Json) -> Json:
        return await self._http.post(
            self._url + path, body, self._headers(ask), self.name, self._timeouts, ask.deadline
        )

    async def _cleared(self, ask: Ask) -> Json:
        """The one place where words leave the machine."""
        if ask.clearance is None:
            raise RequestRefused(
                403, "not_cleared", "The privacy filter has not cleared this request for the cloud."
            )
        body = ask.clearance.body()
        await self._signers.look_up(_signed(body))
        return build(body, ask, self._signers.written_by)

    def _headers(self, ask: Ask) -> dict[str, str]:
        return {
            "anthropic-version": VERSION,
            **ask.headers,
            "authorization": f"Bearer {self._key}",
        }


_COUNTED = ("model", "messages", "system", "tools", "tool_choice", "thinking", "output_config")


def build(body: Json, ask: Ask, written_by: _WrittenBy) -> Json:
    """A cleared request as Claude gets it."""
    if ask.api == "openai":
        return to_anthropic.request(body, ask.model)
    out = {k: v for k, v in body.items() if k != "router"} | {"model": ask.model}
    out["messages"] = [_own(m, ask.model, written_by) for m in sequence(body.get("messages"))]
    out["messages"] = [m for m in out["messages"] if mapping(m).get("content") != []]
    if "thinking" in out and _lost_thinking(out["messages"]):
        del out["thinking"]
    return out


def _signed(body: Json) -> Iterator[str]:
    """The signatures in a request."""
    for message in sequence(body.get("messages")):
        yield from (signature(mapping(b)) for b in sequence(mapping(message).get("content")))


def _own(message: Json, model: str, written_by: _WrittenBy) -> Json:
    """A turn without thinking of another model: its signature would be refused."""
    content = mapping(message).get("content")
    if mapping(message).get("role") != "assistant" or not isinstance(content, list):
        return message
    kept = [
        b
        for b in content
        if mapping(b).get("type") not in _THINKING or written_by(signature(b)) == model
    ]
    return {**message, "content": kept}


def _lost_thinking(messages: list[Json]) -> bool:
    """Whether calls are being answered whose turn no longer begins with thinking.

    Claude refuses to go on thinking in such a turn, so this answer comes without.
    """
    if len(messages) < 2 or mapping(messages[-1]).get("role") != "user":
        return False
    results = [mapping(b).get("type") for b in sequence(messages[-1].get("content"))]
    turn = sequence(messages[-2].get("content"))
    return "tool_result" in results and mapping(next(iter(turn), None)).get("type") not in _THINKING


def _mid_stream(kind: str) -> BackendError:
    if kind == "rate_limit_error":
        return BackendBusy("Claude is too busy.")
    if kind in ("overloaded_error", "api_error", "timeout_error", ""):
        return BackendFailed("Claude failed in its stream.")
    return BackendRejected(f"Claude ended its stream with {kind}.", 400)
