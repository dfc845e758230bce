"""Which web pages may use the gateway: of this machine, and programs made of pages, as Obsidian is.

Such a program has an origin that no page of the web can have (app://obsidian.md), and its engine
gives it answers only where the server allows that: https://fetch.spec.whatwg.org/#http-cors-protocol.
"""

from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from router.settings import is_loopback

# The same that Ollama allows where nothing else is set, and Obsidian's on a telephone.
_PROGRAMS = ("app", "capacitor", "file", "tauri", "vscode-file", "vscode-webview")
_PREFLIGHT = b"access-control-request-method"
_ALLOWED = (
    (b"access-control-allow-methods", b"GET, HEAD, POST, DELETE"),
    (b"access-control-max-age", b"86400"),
)


def is_ours(origin: str) -> bool:
    """Whether an origin is of this machine rather than of the web.

    >>> is_ours("app://obsidian.md"), is_ours("http://localhost:3000"), is_ours("null")
    (True, True, False)
    >>> is_ours("https://obsidian.md")
    False
    """
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in _PROGRAMS or is_loopback(parts.hostname or "")


class Origins:
    """An application (ASGI) whose answers pages of this machine may read."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        headers = dict(scope.get("headers") or ())
        origin = headers.get(b"origin")
        if origin is None or not is_ours(origin.decode("latin-1")):
            await self._app(scope, receive, send)
            return
        given = [(b"access-control-allow-origin", origin), (b"vary", b"origin")]
        if scope["method"] == "OPTIONS" and _PREFLIGHT in headers:
            asked = headers.get(b"access-control-request-headers", b"")
            given += [*_ALLOWED, (b"access-control-allow-headers", asked)]
            await send({"type": "http.response.start", "status": 204, "headers": given})
            await send({"type": "http.response.body", "body": b""})
            return

        async def allowing(message: Message) -> None:
            if message["type"] == "http.response.start":
                exposed = [(b"access-control-expose-headers", b"*")]
                message = {**message, "headers": [*message.get("headers", ()), *given, *exposed]}
            await send(message)

        await self._app(scope, receive, allowing)
