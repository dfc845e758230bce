"""The gateway in a thread of the test, over real sockets, and how a test waits for it."""

import asyncio
import socket
import sqlite3
import ssl
import threading
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self, TypeVar

import httpx
import uvicorn
from sqlalchemy import Engine

from router.app import Service
from router.gateway.heads import Heads
from router.gateway.listening import bound
from router.gateway.routes import create_app
from router.outcomes.database import open_database
from router.settings import Settings, load_settings
from tests.servers.upstream import closed

T = TypeVar("T")


def until(condition: Callable[[], T], seconds: float = 20) -> T:
    """What `condition` gives as soon as it is true; fails when that takes too long.

    In a coroutine: `await asyncio.to_thread(until, condition)`.
    """
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"not true within {seconds} s"
        time.sleep(0.01)
    return found


@cache
def _empty_log() -> bytes:
    """A database with its tables, and no row: to make those takes longer than many a test."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "outcomes.db"
        open_database(f"sqlite:///{path}").dispose()
        return path.read_bytes()


class _Server(uvicorn.Server):
    """Ends the moment it is told to, if nobody is connected; uvicorn looks ten times a second, and
    gives clients a tenth more. There are a thousand tests.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._told = asyncio.Event()

    def end(self) -> None:
        self.should_exit = True
        self._told.set()

    async def main_loop(self) -> None:
        await self.on_tick(0)
        await self._told.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            await closed(server)
        if self.server_state.connections:
            await super().shutdown(sockets)


class Gateway:
    """`with Gateway(tmp_path, local_url=...) as gateway: gateway.chat("hi")`."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.database = folder / "outcomes.db"
        if "log_url" not in settings:
            settings["log_url"] = f"sqlite:///{self.database}"
            if not self.database.exists():
                self.database.write_bytes(_empty_log())
        settings.setdefault("cascade", "off")
        self.settings: Settings = load_settings(**settings)
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.service: Service
        self.loop: asyncio.AbstractEventLoop

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            self._failure = error
            self._ready.set()

    async def _serve(self) -> None:
        self.loop = asyncio.get_running_loop()
        with bound("127.0.0.1", 0) as listening:
            listening.listen()  # before anybody is told: a client may be faster than the server
            self.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
            async with Service(self.settings, lambda: self.settings) as service:
                self.service = service
                app = create_app(service)
                config = uvicorn.Config(app, log_level="error", lifespan="off", http=Heads)
                self._server = _Server(config)
                self._ready.set()
                await self._server.serve([listening])

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(30)
        if self._failure:
            raise self._failure
        no_certificates = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # to read them takes long
        self.client = httpx.Client(base_url=self.url, timeout=60, verify=no_certificates)
        return self

    def __exit__(self, *error: object) -> None:
        self.client.close()
        if self._thread.is_alive():  # a test may have ended it before
            self.loop.call_soon_threadsafe(self._server.end)
        self._thread.join(20)

    def chat(self, text: str, model: str = "auto", **more: Any) -> httpx.Response:
        headers = more.pop("headers", {})
        body = {"model": model, "messages": [{"role": "user", "content": text}], **more}
        return self.client.post("/v1/chat/completions", json=body, headers=headers)

    def messages(self, text: str, model: str = "auto", **more: Any) -> httpx.Response:
        headers = more.pop("headers", {})
        body = {
            "model": model,
            "max_tokens": 100,
            "messages": [{"role": "user", "content": text}],
            **more,
        }
        return self.client.post("/v1/messages", json=body, headers=headers)

    def flush(self) -> None:
        """Wait until the database has every row that was answered so far."""
        self.service.log.call(lambda connection: None).result(20)

    @property
    def engine(self) -> Engine:
        """The database, with every row that was answered so far."""
        self.flush()
        return self.service.log.engine

    def rows(self) -> list[dict[str, Any]]:
        self.flush()
        connection = sqlite3.connect(self.database)
        connection.row_factory = sqlite3.Row
        try:
            found = connection.execute("SELECT * FROM decisions ORDER BY at").fetchall()
            return [dict(r) for r in found]
        finally:
            connection.close()


HARD = "Prove Zorn's lemma from the axiom of choice, in full rigour, without transfinite recursion."
EASY = "What is the capital of France?"
