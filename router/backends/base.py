"""The seam between deciding and answering."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Protocol

from router.backends.constants import BETWEEN_TOKENS_S, CONNECT_S, FIRST_TOKEN_S, WHOLE_S
from router.privacy import Clearance
from router.types import Tier
from router.wire import Api, Json
from router.wire.ollama import Native


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds that a backend has to connect, for its first token, between tokens and in all."""

    connect_s: float = CONNECT_S
    first_token_s: float = FIRST_TOKEN_S
    between_tokens_s: float = BETWEEN_TOKENS_S
    whole_s: float = WHOLE_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request to one backend.

    `api`: the dialect of `body`, which is the client's. `deadline`: when all must be over, on the
    event loop's clock. `clearance`: the privacy filter's, without which no cloud backend sends.
    `headers`: of the client's, those that the backend's API defines. `est_usd`: what it is
    expected to cost; `key`: name of the API key that pays. `logprobs`: ask for log-probabilities
    even if the client did not. `native`: the same request for a local server that is Ollama, in
    Ollama's own API.
    """

    api: Api
    body: Json
    model: str
    deadline: float
    clearance: Clearance | None = None
    headers: dict[str, str] = field(default_factory=dict)
    est_usd: float = 0.0
    key: str | None = None
    logprobs: bool = False
    native: Native | None = None


class Backend(Protocol):
    """Something that answers, in its own dialect.

    Both methods raise BackendError, or InputError for what cannot be translated.
    """

    name: str
    tier: Tier
    api: Api

    async def send(self, ask: Ask) -> Json:
        """The whole answer."""
        ...

    def stream(self, ask: Ask) -> AsyncGenerator[Json, None]:
        """The answer event by event. Closing the iterator ends the call upstream."""
        ...
