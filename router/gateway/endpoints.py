"""What each address of the gateway does."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict
from time import time
from typing import Any, Literal

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from router.app import Service
from router.backends.claude import ClaudeBackend
from router.dialects.base import Asked, Dialect
from router.dialects.table import CHAT, MESSAGES
from router.engine.call import Call
from router.engine.record import Record
from router.errors import BackendError, JournalFull, RequestRefused
from router.gateway import models
from router.gateway.auth import key_name
from router.gateway.constants import MAX_SOURCE_CHARS, RATINGS
from router.gateway.embeddings import Embeddings
from router.gateway.metrics import CONTENT_TYPE, Metrics
from router.gateway.ollama import OllamaApi
from router.gateway.responses import (
    Gone,
    Stream,
    UnlessGone,
    answered,
    joined,
    parsed,
    presentable,
    received,
    refused,
)
from router.gateway.stored import Stored
from router.outcomes.writer import OutcomeLog
from router.text.request import kind_of
from router.wire import Json, dumped

_log = logging.getLogger("router.gateway")
Endpoint = Callable[[Request], Awaitable[Any]]
_RESERVED = ("judge",)  # what nobody can say he is


class Endpoints:
    """The addresses, over one service."""

    def __init__(
        self,
        service: Service,
        metrics: Metrics,
        stored: Stored,
        embeddings: Embeddings,
        ollama: OllamaApi,
    ) -> None:
        self._service, self._metrics, self._stored = service, metrics, stored
        self._ollama, self._embeddings = ollama, embeddings

    async def answer(self, request: Request, dialect: Dialect) -> Any:
        """POST to the address of a dialect: an answer by one of the tiers."""
        call, asked = await self._call(request, dialect)
        if not dialect.asks(asked):
            return await self._ollama.load(asked)
        dispatcher = self._service.dispatcher
        with UnlessGone(request.receive):
            if call.stream:
                events, record = await dispatcher.open(call)
                writer = dialect.writer(Asked(body=asked, id=record.id, at=record.at))
                headers = record.headers(streaming=True)
                return Stream(events, writer, dialect.media_type, headers)
            body, record = await dispatcher.answer(call)
            made = dialect.answer(body, Asked(body=asked, id=record.id, at=record.at))
            return answered(made, headers=record.headers())

    async def count_tokens(self, request: Request) -> Response:
        """POST /v1/messages/count_tokens: Claude's count for what may leave, else a local one."""
        call, _ = await self._call(request, MESSAGES)
        dispatcher = self._service.dispatcher
        record = await dispatcher.explain(call)
        counted: Json | None = None
        cloud = self._service.cloud
        if record.plan.tier == "cloud" and isinstance(cloud, ClaudeBackend):
            ask = dispatcher.ask(record, "cloud")
            try:
                counted = await cloud.count_tokens(ask)
            except BackendError as error:
                _log.warning("The cloud counts no tokens (%s); they are counted here.", error.code)
        if counted is None:
            counted = {"input_tokens": call.tokens(0)}
        return answered(counted, headers=record.headers())

    async def route(self, request: Request) -> Response:
        """POST /v1/route: the decision, with every rule's word, without the call."""
        dialect = MESSAGES if "anthropic-version" in request.headers else CHAT
        call, _ = await self._call(request, dialect)
        return answered(_decision_body(await self._service.dispatcher.explain(call)))

    async def embeddings(self, request: Request) -> Response:
        """POST /v1/embeddings, by the local server alone."""
        call, _ = await self._call(request, CHAT)
        with UnlessGone(request.receive):
            made = await self._embeddings.made(call.body, call.model)
        return answered(made, headers={"x-router-tier": "local"})

    async def list_models(self, request: Request) -> Response:
        """GET /v1/models and /v1/models/NAME."""
        key_name(self._service.settings, request.headers)
        listed = models.listed(self._service.server, self._service.settings)
        name = request.path_params.get("name")
        if name is None:
            return answered(listed)
        for entry in listed["data"]:
            if entry["id"] == name:
                return answered(entry)
        raise RequestRefused(404, "model_not_found", "There is no such model here.")

    async def feedback(self, request: Request) -> Response:
        """POST /v1/feedback: how good an answer was, as a rating or a score."""
        key, body = await self._body(request)
        decision, rating = body.get("decision_id"), str(body.get("rating"))
        score = body.get("score", RATINGS.get(rating))
        if not isinstance(decision, str):
            raise RequestRefused(400, "invalid_feedback", "decision_id must be given.")
        if isinstance(score, bool) or not isinstance(score, int | float) or not 0 <= score <= 1:
            raise RequestRefused(
                400,
                "invalid_feedback",
                "score must lie between 0 and 1, or rating be good, bad or corrected.",
            )
        source = str(body.get("source") or "user")[:MAX_SOURCE_CHARS]
        if rating == "corrected":
            source = rating
        if source in _RESERVED:
            raise RequestRefused(400, "invalid_feedback", f"source must not be {source}.")
        row = {"decision_id": decision, "at": time(), "key": key, "score": float(score)}
        await self._service.arrived(decision)
        await self._service.log.add_feedback({**row, "source": source})
        return answered({"stored": True})

    async def healthz(self, request: Request) -> Response:
        """GET /healthz: the process is alive; of several workers, which one it is."""
        number = self._service.number
        return answered({"status": "ok"} | ({} if number is None else {"worker": number}))

    async def readyz(self, request: Request) -> Response:
        """GET /readyz: 200 if some tier can answer and the journal takes rows."""
        service = self._service
        local = "ok" if service.server.kind != "none" and not service.server.problem else "down"
        cloud = "ok" if service.dispatcher.planner.cloud_configured else "not configured"
        if cloud == "ok" and service.breakers["cloud"].open:
            cloud = "down"
        log = _state(service.log)
        ready = "ok" in (local, cloud) and log != "full"
        state = {"ready": ready, "local": local, "cloud": cloud, "log": log}
        if log != "ok":
            state["behind"] = asdict(self._metrics.behind())
        if failing := {t.name: t.said for t in service.tasks if t.failing}:
            state["background"] = failing
        return answered(state, 200 if ready else 503)

    async def metrics(self, request: Request) -> Response:
        """GET /metrics."""
        key_name(self._service.settings, request.headers)
        return Response(self._metrics.text(), media_type=CONTENT_TYPE)

    async def _body(self, request: Request) -> tuple[str | None, Json]:
        key, payload = await received(request, self._service.settings)
        return key, parsed(payload)

    async def _call(self, request: Request, dialect: Dialect) -> tuple[Call, Json]:
        """A request as it is routed, and as the client wrote it."""
        key, payload = await received(request, self._service.settings)
        asked = parsed(payload)
        body = dialect.request(asked, await self._stored.earlier(dialect, asked, key))
        call = Call(
            api=dialect.api,
            spoken=dialect.name,
            body=body,
            payload=payload if body is asked else dumped(body),
            headers=joined(request.headers),
            key=key,
            native=dialect.native(asked),
        )
        return call, asked


