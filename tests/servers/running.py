"""The gateway in a thread of the test, over real sockets, and how a test waits for it."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx
import uvicorn
from sqlalchemy import Engine

from router.app import Service
from router.gateway.heads import Heads
from router.gateway.listening import bound
from router.gateway.routes import create_app
from router.settings import Settings, load_settings

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


class Gateway:
    """`with Gateway(tmp_path, local_url=...) as gateway: gateway.chat("hi")`."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.database = folder / "outcomes.db"
        settings.setdefault("log_url", f"sqlite:///{self.database}")
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
                self._server = uvicorn.Server(config)
                self._server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
                self._ready.set()
                await self._server.serve([listening])

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(30)
        if self._failure:
            raise self._failure
        self.client = httpx.Client(base_url=self.url, timeout=60)
        return self

    def __exit__(self, *error: object) -> None:
        self.client.close()
        self._server.should_exit = True
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
