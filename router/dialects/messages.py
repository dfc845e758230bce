"""Anthropic's messages: https://docs.claude.com/en/api/messages."""

from router.dialects.base import Asked, Dialect, NamedEvents, Writer
from router.wire import Api, Json, anthropic


class Messages(Dialect):
    """POST /v1/messages."""

    name = "anthropic"
    path = "/v1/messages"
    api: Api = "anthropic"

    def writer(self, asked: Asked) -> Writer:
        """See `Dialect`."""
        return NamedEvents(self)

    def error(self, status: int, code: str, message: str) -> Json:
        """See `Dialect`."""
        return anthropic.error(status, code, message)
