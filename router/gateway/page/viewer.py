"""Who looks at the page, and what he may see and do.

A key of the gateway lets its holder ask; it is no leave to read what others asked, or to exchange
the model for all. That is for `owners`, for the only key where there is one, and for whoever sits
at the machine where no keys are set.
"""

from dataclasses import dataclass

from starlette.requests import Request

from router.errors import RequestRefused
from router.gateway.auth import key_name
from router.settings import Settings

_OWN = ("same-origin", "none")  # what a browser says of a request by the page itself, or typed in


@dataclass(frozen=True, slots=True)
class Viewer:
    """`key`: the name of the API key used, None where none is needed. `owner`: may see all."""

    key: str | None
    owner: bool

    @property
    def only_key(self) -> str | None:
        """The key whose requests alone may be seen; None for all."""
        return None if self.owner else self.key

    def may_see(self, key: str | None) -> bool:
        """Whether a request that came with `key` may be seen."""
        return self.owner or key == self.key


def viewer_of(settings: Settings, request: Request) -> Viewer:
    """Who asks for something of the page. Raises RequestRefused (401, 403)."""
    key = key_name(settings, request.headers)
    sites = request.headers.getlist("sec-fetch-site")
    if not all(site in _OWN for site in sites):
        raise RequestRefused(
            403, "foreign_page", "What this page shows is for this page alone, not for others."
        )
    if key is None:
        return Viewer(None, True)
    alone = not settings.owners and len(settings.api_keys) == 1
    return Viewer(key, alone or key in settings.owners)
