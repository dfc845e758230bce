"""Sending: httpx over aiohttp, with every failure as one of our errors."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from email.utils import parsedate_to_datetime
from functools import lru_cache
from math import isfinite
from time import time
from typing import Any, Protocol
from urllib.request import getproxies, proxy_bypass

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from router.backends.base import Timeouts
from router.backends.constants import (
    ADDRESSES_REMEMBERED,
    KEEPALIVE_S,
    LONGEST_RETRY_AFTER_S,
    MAX_ANSWER_BYTES,
    MAX_CONNECTIONS,
    MAX_ERROR_CHARS,
)
from router.errors import (
    BackendBusy,
    BackendError,
    BackendFailed,
    BackendGarbled,
    BackendRejected,
    BackendTimeout,
    BackendUnreachable,
)
from router.wire import Json, dumped, loaded
from router.wire.sse import DONE, Decoder
from router.wire.summary import mapping

# aiohttp would ask for compressed answers, and nothing here would unpack them.
_HEADERS = {"accept-encoding": "identity", "user-agent": "hybrid-router"}


# The session has its own; a transport would make another, for 20 ms and for nobody.
_UNUSED = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class _Framing(Protocol):
    """Cuts a stream of bytes into JSON texts."""

    def feed(self, chunk: bytes, /) -> list[str]: ...


class Http:
    """One pool of connections. Closing it is the owner's duty.

    `proxies`: whether HTTPS_PROXY and its like hold.
    """

    def __init__(self, proxies: bool = False) -> None:
        self._proxies = proxies
        self._session: aiohttp.ClientSession | None = None
        self._transports: dict[tuple[str, str], AiohttpTransport] = {}  # by scheme and host

    def _open(self, url: httpx.URL) -> AiohttpTransport:
        if self._session is None:  # aiohttp wants a running event loop
            self._session = _session()
        to = url.scheme, url.host
        if to not in self._transports:
            proxy = _proxy_of(*to) if self._proxies else None
            self._transports[to] = AiohttpTransport(
                verify=_UNUSED, client=self._session, proxy=proxy
            )
        return self._transports[to]

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
        self._session = None
        self._transports.clear()

    async def get(self, url: str, timeout_s: float, headers: dict[str, str] | None = None) -> Json:
        """The JSON object at `url`. Raises BackendError."""
        request = httpx.Request("GET", url, headers={**_HEADERS, **(headers or {})})
        return await self._whole(request, url, timeout_s, timeout_s)

    async def text(self, url: str, timeout_s: float) -> str:
        """The text at `url`. Raises BackendError."""
        request = httpx.Request("GET", url, headers=_HEADERS)
        content = await self._content(request, url, timeout_s, timeout_s)
        return content.decode("utf-8", "replace")

    async def post(
        self,
        url: str,
        body: Json,
        headers: dict[str, str],
        name: str,
        timeouts: Timeouts,
        deadline: float,
    ) -> Json:
        """Post an object, return the object answered. Raises BackendError."""
        left = min(timeouts.whole_s, deadline - asyncio.get_running_loop().time())
        return await self._whole(_post(url, body, headers), name, timeouts.connect_s, left)

    async def relay(
        self,
        method: str,
        url: str,
        headers: dict[str, str],
        content: bytes | AsyncIterator[bytes],
        name: str,
        timeouts: Timeouts,
    ) -> httpx.Response:
        """An answer as it comes, of any status; whoever takes it closes its stream.

        Nothing but connecting has a time limit. Raises BackendError.
        """
        given = {**_HEADERS, **headers}
        request = httpx.Request(method, _url(url), headers=given, content=content)
        try:
            return await self._send(request, name, timeouts.connect_s)
        except httpx.TransportError as error:
            raise _translated(error, name) from error

    async def _whole(
        self, request: httpx.Request, name: str, connect_s: float, whole_s: float
    ) -> Json:
        return _parsed(await self._content(request, name, connect_s, whole_s), name)

    async def _content(
        self, request: httpx.Request, name: str, connect_s: float, whole_s: float
    ) -> bytes:
        try:
            async with asyncio.timeout(whole_s):
                response = await self._send(request, name, connect_s)
                async with aclosing(_stream(response)):
                    content = b"".join([chunk async for chunk in _chunks(response, name)])
        except TimeoutError:
            raise BackendTimeout(f"{name} gave no answer within {whole_s:.0f} s.") from None
        except httpx.TransportError as error:
            raise _translated(error, name) from error
        if response.status_code >= 300:
            raise _failure(response.status_code, content, response.headers, name)
        return content

    async def stream(
        self,
        url: str,
        body: Json,
        headers: dict[str, str],
        name: str,
        timeouts: Timeouts,
        deadline: float,
        framing: Callable[[], _Framing] = Decoder,
    ) -> AsyncGenerator[Json, None]:
        """Post an object, return the events answered, framed as said. Raises BackendError."""
        loop = asyncio.get_running_loop()
        until = min(loop.time() + timeouts.whole_s, deadline)
        first = min(loop.time() + timeouts.first_token_s, until)
        response: httpx.Response | None = None
        what, ended = "at its start", False
        # No timeout may span a yield: the next event may be asked for by another task.
        try:
            async with asyncio.timeout_at(first):
                response = await self._send(_post(url, body, headers), name, timeouts.connect_s)
                await _check(response, name)
            decoder = framing()
            chunks = _chunks(response, name)
            latest = first
            while True:
                async with asyncio.timeout_at(latest):
                    chunk = await anext(chunks, None)
                if chunk is None and ended:
                    return
                if chunk is None:
                    raise BackendUnreachable(f"{name} ended its stream before its answer.")
                for data in decoder.feed(chunk):
                    if data.strip() == DONE:
                        return
                    what = "between tokens"
                    event = _parsed(data, name)
                    ended = ended or _ends(event)
                    yield event
                    if event.get("type") == "message_stop":
                        return
                if what == "between tokens":
                    latest = min(loop.time() + timeouts.between_tokens_s, until)
        except TimeoutError:
            raise BackendTimeout(f"{name} was too slow {what}.") from None
        except httpx.TransportError as error:
            raise _translated(error, name) from error
        except ValueError as error:
            raise BackendGarbled(f"{name} sent a stream that cannot be read: {error}.") from error
        finally:
            if response is not None:
                await _stream(response).aclose()

    async def _send(self, request: httpx.Request, name: str, connect_s: float) -> httpx.Response:
        request.extensions["timeout"] = {"connect": connect_s, "pool": connect_s}
        try:
            return await self._open(request.url).handle_async_request(request)
        except (httpx.InvalidURL, UnicodeError, ValueError) as error:
            raise BackendUnreachable(f"{name} has an address that cannot be used.") from error
        except aiohttp.ClientResponseError:
            raise BackendGarbled(f"{name} answered something that is not HTTP.") from None


async def _check(response: httpx.Response, name: str) -> None:
    """Raise what a refused stream says."""
    if response.status_code >= 300:
        content = b"".join([chunk async for chunk in _chunks(response, name)])
        raise _failure(response.status_code, content, response.headers, name)


def _ends(event: Json) -> bool:
    """Whether an event of any dialect says that the answer is complete."""
    choices = event.get("choices")
    if isinstance(choices, list):
        return any(mapping(c).get("finish_reason") is not None for c in choices)
    return event.get("type") == "message_stop" or event.get("done") is True


def _proxy_of(scheme: str, host: str) -> httpx.Proxy | None:
    """The proxy that the environment names for an address.

    aiohttp would look it up anew for each call, in a thread, and in ~/.netrc too: a password that
    stands there would be sent along, or be in the way of the key.
    """
    found = getproxies().get(scheme)
    return httpx.Proxy(found) if found and not proxy_bypass(host) else None


def _session() -> aiohttp.ClientSession:
    """aiohttp's pool: no cookies, and as many connections as streams may be open."""
    connector = aiohttp.TCPConnector(limit=MAX_CONNECTIONS, keepalive_timeout=KEEPALIVE_S)
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),
    )


