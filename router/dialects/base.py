"""The seam between what a client speaks and what is routed, sent and kept."""

from dataclasses import dataclass
from typing import Protocol

from router.wire import Api, Json, openai, sse

EVENT_STREAM = "text/event-stream; charset=utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What an answer may need of its request.

    `body`: as the client wrote it. `id`: of the decision. `at`: Unix time in seconds when it came.
    """

    body: Json
    id: str
    at: float


class Writer(Protocol):
    """Writes one stream as bytes; what it is fed are events of the dialect's `api`."""

    def feed(self, event: Json, /) -> bytes:
        """What the client gets for one event."""
        ...

    def end(self) -> bytes:
        """What follows the last event: sent once the outcome is on disk."""
        ...

    def failed(self, status: int, code: str, message: str) -> bytes:
        """The end of a stream that broke off."""
        ...


class Dialect:
    """One API of clients. What is defined here is how OpenAI's chat completions go.

    `name`: in the outcome log and in metrics. `path`: the address that is answered by a tier.
    `api`: the dialect of backends in which its requests are routed, sent and kept; whatever
    comes from a backend is in it too, translated where the backend speaks the other one.
    """

    name = "openai"
    path = "/v1/chat/completions"
    api: Api = "openai"
    media_type = EVENT_STREAM

    def previous(self, body: Json) -> str | None:
        """Id of the decision whose conversation the request continues; None where it says all.

        Raises InputError.
        """
        return None

    def request(self, body: Json, earlier: list[Json]) -> Json:
        """A request in `api`; `earlier`: the turns that it continues, if `previous` named some.

        Notes for the log stand under "router": scanned and kept like the rest, and never sent.
        Raises InputError for what cannot be carried over.
        """
        return body

    def answer(self, body: Json, asked: Asked) -> Json:
        """A whole answer, from one in `api`."""
        return body

    def writer(self, asked: Asked) -> Writer:
        """What writes the stream that answers."""
        return Chunks(self)

    def error(self, status: int, code: str, message: str) -> Json:
        """The body of an error."""
        return openai.error(status, code, message)


class Chunks:
    """Events as they are, without a name, and [DONE] after the last."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect

    def feed(self, event: Json) -> bytes:
        """See `Writer`."""
        return sse.encode(event)

    def end(self) -> bytes:
        """See `Writer`."""
        return b"data: [DONE]\n\n"

    def failed(self, status: int, code: str, message: str) -> bytes:
        """See `Writer`."""
        return sse.encode(self._dialect.error(status, code, message)) + self.end()


class NamedEvents:
    """Events as they are, each with its type as its name, and nothing after the last."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect

    def feed(self, event: Json) -> bytes:
        """See `Writer`."""
        return sse.encode(event, str(event.get("type")))

    def end(self) -> bytes:
        """See `Writer`."""
        return b""

    def failed(self, status: int, code: str, message: str) -> bytes:
        """See `Writer`."""
        return self.feed(self._dialect.error(status, code, message))
