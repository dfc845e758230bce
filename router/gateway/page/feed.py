"""Telling open pages that requests have ended: server-sent events without a word of any request.

Format: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import asyncio
from contextlib import suppress

from sqlalchemy import Engine
from starlette.types import Receive, Scope, Send

from router.engine.record import Record
from router.errors import RequestRefused
from router.gateway.constants import PAGE_BEAT_S, PAGE_GATHER_S, PAGES_OPEN
from router.gateway.page.files import GUARDED
from router.gateway.responses import UnlessGone
from router.outcomes.queries import newest_at

_HEADERS = {
    "content-type": "text/event-stream",
    "cache-control": "no-store",
    "x-accel-buffering": "no",  # nginx would keep events until there are 4 kB of them
    **GUARDED,
}


class Feed:
    """The open pages. What happens while one is being told is told with the next event."""

    def __init__(self) -> None:
        self._open: set[asyncio.Event] = set()
        self._ending = False
        self._newest = 0.0

    def watch(self, record: Record) -> None:
        """Take note of a request at its end."""
        self._tell()

    async def look(self, engine: Engine) -> None:
        """Take note of what other gateways answered; nothing is asked where no page is open."""
        if self._open:
            newest = await asyncio.to_thread(newest_at, engine) or 0.0
            if newest > self._newest:
                self._tell()
            self._newest = newest

    def end(self) -> None:
        """The server stops: let every page go, or it would wait for them."""
        self._ending = True
        self._tell()

    def _tell(self) -> None:
        for happened in self._open:
            happened.set()

    def opened(self) -> "Told":
        """A stream for one more page. Raises RequestRefused (503) where there are too many."""
        if len(self._open) >= PAGES_OPEN:
            raise RequestRefused(
                503, "too_many_pages", f"{PAGES_OPEN} pages are open already; close one."
            )
        return Told(self)

    async def tell(self, send: Send) -> None:
        """Events until the server stops."""
        happened = asyncio.Event()
        self._open.add(happened)
        try:
            await send(_piece(b"retry: 2000\nevent: open\ndata: {}\n\n"))
            while not self._ending:
                with suppress(TimeoutError):
                    async with asyncio.timeout(PAGE_BEAT_S):
                        await happened.wait()
                told = (
                    b"event: requests\ndata: {}\n\n" if happened.is_set() else b": still here\n\n"
                )
                if happened.is_set() and not self._ending:
                    await asyncio.sleep(PAGE_GATHER_S)  # the row is written meanwhile, and others
                happened.clear()
                await send(_piece(told))
        finally:
            self._open.discard(happened)


class Told:
    """One page's stream (ASGI), until it is closed."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        headers = [(k.encode(), v.encode()) for k, v in _HEADERS.items()]
        with UnlessGone(receive):
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await self._feed.tell(send)
            await send({"type": "http.response.body", "body": b"", "more_body": False})


def _piece(data: bytes) -> dict[str, object]:
    return {"type": "http.response.body", "body": data, "more_body": True}
