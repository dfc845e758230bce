"""Looking at a local answer before it is given: the cascade of one request."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from time import perf_counter
from typing import Any

from router.answers.reading import Answer
from router.engine.cascade import answer_of, faults, head_faults, head_read, second_body
from router.engine.opened import Opened, Reply
from router.engine.record import Record
from router.errors import RouterError
from router.wire import Json
from router.wire.summary import Summary


class SecondOpinion:
    """Judges the local answer to one request, with a second local opinion where that pays.

    The second opinion is asked at once, beside the first, where the prompt alone makes it worth
    its price, and afterwards where reading the answer does. `ask(model, body)`: asks for it.
    """

    def __init__(
        self,
        record: Record,
        ask: Callable[[str, Json], Awaitable[Summary]],
    ) -> None:
        self._record, self._ask = record, ask
        self._router = record.policy.router

    @property
    def wanted(self) -> bool:
        """Whether anything could follow from looking: only where escalating is allowed."""
        return self._record.cascade != "off" and self._record.plan.may_escalate

    @property
    def _second(self) -> bool:
        return self._record.cascade == "second_opinion"

    @property
    def _worth_asking(self) -> bool:
        decision = self._record.decision
        return self._second and decision is not None and decision.act == "look"

    async def at_reply(self, first: Coroutine[Any, Any, Reply]) -> tuple[Reply, bool]:
        """The local answer, which `first` brings, and whether to escalate."""
        if self._worth_asking:
            reply, other = await _both(first, self._opinion())
        else:
            reply, other = await first, None
        return reply, await self._verdict(reply.summary, other)

    async def at_stream(self, opened: Opened) -> bool:
        """Whether to escalate, after reading as far as is needed."""
        began = perf_counter()
        if self._worth_asking:
            _, other = await _both(self._read(opened), self._opinion())
        else:
            await self._read(opened)
            other = None
        known = opened.fold.summary()
        if not opened.over:
            self._record.checks = head_faults(known.text)
            escalate = bool(self._record.checks)
        else:
            escalate = await self._verdict(known, other)
        self._record.waited_s = perf_counter() - began
        return escalate

    async def _read(self, opened: Opened) -> None:
        """Read ahead: all of it for a second opinion, JSON and calls, else the first words."""
        whole = self._second or self._record.call.wants_json
        while await opened.pull():
            if whole:
                continue
            known = opened.fold.summary()
            if head_read(known.text) and not known.calls:
                return

    async def _verdict(self, answer: Summary, other: Answer | None) -> bool:
        record, decision = self._record, self._record.decision
        record.checks = faults(answer, self._record.call)
        if decision is None or self._router.second is None:
            return bool(record.checks)
        own = answer_of(answer, self._record.models["local"])
        others = [other] if other else []
        record.after = self._router.predict_after(decision, own, others)
        if self._second and other is None and record.after.act == "look" and not record.checks:
            other = await self._opinion()
            if other is not None:
                record.after = self._router.predict_after(decision, own, [other])
        return bool(record.checks) or record.after.tier == "cloud"

    async def _opinion(self) -> Answer | None:
        """Another local model's answer; None if it gives none, which decides nothing."""
        record = self._record
        own = record.models["local"]
        name = record.policy.settings.second_model or own
        body = second_body(record.call, same_model=name == own)
        try:
            summary = await self._ask(name, body)
        except RouterError:
            return None
        opinion = answer_of(summary, name)
        record.second_model, record.second_answer = name, opinion.written
        return opinion


async def _both(
    first: Coroutine[Any, Any, Any], second: Coroutine[Any, Any, Answer | None]
) -> tuple[Any, Answer | None]:
    """Both at once; the second is given up if the first fails."""
    beside = asyncio.ensure_future(second)
    try:
        return await first, await beside
    finally:
        beside.cancel()
