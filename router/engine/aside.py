"""Asking a tier outside of any request: for second opinions, and for a judge. Nothing is logged."""

import asyncio
from collections.abc import Mapping

from router.backends.base import Ask, Backend
from router.backends.metering import answer_cost_usd
from router.engine.call import Call
from router.engine.plan import Planner
from router.prices import Prices
from router.types import Tier
from router.wire import Api, Json
from router.wire.convert import summary_of
from router.wire.summary import Summary


class Aside:
    """Both tiers, in the wrappings that requests use. Methods raise RouterError."""

    def __init__(self, planner: Planner, backends: Mapping[Tier, Backend]) -> None:
        self._planner, self._backends = planner, backends

    @property
    def prices(self) -> Prices:
        """What cloud models cost now."""
        return self._planner.policy.router.prices

    async def local(self, api: Api, body: Json, model: str) -> Summary:
        """A local model's answer."""
        backend = self._backends["local"]
        ask = Ask(api=api, body=body, model=model, deadline=self._deadline())
        return summary_of(await backend.send(ask), backend.api)

    async def cloud(self, body: Json, model: str) -> tuple[Summary, float]:
        """The cloud's answer to a body in Anthropic's dialect, and its price in US dollars.

        The privacy filter and the caps hold: RequestRefused where there is private content.
        """
        policy = self._planner.policy
        call = Call.of("anthropic", {**body, "model": model}, tier="cloud")
        screening = await self._planner.screen(call, policy)
        est_usd = self.prices.estimate_usd(model, len(call.payload), policy.settings.output_tokens)
        ask = Ask(
            api="anthropic",
            body=call.body,
            model=model,
            clearance=screening.clear(),
            deadline=self._deadline(),
            est_usd=est_usd,
        )
        backend = self._backends["cloud"]
        summary = summary_of(await backend.send(ask), backend.api)
        return summary, answer_cost_usd(self.prices, model, summary, est_usd)

    def _deadline(self) -> float:
        return asyncio.get_running_loop().time() + self._planner.policy.settings.request_s
