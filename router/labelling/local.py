"""Asking the models of the local server outside of any request."""

import asyncio
from types import TracebackType

from router.app import chosen_model, timeouts_of
from router.backends.base import Ask
from router.backends.discovery import LocalModel, LocalServer, discover
from router.backends.http import Http
from router.backends.local import LocalBackend
from router.errors import BackendUnreachable
from router.settings import Settings, secret
from router.wire import Api, Json
from router.wire.convert import summary_of
from router.wire.summary import Summary


class Local:
    """The local server, for as long as it is needed: `async with Local(settings) as local`.

    Opening raises BackendUnreachable when nothing answers there.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._http = Http()
        self.server = LocalServer("none")

    async def __aenter__(self) -> "Local":
        settings = self._settings
        self.server = await discover(self._http, settings.local_url, secret(settings.local_api_key))
        if self.server.kind == "none":
            await self._http.close()
            raise BackendUnreachable(f"The local server is not there: {self.server.problem}")
        self._backend = LocalBackend(
            self._http,
            settings.local_url,
            timeouts_of(settings.local_limits),
            _never,
            secret(settings.local_api_key),
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.close()

    def chosen(self, settings: Settings) -> str:
        """The local model that a gateway with these settings uses."""
        return chosen_model(settings, self.server)

    def model(self, name: str) -> LocalModel:
        """The model of that name. Raises BackendUnreachable naming those that there are."""
        found = self.server.find(name)
        if found is None:
            there = ", ".join(m.name for m in self.server.chat_models()) or "none"
            raise BackendUnreachable(
                f"The local server at {self._settings.local_url} has no model {name}; it has "
                f"{there}."
            )
        return found

    async def ask(self, model: str, body: Json, api: Api = "openai") -> Summary:
        """The model's whole answer. Raises BackendError or InputError."""
        deadline = asyncio.get_running_loop().time() + self._settings.request_s
        answer = await self._backend.send(Ask(api=api, body=body, model=model, deadline=deadline))
        return summary_of(answer, "openai")


async def _never(model: str) -> bool:
    return False
