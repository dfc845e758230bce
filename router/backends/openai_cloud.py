"""A cloud that speaks OpenAI chat completions: a company's gateway, OpenRouter, OpenAI itself."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from router.backends import local
from router.backends.base import Ask, Timeouts
from router.backends.http import Http
from router.errors import BackendFailed, RequestRefused
from router.types import Tier
from router.wire import Api, Json

_OPENAI = "https://api.openai.com"


class OpenAICloud:
    """The cloud tier, where it is not Claude's own API. It sends nothing that was not cleared."""

    tier: Tier = "cloud"
    api: Api = "openai"

    def __init__(self, http: Http, base_url: str, api_key: str, timeouts: Timeouts) -> None:
        self.name = "The cloud"
        self._http, self._timeouts = http, timeouts
        self._url = base_url.rstrip("/").removesuffix("/v1")
        self._headers = {"authorization": f"Bearer {api_key}"}

    async def send(self, ask: Ask) -> Json:
        """See `Backend`."""
        return await self._http.post(
            f"{self._url}/v1/chat/completions",
            self._body(ask),
            self._headers,
            self.name,
            self._timeouts,
            ask.deadline,
        )

    async def stream(self, ask: Ask) -> AsyncGenerator[Json, None]:
        """See `Backend`."""
        events = self._http.stream(
            f"{self._url}/v1/chat/completions",
            self._body(ask),
            self._headers,
            self.name,
            self._timeouts,
            ask.deadline,
        )
        async with aclosing(events):
            async for event in events:
                if "error" in event:
                    raise BackendFailed(f"{self.name} failed in its stream.")
                yield event

    def _body(self, ask: Ask) -> Json:
        body = build(ask)
        if self._url == _OPENAI and "max_tokens" in body:  # its newer models take one name alone
            body.setdefault("max_completion_tokens", body.pop("max_tokens"))
        return body


def build(ask: Ask) -> Json:
    """A cleared request as the cloud gets it: the bytes scanned, translated."""
    if ask.clearance is None:
        raise RequestRefused(
            403, "not_cleared", "The privacy filter has not cleared this request for the cloud."
        )
    return local.build(replace(ask, body=ask.clearance.body()))
