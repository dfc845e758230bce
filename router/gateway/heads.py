"""An end to the head of a request: uvicorn's own protocol takes one of any size, for any time."""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from router.gateway.constants import HEAD_S, MAX_HEAD_BYTES

_TOO_LARGE = b"HTTP/1.1 431 Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class Heads(HttpToolsProtocol):
    """HTTP whose heads end: after HEAD_S without a word, after MAX_HEAD_BYTES with a 431.

    What comes in one piece from the socket is read first; uvloop's pieces have 256 kB.
    """

    _size = 0
    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See `asyncio.Protocol`."""
        super().connection_made(transport)
        self._begin()

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self._end()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        self._size += len(data)
        super().data_received(data)
        if self._late is not None and self._size > MAX_HEAD_BYTES:
            self.transport.write(_TOO_LARGE)
            self.transport.close()

    def on_message_begin(self) -> None:
        """The first byte of a head is there."""
        self._begin()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """A body follows, which has limits of its own."""
        self._end()
        super().on_headers_complete()

    def _begin(self) -> None:
        self._end()
        self._size = 0
        self._late = self.loop.call_later(HEAD_S, self._too_late)

    def _end(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _too_late(self) -> None:
        self.transport.close()
