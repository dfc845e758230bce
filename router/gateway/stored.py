"""Answers that clients come back to: of the Responses API, as far as the log kept them."""

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from router.app import Service
from router.dialects import responses_answer, responses_items
from router.dialects.base import Asked, Dialect
from router.dialects.responses_request import NOTE, turns
from router.dialects.table import RESPONSES
from router.errors import RequestRefused
from router.gateway.auth import key_name
from router.gateway.responses import answered
from router.outcomes.export import body_of
from router.outcomes.queries import PastAnswer, forget_words, past_answer
from router.wire import Json
from router.wire.summary import Summary, Usage, mapping, sequence


class Stored:
    """What the log kept, for the API key that had it."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def earlier(self, dialect: Dialect, body: Json, key: str | None) -> list[Json]:
        """The turns that a request continues. Raises RequestRefused (400) if none were kept."""
        named = dialect.previous(body)
        if named is None:
            return []
        found, why = await self._found(named, key)
        if found is None:
            raise RequestRefused(
                400,
                "previous_response_not_found",
                f"{why} Send the whole conversation as input instead of previous_response_id.",
            )
        text, calls = responses_answer.read_back(found.answer or "")
        answer = responses_answer.turn(_asked(named, found), text, calls)
        return [*turns(body_of(found.request) or {}), answer]

    async def get(self, request: Request) -> Response:
        """GET /v1/responses/ID."""
        if request.query_params.get("stream") == "true":
            raise RequestRefused(
                400,
                "invalid_request",
                "A response that was kept is not streamed again; retrieve it without stream.",
            )
        name, found = await self._asked_for(request)
        text, calls = responses_answer.read_back(found.answer or "")
        tokens = (found.input_tokens, found.output_tokens)
        known = Summary(
            text=text,
            model=found.model or "",
            finish=found.finish or "unknown",  # type: ignore[arg-type]
            calls=calls,
            usage=Usage(*(t or 0 for t in tokens)) if None not in tokens else None,
        )
        return answered(responses_answer.made(_asked(name, found), known))

    async def delete(self, request: Request) -> Response:
        """DELETE /v1/responses/ID: its words go, its numbers stay."""
        given = str(request.path_params["name"])
        name, _ = await self._asked_for(request)
        await asyncio.wrap_future(self._service.log.forget(forget_words(name)))
        return answered({"id": given, "object": "response", "deleted": True})

    async def input_items(self, request: Request) -> Response:
        """GET /v1/responses/ID/input_items: the conversation that it answered, in pages."""
        name, found = await self._asked_for(request)
        items = responses_items.items(turns(body_of(found.request) or {}), name)
        return answered(responses_items.page(items, request.query_params))

    async def _asked_for(self, request: Request) -> tuple[str, PastAnswer]:
        """The decision that an address names, with its words. Raises RequestRefused (404)."""
        name = responses_answer.decision_id(str(request.path_params["name"]))
        found, why = await self._found(name, key_name(self._service.settings, request.headers))
        if found is None:
            raise RequestRefused(404, "response_not_found", why)
        return name, found

    async def _found(self, name: str, key: str | None) -> tuple[PastAnswer | None, str]:
        """An answer with its words; or None, and why. Raises LogError where the log is behind."""
        await self._service.log.flushed()
        await self._service.arrived(name)
        found = await asyncio.to_thread(past_answer, self._service.log.engine, name)
        if found is None or found.api != RESPONSES.name or found.key != key:
            return None, "There is no response with that id here."
        if found.status != 200:
            return None, "That response failed."
        if found.request is not None and found.answer is not None:
            return found, ""
        if found.private_kinds is not None:
            return None, "No word of that response was kept, as it is private."
        return None, (
            "No word of that response was kept: store was false, it was deleted, or the gateway's "
            f"own setting was not full (it is {self._service.settings.store})."
        )


def _asked(name: str, found: PastAnswer) -> Asked:
    """The request again, as far as an answer repeats it."""
    words = body_of(found.request) or {}
    body = dict(mapping(mapping(words.get("router")).get(NOTE)))
    functions = (mapping(mapping(t).get("function")) for t in sequence(words.get("tools")))
    body["tools"] = [{"type": "function", **f} for f in functions]
    return Asked(body=body, id=name, at=found.at)
