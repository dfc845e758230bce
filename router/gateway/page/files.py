"""The page's own files, and the headers that keep a browser from taking anything else into it."""

import hashlib
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from router.errors import RequestRefused

_WEB = Path(__file__).parent / "web"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
# Only files of this server run, style or are asked; nothing is framed, sent elsewhere or inline.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
)
GUARDED = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "referrer-policy": "no-referrer",
}


class Files:
    """What the page is made of, read once. It holds no word and no number of anybody's."""

    def __init__(self) -> None:
        self._files = {
            path.name: (path.read_bytes(), _TYPES[path.suffix])
            for path in sorted(_WEB.iterdir())
            if path.suffix in _TYPES
        }
        self._tags = {
            name: f'"{hashlib.sha256(body).hexdigest()[:16]}"'
            for name, (body, _) in self._files.items()
        }

    async def get(self, request: Request) -> Response:
        """GET /page/NAME."""
        return self.sent(request, request.path_params["name"])

    def sent(self, request: Request, name: str) -> Response:
        """A file; 304 where the browser has it already. Raises RequestRefused (404)."""
        if name not in self._files:
            raise RequestRefused(404, "unknown_address", "The page has no such file.")
        body, kind = self._files[name]
        tag = self._tags[name]
        headers = {**GUARDED, "etag": tag, "cache-control": "no-cache", "vary": "accept"}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(body, headers=headers, media_type=kind)


def is_asked_for(request: Request) -> bool:
    """Whether a browser wants a page; programs that ask `/` whether Ollama is there do not."""
    return "text/html" in request.headers.get("accept", "").lower()
