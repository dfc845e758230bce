"""Backends in processes of their own, so that they do not wait for whoever makes the load."""

import multiprocessing
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Event
from typing import Self

from tests.servers import upstream
from tests.servers.upstream import Connection, Got, Upstream
from tests.soak.traffic import MARK

FAULTS = ("", "fails", "restarts", "talks nonsense")
_processes = multiprocessing.get_context("spawn")


class Backend:
    """`with Backend("local") as backend: backend.url`.

    Answers well until `fault` is set to one of FAULTS, and counts what private value it was sent.
    """

    def __init__(self, tier: str) -> None:
        self._port, self._fault, self._leaked = (_processes.Value("i", 0) for _ in range(3))
        self._ready, self._over = _processes.Event(), _processes.Event()
        given = (tier, self._port, self._fault, self._leaked, self._ready, self._over)
        self._process = _processes.Process(target=_serve, args=given, daemon=True)

    def __enter__(self) -> Self:
        self._process.start()
        assert self._ready.wait(60)
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._process.join(10)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port.value}"

    @property
    def leaked(self) -> int:
        """Requests that had a private value in them."""
        return self._leaked.value

    @property
    def fault(self) -> str:
        return FAULTS[self._fault.value]

    @fault.setter
    def fault(self, name: str) -> None:
        self._fault.value = FAULTS.index(name)


class _Script:
    def __init__(
        self, well: upstream.Script, fault: "Synchronized[int]", leaked: "Synchronized[int]"
    ) -> None:
        self._well, self._fault, self._leaked = well, fault, leaked

    async def __call__(self, connection: Connection, got: Got) -> None:
        if MARK.encode() in got.raw or MARK in f"{got.path} {got.headers}":
            self._leaked.value += 1
        fault = FAULTS[self._fault.value]
        if not fault or got.method != "POST":
            await self._well(connection, got)
        elif fault == "fails":
            await connection.json({"error": {"message": "no"}}, 500)
        elif fault == "restarts":
            connection.reset()
        else:
            await connection.raw(b"\xff{", 200, "application/json")


class _Forgetful(Upstream):
    """One that keeps nothing of what it was asked, as a siege is long, and its connections."""

    chunked = True

    def forget(self) -> None:
        self.got.clear()
        self._writers = [w for w in self._writers if not w.is_closing()]


def _serve(
    tier: str,
    port: "Synchronized[int]",
    fault: "Synchronized[int]",
    leaked: "Synchronized[int]",
    ready: Event,
    over: Event,
) -> None:
    well = upstream.local if tier == "local" else upstream.cloud
    with _Forgetful(_Script(well, fault, leaked)) as server:
        port.value = server.port
        ready.set()
        while not over.wait(1.0):
            server.forget()
