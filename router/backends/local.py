"""A local server that speaks OpenAI chat completions: Ollama, llama.cpp, LM Studio, vLLM."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

from router.backends.base import Ask, Timeouts
from router.backends.http import Http
from router.errors import BackendFailed, BackendTimeout
from router.types import Tier
from router.wire import Api, Json, to_openai
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
            return await self._http.post(
                f"{self._url}/v1/chat/completions",
                build(ask),
                self._headers,
                self.name,
                self._timeouts,
                ask.deadline,
            )
        except BackendTimeout as error:
            error.trips = not await self._loading(ask.model)
            raise

    async def stream(self, ask: Ask) -> AsyncGenerator[Json, None]:
        """See `Backend`."""
        events = self._http.stream(
            f"{self._url}/v1/chat/completions",
            build(ask),
            self._headers,
            self.name,
            self._timeouts,
            ask.deadline,
        )
        try:
            async with aclosing(events):
                async for event in events:
                    if "error" in event and "choices" not in event:
                        raise BackendFailed(f"{self.name} failed in its stream.")
                    yield event
        except BackendTimeout as error:
            error.trips = not await self._loading(ask.model)
            raise

    async def embeddings(self, body: Json, deadline: float) -> Json:
        """Vectors of texts, by OpenAI's /v1/embeddings."""
        return await self._http.post(
            f"{self._url}/v1/embeddings", body, self._headers, self.name, self._timeouts, deadline
        )


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
