"""Addresses that are not there: an error in the shape of the API meant, and what there is."""

from collections.abc import Sequence

from starlette.routing import Match, Route
from starlette.types import Receive, Scope, Send

from router.dialects.table import of_path
from router.errors import RequestRefused
from router.gateway.responses import refused


class Unknown:
    """The endpoint (ASGI) for every request that fits none of `routes`."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Say what there is: 405 where only the method is wrong, else 404."""
        path = str(scope["path"])
        error = RequestRefused(404, "unknown_address", self._words(path))
        fitting = [r for r in self._routes if r.matches(scope)[0] is Match.PARTIAL]
        if fitting:
            given = ", ".join(_methods(fitting))
            error = RequestRefused(405, "wrong_method", f"This address takes {given} only.")
            error.headers = {"allow": given}
        await refused(error, of_path(path))(scope, receive, send)

    def _words(self, path: str) -> str:
        start = path.split("/")[1]
        alike = [r for r in self._routes if r.path.split("/")[1] == start] or self._routes
        known = ", ".join(f"{' '.join(_methods([r]))} {r.path}" for r in alike)
        return f"There is no such address here; there are {known}."


def _methods(routes: Sequence[Route]) -> list[str]:
    return sorted({m for r in routes for m in r.methods or () if m != "HEAD"})
