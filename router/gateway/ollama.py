"""What Ollama's API has beside answers: models, vectors, and what only Ollama itself can do."""

import asyncio
from contextlib import aclosing
from time import perf_counter, time
from typing import Any

import httpx
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from router.app import Service
from router.dialects.ollama_answer import when
from router.dialects.ollama_request import model_of
from router.engine.named import is_clouds
from router.errors import BackendError, InputError, RequestRefused
from router.gateway import models
from router.gateway.auth import key_name
from router.gateway.constants import OLLAMA_VERSION
from router.gateway.embeddings import Embeddings
from router.gateway.responses import UnlessGone, answered, parsed, received
from router.wire import Json
from router.wire.summary import count, mapping, sequence

# What one of these asks for is done by Ollama or by nobody: method and address.
PASSED = (
    ("POST", "/api/pull"),
    ("POST", "/api/push"),
    ("POST", "/api/create"),
    ("POST", "/api/copy"),
    ("DELETE", "/api/delete"),
    ("HEAD", "/api/blobs/{digest}"),
    ("POST", "/api/blobs/{digest}"),
)
_BLOBS = "/api/blobs/"
_KEPT_HEADERS = ("content-type", "content-length")
_SIDES = ("auto", "local", "cloud")


class OllamaApi:
    """The addresses, over one service."""

    def __init__(self, service: Service, embeddings: Embeddings) -> None:
        self._service, self._embeddings = service, embeddings

    async def running(self, request: Request) -> Response:
        """GET and HEAD /: how clients of Ollama find out that it is there."""
        return PlainTextResponse("Ollama is running")

    async def version(self, request: Request) -> Response:
        """GET /api/version: of the local Ollama, else the one whose API is answered here."""
        self._key(request)
        told = await self._asked("/api/version")
        return answered(told or {"version": OLLAMA_VERSION})

    async def tags(self, request: Request) -> Response:
        """GET /api/tags: auto and the cloud's model beside those that are served here."""
        self._key(request)
        server, settings = self._service.server, self._service.settings
        told = await self._asked("/api/tags")
        own = sequence(told.get("models")) if told else models.tags(server)
        return answered({"models": [*models.routed(settings, self._cloud), *own]})

    async def ps(self, request: Request) -> Response:
        """GET /api/ps: what is in memory here."""
        self._key(request)
        told = await self._asked("/api/ps")
        return answered(told or {"models": models.running(self._service.server, time())})

    async def show(self, request: Request) -> Response:
        """POST /api/show: what a model can do; auto can what either tier can."""
        _, payload = await received(request, self._service.settings)
        body = parsed(payload)
        name, service = model_of(body), self._service
        side = name in _SIDES or is_clouds(name, service.settings)
        local = service.policy.router.local_model if side else name
        served = service.server.find(local)
        if served is None and not side:
            raise RequestRefused(404, "model_not_found", f"model '{name}' not found")
        if served is not None and not side and self._is_ollama:
            deadline = asyncio.get_running_loop().time() + service.settings.request_s
            return answered(await service.local.post("/api/show", body, deadline))
        cloud = side and name != "local" and self._cloud
        return answered(models.shown(served, service.server, cloud))

    async def embed(self, request: Request) -> Response:
        """POST /api/embed, and its forerunner /api/embeddings, by the local server alone."""
        _, payload = await received(request, self._service.settings)
        body, began = parsed(payload), perf_counter()
        old = request.url.path.endswith("/embeddings")
        name = model_of(body) or "auto"
        with UnlessGone(request.receive):
            if self._is_ollama:
                known = {**body, "model": self._embeddings.model(name)}
                deadline = asyncio.get_running_loop().time() + self._service.settings.request_s
                made = await self._service.local.post(request.url.path, known, deadline)
            else:
                texts = body.get("prompt" if old else "input")
                given = {"input": texts} | {k: body[k] for k in ("dimensions",) if k in body}
                if not isinstance(texts, str | list):
                    raise InputError(f"{'prompt' if old else 'input'} must be given.")
                told = await self._embeddings.made(given, name)
                made = _vectors(told, perf_counter() - began, old)
        return answered(made, headers={"x-router-tier": "local"})

    async def load(self, asked: Json) -> Response:
        """A request without words to /api/chat or /api/generate: load a model, or let it go."""
        service, name = self._service, model_of(asked)
        if name in ("auto", "local"):
            name = service.policy.router.local_model
        served = service.server.find(name)
        if served is None and name != "cloud" and not is_clouds(name, service.settings):
            raise RequestRefused(404, "model_not_found", f"model '{name}' not found")
        if served is not None and self._is_ollama:
            deadline = asyncio.get_running_loop().time() + service.settings.request_s
            body = {**asked, "model": served.name, "stream": False}
            path = "/api/chat" if "messages" in asked else "/api/generate"
            return answered(await service.local.post(path, body, deadline))
        said: Json = {"message": {"role": "assistant", "content": ""}}
        reason = "unload" if asked.get("keep_alive") == 0 else "load"
        out = {"model": name, "created_at": when(time())}
        out |= said if "messages" in asked else {"response": ""}
        return answered(out | {"done": True, "done_reason": reason})

    async def passed(self, request: Request) -> Any:
        """To the local Ollama as it is, and its answer back as it comes."""
        service, path = self._service, request.url.path
        if not self._is_ollama:
            self._key(request)
            raise RequestRefused(
                501,
                "ollama_only",
                f"Only Ollama can do this, and the local server is {_named(service.server.kind)}.",
            )
        headers = {k: v for k in _KEPT_HEADERS if (v := request.headers.get(k))}
        if path.startswith(_BLOBS):  # weights may have any size
            self._key(request)
            answer = await service.local.relay(request.method, path, headers, request.stream())
        else:
            _, payload = await received(request, service.settings)
            answer = await service.local.relay(request.method, path, headers, payload)
        return Passed(answer, service)

    @property
    def _is_ollama(self) -> bool:
        return self._service.server.kind == "ollama"

    @property
    def _cloud(self) -> bool:
        return self._service.dispatcher.planner.cloud_configured

    def _key(self, request: Request) -> None:
        key_name(self._service.settings, request.headers)

    async def _asked(self, path: str) -> Json | None:
        """What the local Ollama says at an address; None where it is none or says nothing."""
        if not self._is_ollama:
            return None
        try:
            return await self._service.local.told(path)
        except BackendError:
            return None


