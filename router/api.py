"""`route_request` and its async twin: the gateway's way with a request, without the gateway."""

import asyncio
import atexit
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from router.types import Tier

if TYPE_CHECKING:
    from router.app import Service
    from router.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Routed:
    """An answer and how it came about.

    `text`: what was said; `body`: the whole chat completion in OpenAI's form. `cost_usd` in US
    dollars, 0 for the local tier. `decision_id` is what feedback refers to.
    """

    text: str
    tier: Tier
    model: str
    rule: str
    reason: str
    cost_usd: float
    decision_id: str
    body: dict[str, Any]


async def aroute_request(
    messages: Sequence[Mapping[str, Any]],
    tier: Literal["auto", "local", "cloud"] = "auto",
    model: str | None = None,
    *,
    service: "Service | None" = None,
    **options: Any,
) -> Routed:
    """Route one conversation and answer it, as the gateway would.

    `messages`: OpenAI's form. `tier`: who shall answer; `model`: one model by name. `options`: any
    other field of a chat completion (tools, response_format, max_tokens, ...). `service`: one that
    is open already; without it one is opened for this call, which takes a second.
    Raises RequestRefused, BackendError or InputError.
    """
    from router.engine.call import Call
    from router.wire.openai import summary

    if service is None:
        from router.app import Service as Opened
        from router.settings import load_settings

        async with Opened(load_settings()) as opened:
            return await aroute_request(messages, tier, model, service=opened, **options)
    body = {**options, "messages": [dict(m) for m in messages], "model": model or "auto"}
    body.pop("stream", None)
    named: Tier | None = None if tier == "auto" else tier
    answer, record = await service.dispatcher.answer(Call.of("openai", body, tier=named))
    assert record.tier is not None
    return Routed(
        text=summary(answer).text,
        tier=record.tier,
        model=record.model,
        rule=record.plan.rule,
        reason=record.reason,
        cost_usd=record.cost_usd,
        decision_id=record.id,
        body=answer,
    )


def route_request(
    messages: Sequence[Mapping[str, Any]],
    tier: Literal["auto", "local", "cloud"] = "auto",
    model: str | None = None,
    **options: Any,
) -> Routed:
    """`aroute_request` for code without an event loop.

    The parts are opened at the first call, in a thread of their own, and kept until the end.
    """
    future = asyncio.run_coroutine_threadsafe(
        _with_kept_service(messages, tier, model, options), _kept_loop()
    )
    return future.result()


async def _with_kept_service(
    messages: Sequence[Mapping[str, Any]], tier: Any, model: str | None, options: dict[str, Any]
) -> Routed:
    async with _opening():
        if _kept.service is None:
            from router.app import Service as Opened
            from router.settings import load_settings

            settings: Settings = load_settings()
            _kept.service = await Opened(settings).__aenter__()
    return await aroute_request(messages, tier, model, service=_kept.service, **options)


class _Kept:
    """What `route_request` keeps between calls."""

    loop: asyncio.AbstractEventLoop | None = None
    service: "Service | None" = None
    opening: asyncio.Lock | None = None
    lock = threading.Lock()


_kept = _Kept()


def _opening() -> asyncio.Lock:
    if _kept.opening is None:
        _kept.opening = asyncio.Lock()
    return _kept.opening


def _kept_loop() -> asyncio.AbstractEventLoop:
    with _kept.lock:
        if _kept.loop is None:
            _kept.loop = asyncio.new_event_loop()
            threading.Thread(
                target=_kept.loop.run_forever, name="route-request", daemon=True
            ).start()
            atexit.register(_close)
        return _kept.loop


def _close() -> None:
    if _kept.loop is not None and _kept.service is not None:
        closing = _kept.service.__aexit__(None, None, None)
        asyncio.run_coroutine_threadsafe(closing, _kept.loop).result(timeout=10)
        _kept.service = None
