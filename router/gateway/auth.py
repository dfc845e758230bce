"""Who may use the gateway: API keys, and no web page that happens to be open in a browser."""

import hashlib
import hmac
from functools import lru_cache
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from router.errors import RequestRefused
from router.gateway.constants import HOSTS_REMEMBERED
from router.gateway.origins import is_ours
from router.settings import Settings, is_loopback


def key_name(settings: Settings, headers: Headers) -> str | None:
    """The name of the API key that a request came with; None where none is needed.

    Raises RequestRefused: 401 for a missing or unknown key; 403 on loopback without keys for a
    request that names another host or comes from a web page, since any page could send those.
    """
    if not settings.api_keys:
        _refuse_browsers(headers)
        return None
    given = headers.get("x-api-key") or _bearer(headers.get("authorization", ""))
    if not given:
        raise RequestRefused(
            401, "missing_key", "Send a key as x-api-key or Authorization: Bearer."
        )
    digest = hash_of(given)
    for name, known in settings.api_keys.items():
        if hmac.compare_digest(known, digest):
            return name
    raise RequestRefused(401, "unknown_key", "This key is not known here.")


def hash_of(key: str) -> str:
    """How a key is written in the settings. Keys are random and long, so one round is enough.

    >>> hash_of("secret")[:14]
    'sha256:2bb80d5'
    """
    return "sha256:" + hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()


def _bearer(value: str) -> str:
    kind, _, token = value.partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def _refuse_browsers(headers: Headers) -> None:
    """DNS rebinding gives a page our address under its own name; its Origin gives it away too.

    Of a header that comes twice both must be of this machine.
    """
    if not all(map(_is_here, headers.getlist("host"))):
        raise RequestRefused(
            403,
            "foreign_host",
            "This gateway serves this machine only: use 127.0.0.1 as host, or set api_keys.",
        )
    if not all(map(is_ours, headers.getlist("origin"))):
        raise RequestRefused(
            403, "foreign_origin", "Web pages may not use this gateway without an API key."
        )


@lru_cache(maxsize=HOSTS_REMEMBERED)
def _is_here(host: str) -> bool:
    try:
        return is_loopback(urlsplit(f"//{host}").hostname or "")
    except ValueError:
        return False
