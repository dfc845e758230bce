"""OpenAI's Responses API: https://platform.openai.com/docs/api-reference/responses."""

from router.dialects.base import Asked, Dialect, Writer
from router.dialects.responses_answer import Events, answer, decision_id
from router.dialects.responses_request import request
from router.errors import InputError
from router.wire import Json


class Responses(Dialect):
    """POST /v1/responses; routed, sent and kept as chat completions."""

    name = "responses"
    path = "/v1/responses"

    def previous(self, body: Json) -> str | None:
        """See `Dialect`."""
        given = body.get("previous_response_id")
        if given is not None and not isinstance(given, str):
            raise InputError("previous_response_id must be the id of a response.")
        return decision_id(given) if given else None

    def request(self, body: Json, earlier: list[Json]) -> Json:
        """See `Dialect`."""
        return request(body, earlier)

    def answer(self, body: Json, asked: Asked) -> Json:
        """See `Dialect`."""
        return answer(body, asked)

    def writer(self, asked: Asked) -> Writer:
        """See `Dialect`."""
        return Events(asked)
