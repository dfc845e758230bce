"""An answer of one tier: whole, or a stream that has begun."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass

from router.errors import BackendGarbled
from router.types import Tier
from router.wire import Api, Json
from router.wire.anthropic import Fold as AnthropicFold
from router.wire.convert import fold_of
from router.wire.summary import Summary


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer of one tier, in its own dialect, and read."""

    tier: Tier
    body: Json
    summary: Summary


class Opened:
    """One backend's stream. Read ahead with `pull`; `events` gives all of it, from the start."""

    def __init__(self, tier: Tier, api: Api, source: AsyncGenerator[Json, None]) -> None:
        self.tier: Tier = tier
        self.api: Api = api
        self.fold = fold_of(api)
        self.over = False
        self._source = source
        self._head: list[Json] = []

    @property
    def signatures(self) -> list[str]:
        """Signatures of the thinking that has passed."""
        return self.fold.signatures if isinstance(self.fold, AnthropicFold) else []

    async def pull(self) -> bool:
        """Read one event ahead; false at the end. Raises BackendError."""
        event = await anext(self._source, None)
        if event is None:
            if not self._head:
                raise BackendGarbled("The backend sent a stream without an event.")
            self.over = True
            return False
        self.fold.add(event)
        self._head.append(event)
        return True

    async def events(self) -> AsyncGenerator[Json, None]:
        """What was read ahead, then the rest as it comes."""
        try:
            for event in self._head:
                yield event
            self._head = []
            async for event in self._source:
                self.fold.add(event)
                yield event
        finally:
            await self.close()

    async def close(self) -> None:
        """End the call upstream."""
        await self._source.aclose()