def _state(log: OutcomeLog) -> Literal["ok", "behind", "full"]:
    try:
        log.admit()
    except JournalFull:
        return "full"
    return "behind" if log.late else "ok"


def _decision_body(record: Record) -> Json:
    """A decision as /v1/route answers it and `router explain` shows it."""
    plan, decision = record.plan, record.decision
    return {
        "tier": plan.tier,
        "model": plan.model,
        "rule": plan.rule,
        "reason": plan.reason,
        "propensity": plan.propensity,
        "fallback": plan.fallback,
        "kind": kind_of(record.call.request),
        "client": record.call.request.client if record.call.request else "",
        "policy_version": record.policy.version,
        "est_cloud_usd": record.est_usd,
        "private": list(record.private),
        "prediction": decision.as_dict() if decision else None,
        "trail": [step.as_dict() for step in plan.trail],
    }


class Answering:
    """An endpoint (ASGI) whose every failure is an error of its API; none is a traceback.

    `under_way` is open until the last byte of the answer is sent.
    """

    def __init__(
        self, endpoint: Endpoint, dialect: Dialect, under_way: AbstractContextManager[None]
    ) -> None:
        self._endpoint, self._dialect, self._under_way = endpoint, dialect, under_way

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        with self._under_way:
            try:
                answer = await self._endpoint(Request(scope, receive))
            except (Gone, asyncio.CancelledError):  # nobody is there to be answered
                return
            except Exception as error:
                answer = refused(presentable(error), self._dialect)
            with suppress(Gone):
                await answer(scope, receive, send)
