"""A local server that speaks OpenAI chat completions: Ollama, llama.cpp, LM Studio, vLLM."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing

import httpx

from router.backends.base import Ask, Timeouts
from router.backends.constants import DISCOVERY_S
from router.backends.http import Http
from router.errors import BackendFailed, BackendTimeout
from router.types import Tier
from router.wire import Api, Json, ndjson, to_openai
from router.wire.ollama import Native, ToChunks
from router.wire.summary import mapping, sequence

_NOT_OURS = ("router",)


class LocalBackend:
    """The local tier.

    `loading`: says whether a model is still being brought into memory; slowness is no fault then.
    """

    tier: Tier = "local"
    api: Api = "openai"

    def __init__(
        self,
        http: Http,
        base_url: str,
        timeouts: Timeouts,
        loading: Callable[[str], Awaitable[bool]],
        api_key: str | None = None,
    ) -> None:
        self.name = "The local server"
        self._http, self._timeouts, self._loading = http, timeouts, loading
        self._url = base_url.rstrip("/")
        self._headers = {"authorization": f"Bearer {api_key}"} if api_key else {}

    async def send(self, ask: Ask) -> Json:
        """See `Backend`."""
        try:
            if ask.native is not None:
                body = ask.native.sent(ask.model, stream=False)
                return ToChunks().whole(await self.post(ask.native.path, body, ask.deadline))
            return await self.post("/v1/chat/completions", build(ask), ask.deadline)
        except BackendTimeout as error:
            error.trips = not await self._loading(ask.model)
            raise

    async def stream(self, ask: Ask) -> AsyncGenerator[Json, None]:
        """See `Backend`."""
        events = self._chunks(ask) if ask.native is None else self._lines(ask, ask.native)
        try:
            async with aclosing(events):
                async for event in events:
                    if "error" in event and "choices" not in event:
                        raise BackendFailed(f"{self.name} failed in its stream.")
                    yield event
        except BackendTimeout as error:
            error.trips = not await self._loading(ask.model)
            raise

    async def told(self, path: str) -> Json:
        """What the server says of itself at an address of its own API. Raises BackendError."""
        return await self._http.get(f"{self._url}{path}", DISCOVERY_S, self._headers)

    async def post(self, path: str, body: Json, deadline: float) -> Json:
        """What the server answers at an address. Raises BackendError."""
        return await self._http.post(
            self._url + path, body, self._headers, self.name, self._timeouts, deadline
        )

    async def relay(
        self, method: str, path: str, headers: dict[str, str], content: bytes | AsyncIterator[bytes]
    ) -> httpx.Response:
        """Its answer to anything, as it comes: whoever takes it closes it. Raises BackendError."""
        return await self._http.relay(
            method,
            self._url + path,
            {**headers, **self._headers},
            content,
            self.name,
            self._timeouts,
        )

    def _chunks(self, ask: Ask) -> AsyncGenerator[Json, None]:
        return self._http.stream(
            f"{self._url}/v1/chat/completions",
            build(ask),
            self._headers,
            self.name,
            self._timeouts,
            ask.deadline,
        )

    async def _lines(self, ask: Ask, native: Native) -> AsyncGenerator[Json, None]:
        """The stream of Ollama's own API, as chunks."""
        lines = self._http.stream(
            f"{self._url}{native.path}",
            native.sent(ask.model, stream=True),
            self._headers,
            self.name,
            self._timeouts,
            ask.deadline,
            ndjson.Decoder,
        )
        made = ToChunks()
        async with aclosing(lines):
            async for line in lines:
                yield line if "error" in line else made.feed(line)

    async def embeddings(self, body: Json, deadline: float) -> Json:
        """Vectors of texts, by OpenAI's /v1/embeddings."""
        return await self.post("/v1/embeddings", body, deadline)


def build(ask: Ask) -> Json:
    """The request as the local server gets it."""
    if ask.api == "anthropic":
        body = to_openai.request(ask.body, ask.model)
    else:
        body = {k: v for k, v in ask.body.items() if k not in _NOT_OURS} | {"model": ask.model}
        body["messages"] = [_without_reasoning(m) for m in sequence(body.get("messages"))]
        if body.get("stream"):  # the outcome log wants the usage; who did not ask is spared it
            body["stream_options"] = {**mapping(body.get("stream_options")), "include_usage": True}
    if ask.logprobs and not body.get("logprobs"):
        body |= {"logprobs": True, "top_logprobs": 1}
    return body


def _without_reasoning(message: Json) -> Json:
    """A turn without the thinking of whichever model wrote it."""
    if not isinstance(message, dict) or "reasoning_content" not in message:
        return message
    return {k: v for k, v in message.items() if k != "reasoning_content"}
