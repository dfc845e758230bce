"""Requests in, answers out: limits, disconnects, and errors in the shape of the API called."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from router.dialects.base import Dialect, Writer
from router.errors import RequestRefused, RouterError, place_of, status_of
from router.gateway.auth import key_name
from router.settings import Settings
from router.wire import Json, dumped, loaded

_log = logging.getLogger("router.gateway")


class Gone(Exception):
    """The client went away before its answer was there."""


async def read(request: Request, max_bytes: int) -> bytes:
    """The body, refused as soon as it is too long. Raises RequestRefused (413) or Gone."""
    chunks, size = [], 0
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise Gone
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > max_bytes:
            raise RequestRefused(
                413,
                "request_too_large",
                f"The request exceeds the {max_bytes / 2**20:g} MiB that max_request_mb allows.",
            )
        chunks.append(chunk)
        if not message.get("more_body"):
            return b"".join(chunks)


async def received(request: Request, settings: Settings) -> tuple[str | None, bytes]:
    """The name of the API key that a request came with, and its body.

    Raises RequestRefused (401, 403, 408, 413) or Gone.
    """
    key = key_name(settings, request.headers)
    try:
        async with asyncio.timeout(settings.request_s):
            return key, await read(request, round(settings.max_request_mb * 2**20))
    except TimeoutError:
        raise RequestRefused(
            408, "too_slow", f"The request did not arrive within {settings.request_s:g} s."
        ) from None


def joined(headers: Headers) -> dict[str, str]:
    """By lower-case name; one that comes twice is one list (RFC 9110, 5.3).

    >>> joined(Headers(raw=[(b"x-a", b"1"), (b"x-a", b"2")]))
    {'x-a': '1, 2'}
    """
    out: dict[str, str] = {}
    for name, value in headers.items():
        out[name] = f"{out[name]}, {value}" if name in out else value
    return out


def parsed(payload: bytes) -> Json:
    """The JSON object in a body. Raises RequestRefused (400)."""
    try:
        body = loaded(payload)
    except (ValueError, RecursionError):
        raise RequestRefused(400, "invalid_json", "The request's body is not JSON.") from None
    if not isinstance(body, dict):
        raise RequestRefused(400, "invalid_json", "The request's body must be a JSON object.")
    return body


class UnlessGone:
    """Cancels what is done within when the client goes away, and raises Gone then.

    `with UnlessGone(receive): answer = await work()`. `receive` is the request's (ASGI), its body
    read already.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive, self._left = receive, False

    def __enter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._watching = asyncio.ensure_future(self._watch())

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        self._watching.cancel()
        if kind is asyncio.CancelledError and self._left and self._task.uncancel() == 0:
            raise Gone from None

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._left = True
        self._task.cancel()


def answered(body: Json, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer."""
    return Response(dumped(body), status, headers, "application/json")


def refused(error: RouterError, dialect: Dialect) -> Response:
    """An error, as the API that was called writes errors."""
    status, code = status_of(error)
    given = dict(error.headers)
    after = getattr(error, "retry_after_s", None)
    if after is not None:
        given["retry-after"] = str(max(1, round(after)))
    body = dialect.error(status, code, str(error))
    return answered(body, status, {**given, "x-router-error": code})


def presentable(error: Exception) -> RouterError:
    """`error` as a client may read it: another's words may hold the prompt, so they are left out.

    An unforeseen one is noted in the gateway's log, by its kind and place.
    """
    if isinstance(error, RouterError):
        return error
    if isinstance(error, RecursionError):
        return RequestRefused(*status_of(error), "The request is nested too deep.")
    _log.error("An unforeseen %s at %s.", type(error).__name__, place_of(error))
    return RouterError("The gateway failed on this request; see its log.")


class Stream:
    """An answer sent event by event; ends the call upstream when the client goes away.

    `writer` makes bytes of `events`, of an error after the first event too.
    """

    def __init__(
        self,
        events: AsyncGenerator[Json, None],
        writer: Writer,
        media_type: str,
        headers: Mapping[str, str],
    ) -> None:
        self._events, self._writer = events, writer
        given = {"content-type": media_type, "cache-control": "no-store", **headers}
        self._headers = [(k.encode("latin-1"), v.encode("latin-1")) for k, v in given.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it (ASGI)."""
        async with aclosing(self._events):
            with UnlessGone(receive):
                await self._send(send)

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self._headers})
        write = self._writer
        try:
            async for event in self._events:
                if data := write.feed(event):
                    await send(_body(data, more=True))
            last = write.end()
        except Exception as error:
            shown = presentable(error)
            last = write.failed(*status_of(shown), str(shown))
        await send(_body(last, more=False))


def _body(data: bytes, more: bool) -> dict[str, Any]:
    return {"type": "http.response.body", "body": data, "more_body": more}
