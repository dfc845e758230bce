"""A cloud backend whose every call is paid from a budget."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from router.backends.base import Ask, Backend
from router.errors import ConfigError, RequestRefused
from router.outcomes.budget import Ledger, Reservation
from router.prices import CHARS_PER_TOKEN, Prices
from router.types import Tier
from router.wire import Api, Json
from router.wire.convert import fold_of, summary_of
from router.wire.summary import Summary, Usage


class Metered:
    """Reserves the estimate before a call and settles it with what the answer reports.

    A stream that breaks off is settled with what was generated so far. Raises RequestRefused
    (402) where the estimate exceeds a cap.
    """

    def __init__(self, backend: Backend, ledger: Ledger, prices: Prices) -> None:
        self.name = backend.name
        self.tier: Tier = backend.tier
        self.api: Api = backend.api
        self._backend, self._ledger, self._prices = backend, ledger, prices

    async def send(self, ask: Ask) -> Json:
        """See `Backend`."""
        reservation = await self._reserve(ask)
        paid = 0.0
        try:
            answer = await self._backend.send(ask)
            paid = self._cost_usd(ask, summary_of(answer, self.api))
            return answer
        finally:
            self._ledger.settle(reservation, paid)

    async def stream(self, ask: Ask) -> AsyncGenerator[Json, None]:
        """See `Backend`."""
        reservation = await self._reserve(ask)
        fold = fold_of(self.api)
        started = False
        try:
            async with aclosing(self._backend.stream(ask)) as events:
                async for event in events:
                    started = True
                    fold.add(event)
                    yield event
        finally:
            paid = self._cost_usd(ask, fold.summary()) if started else 0.0
            self._ledger.settle(reservation, paid)

    def _cost_usd(self, ask: Ask, so_far: Summary) -> float:
        return answer_cost_usd(self._prices, ask.model, so_far, ask.est_usd)

    async def _reserve(self, ask: Ask) -> Reservation:
        reserved = await self._ledger.reserve(ask.est_usd, ask.key)
        if isinstance(reserved, str):
            raise RequestRefused(402, "budget_exceeded", reserved)
        return reserved


def _usage_usd(prices: Prices, model: str, usage: Usage | None, otherwise: float) -> float:
    """What a call cost by its reported usage, or `otherwise` if that or its price is unknown."""
    if usage is None:
        return otherwise
    try:
        return prices.usd(
            model, usage.input_tokens, usage.output_tokens, usage.cache_read, usage.cache_write
        )
    except ConfigError:  # a model newer than the price list
        return otherwise


def answer_cost_usd(prices: Prices, model: str, so_far: Summary, otherwise: float) -> float:
    """What an answer cost, whole or broken off: a broken stream reports no output tokens."""
    usage = so_far.usage
    if usage is None or so_far.finish != "unknown":
        return _usage_usd(prices, model, usage, otherwise)
    written = len(so_far.text) + sum(len(c.arguments) for c in so_far.calls)
    output = max(usage.output_tokens, round(written / CHARS_PER_TOKEN))
    return _usage_usd(prices, model, replace(usage, output_tokens=output), otherwise)
