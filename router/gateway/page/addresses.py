"""What each address of the page does."""

import asyncio
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from router.app import Service
from router.errors import ArtifactError, RequestRefused
from router.gateway.ollama import OllamaApi
from router.gateway.page.feed import Feed
from router.gateway.page.files import GUARDED, Files, is_asked_for
from router.gateway.page.numbers import Numbers
from router.gateway.page.viewer import Viewer, viewer_of
from router.gateway.responses import answered, parsed, received
from router.monitor.watch import Watch
from router.registry import artifact as artifacts
from router.wire import Json


class Page:
    """The addresses, over one service."""

    def __init__(
        self, service: Service, ollama: OllamaApi, watch: Watch | None, feed: Feed
    ) -> None:
        self._service, self._ollama, self._feed = service, ollama, feed
        self._files, self._numbers = Files(), Numbers(service, watch)

    async def home(self, request: Request) -> Response:
        """GET /: the page for a browser; for a program what Ollama says there."""
        if is_asked_for(request):
            return self._files.sent(request, "index.html")
        answer = await self._ollama.running(request)
        answer.headers["vary"] = "accept"
        return answer

    async def file(self, request: Request) -> Response:
        """GET /page/NAME: one of the page's own files, for anybody."""
        return await self._files.get(request)

    async def numbers(self, request: Request) -> Response:
        """GET /page/numbers?span=day: everything but the curve."""
        viewer = self._viewer(request)
        return _told(await self._numbers.all(viewer, request.query_params.get("span", "day")))

    async def decision(self, request: Request) -> Response:
        """GET /page/decisions/ID: one request with what was kept of its words."""
        viewer = self._viewer(request)
        return _told(await self._numbers.one(viewer, request.path_params["id"]))

    async def curve(self, request: Request) -> Response:
        """GET /page/curve: quality over cost by threshold, and the reliability of probabilities."""
        self._viewer(request)
        return _told(await self._numbers.curve())

    async def events(self, request: Request) -> Any:
        """GET /page/events: server-sent events, one whenever requests have ended."""
        self._viewer(request)
        return self._feed.opened()

    async def promote(self, request: Request) -> Response:
        """POST /page/promote {"version": NAME}: make a version current."""
        version = parsed(await self._owners(request)).get("version")
        if not isinstance(version, str):
            raise RequestRefused(400, "invalid_version", "version must be given.")
        registry, words = self._service.registry, f"{version} is current, by hand on the page."
        return await self._moved(registry.promote, version, words)

    async def roll_back(self, request: Request) -> Response:
        """POST /page/rollback: go back to the version before."""
        await self._owners(request)
        return await self._moved(self._service.registry.roll_back, "by hand on the page.")

    def _viewer(self, request: Request) -> Viewer:
        return viewer_of(self._service.settings, request)

    async def _owners(self, request: Request) -> bytes:
        """The body of a request by somebody who may exchange the model. Raises RequestRefused."""
        if not self._viewer(request).owner:
            raise RequestRefused(
                403, "not_an_owner", "This key may not exchange the model; owners names who may."
            )
        if self._service.settings.version != artifacts.POINTER:
            raise RequestRefused(
                409, "version_is_set", "version is set in router.toml, so it alone is used."
            )
        _, body = await received(request, self._service.settings)
        return body

    async def _moved(self, move: Callable[..., object], *given: str) -> Response:
        try:
            await asyncio.to_thread(move, *given)
        except ArtifactError as error:
            raise RequestRefused(409, "not_moved", str(error)) from error
        await self._service.reload()
        self._numbers.forget()
        return _told({"version": self._service.policy.router.version})


def _told(body: Json) -> Response:
    return answered(body, headers={**GUARDED, "cache-control": "no-store"})
