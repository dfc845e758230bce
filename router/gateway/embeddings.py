"""Vectors of texts, by the local server alone: none of what they are made of leaves."""

import asyncio

from router.app import Service
from router.errors import BackendRejected, RequestRefused
from router.wire import Json

_LACKING = (404, 405, 501)  # how servers say that they have no such address


class Embeddings:
    """Over one service."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def made(self, body: Json, model: str) -> Json:
        """The answer to a body of OpenAI's /v1/embeddings. Raises RouterError."""
        service = self._service
        named = self.model(model)
        deadline = asyncio.get_running_loop().time() + service.settings.request_s
        try:
            return await service.local.embeddings({**body, "model": named}, deadline)
        except BackendRejected as error:
            if error.status not in _LACKING:
                raise
            raise RequestRefused(
                501,
                "no_embeddings",
                f"The local server ({service.server.kind}) makes no embeddings with {named}; "
                "name a model of its that does, or set local_url to a server that has one.",
            ) from error

    def model(self, named: str) -> str:
        """The model that is asked: one that embeds, where none was named."""
        if named not in ("auto", "local"):
            return named
        embedders = [m.name for m in self._service.server.models.values() if m.embeds]
        return embedders[0] if embedders else self._service.policy.router.local_model
