"""Gathering what the rules look at: privacy filter, models served, budget, breakers."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from random import Random

from router.backends.discovery import LocalModel, LocalServer
from router.backends.resilience import Breaker
from router.engine.call import Call
from router.engine.constants import (
    LONG_REQUEST_BYTES,
    LOOP_DOUBTS,
    LOOP_FAILED,
    LOOP_MALFORMED,
    LOOP_REPEATS,
)
from router.engine.conversations import Conversation, Conversations
from router.engine.expected import Expected, Preamble, expected
from router.engine.exploring import exploration_of
from router.engine.in_force import Policy
from router.engine.named import named
from router.engine.record import Record
from router.engine.rules import Facts, LoopFacts, TierStatus, decide
from router.errors import ConfigError, InputError
from router.outcomes.budget import Ledger
from router.privacy import Screening
from router.privacy.filter import PRIVATE_HEADER
from router.settings import Settings
from router.types import Request, Tier
from router.wire import to_anthropic, to_openai
from router.wire.summary import Usage, mapping, sequence

_GIVES_LOGPROBS = ("llama.cpp", "vllm")  # others may refuse a field that they do not know
CLOUD_URL = "https://api.anthropic.com"


class Planner:
    """Plans requests under the policy of the moment."""

    def __init__(
        self,
        policy: Policy,
        ledger: Ledger,
        breakers: Mapping[Tier, Breaker],
        server: Callable[[], LocalServer],
        rng: Random,
        conversations: Conversations,
    ) -> None:
        self.policy = policy
        self._ledger, self._breakers, self._server, self._rng = ledger, breakers, server, rng
        self._conversations = conversations

    async def plan(self, record: Record) -> None:
        """Find out who answers, and note it. Raises RequestRefused or InputError."""
        facts, cost = await self._facts(record)
        record.plan, record.decision = decide(facts), facts.decision
        record.models = {"local": facts.local.model, "cloud": facts.cloud.model}
        record.est_usd, record.cloud_usd = cost.cloud_usd, cost.kept_usd
        self._draw_for_audit(record)

    def _draw_for_audit(self, record: Record) -> None:
        """By lot, before anybody has seen an answer; private ones only where features are kept."""
        settings = record.policy.settings
        may = not record.private or settings.private_learning == "features"
        if record.decision is None or not may or not settings.audit:
            return
        record.audit = settings.audit
        record.audited = self._rng.random() < settings.audit

    async def _facts(self, record: Record) -> tuple[Facts, Expected]:
        """What the rules look at, and what the turn is expected to cost."""
        call, policy = record.call, record.policy
        settings, server = policy.settings, self._server()
        wanted = named(call, settings, server)
        local_name = wanted.local or policy.router.local_model
        local = server.find(local_name)
        cloud_name = wanted.cloud or settings.cloud_model
        request = call.request
        await self._conversations.look_up(record)
        conversation = self._conversations.of(record)
        preamble = self._conversations.preamble(record, cloud_name)
        cost = _expected(cloud_name, record, conversation, preamble)
        if request is not None and cost is not None:
            request = replace(request, cloud_usd=cost.cloud_usd, leaving_usd=cost.leaving_usd)
        if request is not None and cloud_name != policy.router.cloud_model:
            request = replace(request, cloud_model=cloud_name)
        decision = await policy.batcher.decide(request) if request is not None else None
        if cost is None:
            est_usd = (
                policy.router.answer_usd(cloud_name, len(call.payload))
                if decision is None
                else decision.est_cost_usd
            )
            cost = Expected(cloud_usd=est_usd, kept_usd=est_usd)
        record.doubts = conversation.doubts
        explore = exploration_of(settings.exploration, settings.exploration_near, decision)
        facts = Facts(
            local=TierStatus(
                model=local_name,
                lacks=_local_lacks(call, local, local_name, settings, self.speaks_ollama),
                down=self._down("local"),
            ),
            cloud=TierStatus(
                model=cloud_name,
                absent=_cloud_absent(settings),
                lacks=_cloud_lacks(call, settings),
                over_budget=await self._ledger.exceeded(cost.cloud_usd, call.key) or "",
                down=self._down("cloud"),
            ),
            named=wanted.tier,
            private=() if record.masked else record.private,
            masked=record.masked,
            failover=settings.failover,
            decision=decision,
            background=request.background if request is not None else "",
            loop=_loop(request, conversation, settings),
            exploration=explore,
            draw=self._rng.random() if explore else 1.0,
        )
        return facts, cost

    async def screen(self, call: Call, policy: Policy) -> Screening:
        """What the privacy filter says, the client's headers included. Raises RequestRefused.

        A long request is scanned, and read for the router, beside the event loop, so that the
        others go on meanwhile: one of 50,000 turns takes half a second.
        """
        declared = call.headers.get(PRIVATE_HEADER)
        scan = partial(
            policy.privacy_filter.screen, call.payload, declared, call.body, call.passed_headers
        )
        if len(call.payload) <= LONG_REQUEST_BYTES:
            return scan()

        def scan_and_read() -> Screening:
            found = scan()
            with suppress(InputError):  # which is said where the request is asked for
                _ = call.request  # it remembers
            return found

        return await asyncio.to_thread(scan_and_read)

    @property
    def cloud_configured(self) -> bool:
        """Whether there is a cloud to ask."""
        return not _cloud_absent(self.policy.settings)

    @property
    def gives_logprobs(self) -> bool:
        """Whether the local server can tell how sure its model was of each token."""
        return self._server().kind in _GIVES_LOGPROBS

    @property
    def speaks_ollama(self) -> bool:
        """Whether the local server is Ollama, which takes its own API's requests as they are."""
        return self._server().kind == "ollama"

    def digest(self, model: str) -> str:
        """The digest of a local model's weights, as far as the server tells."""
        known = self._server().find(model)
        return known.digest if known else ""

    def truncated(self, record: Record, usage: Usage | None) -> str:
        """In words, that the local server read less than the whole prompt, if it did.

        Ollama cuts a prompt that is too long without a word; then what it read fills the window.
        """
        known = self._server().find(record.models["local"])
        if known is None or usage is None:
            return ""
        window = _window(record.call, known, self.speaks_ollama)
        if window is None or usage.input_tokens < window - 1:
            return ""
        return (
            f"The local model {known.name} read only the {usage.input_tokens} tokens that its "
            "window holds, not the whole request."
        )

    def _down(self, tier: Tier) -> str:
        breaker = self._breakers.get(tier)
        if breaker is None or not breaker.open:
            return ""
        return (
            f"The {tier} tier failed repeatedly; it is tried again in {breaker.reopens_in_s:.0f} s."
        )


