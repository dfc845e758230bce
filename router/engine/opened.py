"""An answer of one tier: whole, or a stream that has begun."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from time import perf_counter

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
        self._coming: asyncio.Task[Json | None] | None = None  # an event nobody waited out
        self._began = 0.0

    @property
    def signatures(self) -> list[str]:
        """Signatures of the thinking that has passed."""
        return self.fold.signatures if isinstance(self.fold, AnthropicFold) else []

    @property
    def seconds(self) -> float:
        """Since its first event."""
        return perf_counter() - self._began

    async def pull(self, until: float | None = None) -> bool:
        """Read one event ahead; false at the end. Raises BackendError.

        False too where none has come by `until`, on the event loop's clock; it is not lost then.
        """
        if until is not None and not await self._comes(until):
            return False
        event = await self._next()
        if event is None:
            if not self._head:
                raise BackendGarbled("The backend sent a stream without an event.")
            self.over = True
            return False
        self._began = self._began or perf_counter()
        self.fold.add(event)
        self._head.append(event)
        return True

    async def events(self) -> AsyncGenerator[Json, None]:
        """What was read ahead, then the rest as it comes."""
        try:
            for event in self._head:
                yield event
            self._head = []
            while (coming := await self._next()) is not None:
                self.fold.add(coming)
                yield coming
        finally:
            await self.close()

    async def close(self) -> None:
        """End the call upstream."""
        if (coming := self._coming) is not None:
            self._coming = None
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)
        await self._source.aclose()

    async def _next(self) -> Json | None:
        """The next event, None at the end."""
        if (coming := self._coming) is None:
            return await anext(self._source, None)
        self._coming = None
        return await coming

    async def _comes(self, until: float) -> bool:
        """Whether the next event, or the end, comes in time. Waiting less does not stop it."""
        if self._coming is None:
            self._coming = asyncio.ensure_future(anext(self._source, None))
        left = until - asyncio.get_running_loop().time()
        done, _ = await asyncio.wait([self._coming], timeout=max(left, 0.0))
        return bool(done)