def _stream(response: httpx.Response) -> httpx.AsyncByteStream:
    """The body as it comes; nothing is compressed, as nothing else was asked for."""
    assert isinstance(response.stream, httpx.AsyncByteStream)
    return response.stream


async def _chunks(response: httpx.Response, name: str) -> AsyncIterator[bytes]:
    """The body, as far as an answer may go. Raises BackendGarbled."""
    size = 0
    async for chunk in _stream(response):
        size += len(chunk)
        if size > MAX_ANSWER_BYTES:
            raise BackendGarbled(f"{name} answered more than {MAX_ANSWER_BYTES >> 20} MiB.")
        yield chunk


_url = lru_cache(maxsize=ADDRESSES_REMEMBERED)(httpx.URL)


@lru_cache(maxsize=ADDRESSES_REMEMBERED)
def _headers(given: tuple[tuple[str, str], ...]) -> httpx.Headers:
    return httpx.Headers({"content-type": "application/json", **_HEADERS, **dict(given)})


def _post(url: str, body: Json, headers: dict[str, str]) -> httpx.Request:
    """As a stream, whose headers httpx leaves alone: it would take ten times as long over them, and
    aiohttp knows host and length itself.
    """
    content = httpx.ByteStream(dumped(body))
    given = _headers(tuple(headers.items()))
    request = httpx.Request("POST", _url(url), headers=given, stream=content)
    request.read()
    return request


