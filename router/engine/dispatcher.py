"""Acting on a plan: ask, judge, escalate or fall back, once, and write down what happened."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from time import perf_counter

from router.backends.base import Ask, Backend
from router.backends.metering import answer_cost_usd
from router.engine.call import Call
from router.engine.cascade import CASCADE_HEADER, CASCADES, answer_of
from router.engine.expected import cache_saved_usd
from router.engine.opened import Opened, Reply
from router.engine.pace import Pace
from router.engine.plan import Planner
from router.engine.record import Record, decision_id
from router.engine.second_opinion import SecondOpinion, learn_from
from router.engine.signatures import Signatures
from router.errors import (
    CLIENT_GONE,
    BackendError,
    BackendGarbled,
    BackendRejected,
    JournalFull,
    RequestRefused,
    RouterError,
)
from router.outcomes import kept
from router.outcomes.faults import Fault
from router.outcomes.writer import OutcomeLog
from router.types import Tier
from router.wire import Json, anthropic
from router.wire.convert import rendered, rendering, summary_of
from router.wire.summary import Summary


class Dispatcher:
    """Answers requests. One per process; holds no state of a request.

    `clock`: Unix time in seconds; `backends`: by tier, in their wrappings; `watchers`: are shown
    every record at its end.
    """

    def __init__(
        self,
        planner: Planner,
        backends: Mapping[Tier, Backend],
        log: OutcomeLog,
        signatures: Signatures,
        clock: Callable[[], float],
        watchers: Sequence[Callable[[Record], None]] = (),
    ) -> None:
        self.planner, self.log = planner, log
        self._backends, self._signatures, self._clock = backends, signatures, clock
        self._watchers = watchers
        self.pace = Pace()

    async def answer(self, call: Call) -> tuple[Json, Record]:
        """The whole answer in the client's dialect. Raises RouterError."""
        self.log.admit()
        record, started = self._record(call), perf_counter()
        try:
            await self._plan(record)
            reply = await self._reply(record)
            self._settle(record, reply.tier, reply.summary)
            body = rendered(
                reply.body, call.body, self._backends[reply.tier].api, call.api, int(record.at)
            )
        except BaseException as error:
            await self._end(record, started, error)
            raise
        await self._end(record, started)
        return body, record

    async def open(self, call: Call) -> tuple[AsyncGenerator[Json, None], Record]:
        """The answer as a stream in the client's dialect, its first event already there.

        Raises RouterError as long as nothing was sent; the stream itself may raise BackendError,
        and JournalFull before its last event.
        """
        self.log.admit()
        record, started = self._record(call), perf_counter()
        try:
            await self._plan(record)
            opened = await self._opened(record)
            record.first_token_s = perf_counter() - started
        except BaseException as error:
            await self._end(record, started, error)
            raise
        self._answered(record, opened.tier)
        relay = self._relay(record, opened, started)
        await anext(relay)  # from here on, closing it ends the call and writes the row
        return relay, record

    async def explain(self, call: Call) -> Record:
        """The decision without the call; nothing is logged."""
        record = self._record(call)
        await self._plan(record)
        return record

    # One request

    def _record(self, call: Call) -> Record:
        policy = self.planner.policy
        now = self._clock()
        return Record(
            id=decision_id(now),
            at=now,
            call=call,
            policy=policy,
            deadline=asyncio.get_running_loop().time() + policy.settings.request_s,
        )

    async def _plan(self, record: Record) -> None:
        call, settings = record.call, record.policy.settings
        record.screening = await self.planner.screen(call, record.policy)
        record.cascade = call.headers.get(CASCADE_HEADER, settings.cascade)
        if record.cascade not in CASCADES:
            raise RequestRefused(
                400, "invalid_cascade", f"{CASCADE_HEADER} must be one of {', '.join(CASCADES)}."
            )
        await self.planner.plan(record)
        if record.looked_at:
            record.wants_logprobs = self.planner.gives_logprobs
        if record.keeps == "features" and call.request is not None:
            extractor = record.policy.router.extractor
            record.features = kept.pack(extractor.extract([call.request]))

    def ask(self, record: Record, tier: Tier) -> Ask:
        """The request for one tier; for the cloud only with the privacy filter's clearance."""
        call, clearance = record.call, None
        if tier == "cloud" and record.screening is not None:
            clearance = record.screening.clear()
        return Ask(
            api=call.api,
            body=call.body,
            model=record.models[tier],
            deadline=record.deadline,
            clearance=clearance,
            est_usd=record.est_usd,
            key=call.key,
            headers=call.passed_headers,
            logprobs=tier == "local" and record.wants_logprobs,
            native=call.native if tier == "local" and self.planner.speaks_ollama else None,
        )

    async def _opinion(self, record: Record, model: str, body: Json) -> Summary:
        """Another local answer to the same request. Raises RouterError."""
        ask = replace(self.ask(record, "local"), model=model, body=body, native=None)
        return summary_of(await self._backends["local"].send(ask), self._backends["local"].api)

    async def _send(self, record: Record, tier: Tier) -> Reply:
        """Ask one tier for a whole answer. Raises RouterError."""
        backend = self._backends[tier]
        answer = await backend.send(self.ask(record, tier))
        summary = summary_of(answer, backend.api)
        if summary.finish == "unknown" and not summary.text and not summary.calls:
            raise BackendGarbled(f"{backend.name} answered JSON that is no answer.")
        if backend.api == "anthropic":
            self._signatures.remember(anthropic.signatures(answer), record.models[tier])
        if tier == "local" and (problem := self.planner.truncated(record, summary.usage)):
            raise BackendRejected(problem, 400)
        return Reply(tier, answer, summary)

    async def _reply(self, record: Record) -> Reply:
        plan = record.plan
        opinion = SecondOpinion(record, partial(self._opinion, record))
        try:
            if record.looked_at:
                reply, escalate = await opinion.at_reply(self._send(record, "local"))
            else:
                reply, escalate = await self._send(record, plan.tier), False
        except (BackendError, RequestRefused) as error:
            return await self._send(record, self._fallback(record, error))
        if not escalate:
            return reply
        try:
            better = await self._send(record, "cloud")
        except RouterError as error:  # the local answer is there
            record.kept_for = _code(error)
            return reply
        record.escalated, record.local_answer = True, answer_of(reply.summary, "").written
        return better

    async def _opened(self, record: Record) -> Opened:
        plan = record.plan
        opinion = SecondOpinion(record, partial(self._opinion, record))
        try:
            opened = await self._start(record, plan.tier)
            escalate = record.looked_at and await self._looked(record, opinion, opened)
        except (BackendError, RequestRefused) as error:
            return await self._start(record, self._fallback(record, error))
        if not escalate:
            return opened
        try:
            better = await self._start(record, "cloud")
        except RouterError as error:
            record.kept_for = _code(error)
            return opened
        local = answer_of(opened.fold.summary(), "")
        record.escalated, record.local_answer = True, local.written
        await opened.close()
        return better

    async def _looked(self, record: Record, opinion: SecondOpinion, opened: Opened) -> bool:
        """Whether to escalate a stream."""
        try:
            pace = self.pace.chars_per_s(record.models["local"])
            return await opinion.at_stream(opened, pace)
        except BaseException:
            await opened.close()
            raise

    async def _start(self, record: Record, tier: Tier) -> Opened:
        backend = self._backends[tier]
        opened = Opened(tier, backend.api, backend.stream(self.ask(record, tier)))
        await opened.pull()
        return opened

    def _fallback(self, record: Record, error: BackendError | RequestRefused) -> Tier:
        """The tier that steps in for one that failed, or `error` again if none may."""
        fallback = record.plan.fallback
        if fallback is None or fallback not in self._backends:
            if record.private and not record.masked and isinstance(error, BackendError):
                raise RequestRefused(
                    503,
                    "private_local_unavailable",
                    "The request holds private content and may not leave, but the local tier "
                    f"failed: {error}",
                ) from error
            raise error
        # Not the error's own words: a backend may repeat the prompt in them.
        record.fell_back = f"The {record.plan.tier} tier failed ({_code(error)})."
        return fallback

    async def _relay(
        self, record: Record, opened: Opened, started: float
    ) -> AsyncGenerator[Json, None]:
        """Everything but the last event, then the row, then the last event."""
        call = record.call
        render = rendering(call.body, opened.api, call.api, int(record.at))
        note = record.first_event() if record.cascade == "second_opinion" else None
        try:
            async with aclosing(opened.events()) as events:
                yield {}
                async for event in events:
                    for out in render.feed(event):
                        if note is not None:
                            out, note = {**out, "router": note}, None
                        yield out
            answer = opened.fold.summary()
            self._settle(record, opened.tier, answer)
            self._signatures.remember(opened.signatures, record.models[opened.tier])
            if opened.tier == "local":
                self._learn(record, opened, answer)
            last = render.end()
        except BaseException as error:
            self._settle(record, opened.tier, opened.fold.summary())
            await self._end(record, started, error)
            raise
        await self._end(record, started)
        for out in last:
            yield out

    def _learn(self, record: Record, opened: Opened, answer: Summary) -> None:
        """Note what a local stream shows once all of it has come."""
        self.pace.saw(record.models["local"], len(answer.text), opened.seconds)
        if not opened.over and record.looked_at:
            learn_from(record, answer)
        if self.planner.truncated(record, answer.usage):
            record.checks.append(Fault.PROMPT_CUT)

    def _answered(self, record: Record, tier: Tier) -> None:
        record.tier, record.model = tier, record.models[tier]
        if tier == "local":
            record.model_digest = self.planner.digest(record.model)

    def _settle(self, record: Record, tier: Tier, answer: Summary) -> None:
        """Note who answered what, and what it cost."""
        self._answered(record, tier)
        record.answer = answer
        if tier == "cloud":
            prices = record.policy.router.prices
            cost = answer_cost_usd(prices, record.model, answer, record.est_usd)
            record.switch_usd = max(record.est_usd - (record.cloud_usd or 0.0), 0.0)
            record.cost_usd = record.cloud_usd = cost
            record.cache_usd = cache_saved_usd(prices, record.model, answer.usage)

    async def _end(
        self, record: Record, started: float, error: BaseException | None = None
    ) -> None:
        """Write the row. Whoever has gone does not wait for it.

        Raises JournalFull where there was an answer: it is not given without its row.
        """
        record.latency_s = perf_counter() - started
        if error is not None:
            record.failed(error)
        if isinstance(error, RouterError):
            error.headers = record.headers()
        record.close()
        for watch in self._watchers:
            watch(record)
        try:
            written = self.log.write(record.row)
        except JournalFull:
            if error is None:
                raise
            return
        if written is not None and record.status != CLIENT_GONE:
            await written


def _code(error: RouterError) -> str:
    return str(getattr(error, "code", type(error).__name__))