def _loop(
    request: Request | None, conversation: Conversation, settings: Settings
) -> LoopFacts | None:
    """What the rules may know of the loop that a request is a step of."""
    if request is None or request.loop is None or settings.loops == "free":
        return None
    loop, doubts = request.loop, conversation.doubts
    trouble = {
        f"{loop.failed} errors of tools in a row": loop.failed >= LOOP_FAILED,
        f"the same call {loop.repeats + 1} times in a row": loop.repeats >= LOOP_REPEATS,
        f"{loop.malformed} calls in a row that no tool could take": loop.malformed
        >= LOOP_MALFORMED,
        f"{doubts} answers in doubt": doubts >= LOOP_DOUBTS,
    }
    words = ", ".join(said for said, is_so in trouble.items() if is_so)
    return LoopFacts(step=loop.steps, home=conversation.tier, trouble=words)


def _expected(
    model: str, record: Record, conversation: Conversation, preamble: Preamble | None
) -> Expected | None:
    """What the turn is expected to cost by tools and cache; None where its text says it all."""
    call, settings = record.call, record.policy.settings
    caches = call.api == settings.cloud_api == "anthropic" and b'"cache_control"' in call.payload
    if not (caches or conversation.prefix or call.body.get("tools")):
        return None
    try:
        return expected(
            model,
            call.size,
            record.at,
            prices=record.policy.router.prices,
            prefix=conversation.prefix,
            preamble=preamble,
            caches=caches,
            before=(conversation.sent, conversation.sent_at),
            output_tokens=settings.output_tokens,
        )
    except ConfigError:  # a model newer than the price list
        return None


def _window(call: Call, model: LocalModel, ollama: bool) -> int | None:
    """The window in tokens that the model will have for this call, if that is known."""
    if not ollama or call.native is None or call.native.window is None:
        return model.context
    return min(call.native.window, model.trained_context or call.native.window)


def _local_lacks(
    call: Call, model: LocalModel | None, name: str, settings: Settings, ollama: bool
) -> str:
    if call.native is not None and call.native.only and not ollama:
        return call.native.only
    if call.api == "anthropic" and not _plain(call):
        try:
            to_openai.request(call.body, name)
        except InputError as error:
            return str(error)
    if model is None:
        return ""
    if model.tools is False and sequence(call.body.get("tools")):
        return f"The local model {name} takes no tools."
    if model.images is False and call.images:
        return f"The local model {name} takes no images."
    if (window := _window(call, model, ollama)) is None:
        return ""
    answer = min(call.max_tokens or settings.output_tokens, settings.output_tokens)
    room = window - answer
    needed = call.tokens(room)
    if needed <= room:
        return ""
    return (
        f"The request has about {needed} tokens; the local model {name} is served with a window "
        f"of {window}, of which {answer} are kept for the answer."
    )


def _cloud_absent(settings: Settings) -> str:
    if settings.cloud_api_key is not None or settings.cloud_url != CLOUD_URL:
        return ""
    return "No cloud is configured; set ANTHROPIC_API_KEY to use Claude."


def _cloud_lacks(call: Call, settings: Settings) -> str:
    if call.native is not None and call.native.only:
        return call.native.only
    if call.api == settings.cloud_api or (_plain(call) and "n" not in call.body):
        return ""
    try:
        (to_openai if settings.cloud_api == "openai" else to_anthropic).request(call.body, "")
    except InputError as error:
        return str(error)
    return ""


def _plain(call: Call) -> bool:
    """Whether there is nothing but text in it, which both dialects can say."""
    if call.body.get("tools"):
        return False
    return all(
        isinstance(mapping(m).get("content"), str)
        and mapping(m).get("role") in ("system", "user", "assistant")
        for m in sequence(call.body.get("messages"))
    )