def _translated(error: httpx.TransportError, name: str) -> BackendError:
    """httpx's error as ours; behind it stands aiohttp's, which knows a timeout from a reset."""
    if isinstance(error.__cause__, TimeoutError):
        return BackendTimeout(f"{name} was too slow to connect.")
    if isinstance(error, httpx.ReadError):
        return BackendUnreachable(f"{name} broke off in the middle of its answer.")
    return BackendUnreachable(f"{name} cannot be reached; is it running?")


def _parsed(data: str | bytes, name: str) -> Json:
    try:
        value = loaded(data)
    except (ValueError, RecursionError):
        raise BackendGarbled(f"{name} answered something that is not JSON.") from None
    if not isinstance(value, dict):
        raise BackendGarbled(f"{name} answered JSON that is not an object.")
    return value


def _failure(status: int, content: bytes, headers: httpx.Headers, name: str) -> BackendError:
    """The error that an HTTP status means; nobody is followed to another address."""
    if status < 400:
        return BackendGarbled(f"{name} answered {status}, a redirect; set the address it leads to.")
    said = _said(content)
    words = f"{name} answered {status}{': ' + said if said else '.'}"
    after = retry_after_s(headers.get("retry-after"), time())
    if status == 429:
        return BackendBusy(words, after)
    if status in (408, 409) or (status >= 500 and status != 501):  # 501: it never can
        return BackendFailed(words, after)
    return BackendRejected(words, status)


def retry_after_s(value: str | None, now: float) -> float | None:
    """Seconds that a Retry-After header asks to wait (RFC 9110, 10.2.3), a day at most.

    >>> retry_after_s("2", 0.0), retry_after_s("soon", 0.0), retry_after_s("nan", 0.0)
    (2.0, None, None)
    """
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - now
        except (TypeError, ValueError, OverflowError):
            return None
    return min(max(0.0, seconds), LONGEST_RETRY_AFTER_S) if isfinite(seconds) else None


def _said(content: bytes) -> str:
    """What the error body says, if it says it the usual way."""
    try:
        body: Any = loaded(content)
    except (ValueError, RecursionError):
        return ""
    error = mapping(body).get("error")
    said = mapping(error).get("message") if isinstance(error, dict) else error
    return said[:MAX_ERROR_CHARS] if isinstance(said, str) else ""