class Passed:
    """An answer of the local server (ASGI), given on as it comes; then its models are read anew."""

    def __init__(self, answer: httpx.Response, service: Service) -> None:
        self._answer, self._service = answer, service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        answer = self._answer
        stream = answer.stream
        assert isinstance(stream, httpx.AsyncByteStream)
        kept = [(k, v) for k in _KEPT_HEADERS if (v := answer.headers.get(k))]
        headers = [(k.encode(), v.encode("latin-1")) for k, v in kept]
        start = {"type": "http.response.start", "status": answer.status_code, "headers": headers}
        async with aclosing(stream):
            with UnlessGone(receive):
                await send(start)
                async for chunk in stream:
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
                if answer.status_code < 300:
                    await self._service.refresh()
                await send({"type": "http.response.body", "body": b"", "more_body": False})


def _vectors(told: Json, took_s: float, old: bool) -> Json:
    """An answer of OpenAI's /v1/embeddings as Ollama gives it."""
    found = [mapping(e) for e in sequence(told.get("data"))]
    found.sort(key=lambda e: count(e.get("index")))
    vectors = [e.get("embedding") for e in found]
    if old:
        return {"embedding": vectors[0] if vectors else []}
    return {
        "model": str(told.get("model") or ""),
        "embeddings": vectors,
        "total_duration": round(took_s * 1e9),
        "load_duration": 0,
        "prompt_eval_count": count(mapping(told.get("usage")).get("prompt_tokens")),
    }


def _named(kind: str) -> str:
    return {"none": "not running", "openai": "another one"}.get(kind, kind)
