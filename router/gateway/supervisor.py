"""Several workers on one address, and the small process that starts them and keeps them alive.

The supervisor has the address, at which all workers take connections. It loads no model and answers
nothing. A worker that dies is started again; one that ends before any has ever served, as
for a wrong setting, ends them all. Where the supervisor itself dies, its workers drain and end.
"""

import asyncio
import logging
import shutil
import signal
import socket
import sys
import tempfile
from asyncio.subprocess import DEVNULL, Process
from contextlib import suppress
from os import environ
from time import monotonic
from typing import Any

from prometheus_client.multiprocess import mark_process_dead

from router.errors import ConfigError
from router.gateway.constants import (
    COUNTS_FOLDER,
    KILL_S,
    LONGEST_PAUSE_S,
    SHORTEST_PAUSE_S,
    STEADY_S,
)
from router.gateway.listening import bound
from router.gateway.worker import Worker
from router.settings import Settings

_log = logging.getLogger("router.gateway")


def supervise(settings: Settings, given: dict[str, Any]) -> int:
    """Serve with `settings.workers` workers until SIGINT or SIGTERM; returns the exit code.

    `given`: settings of the command line. Each worker runs the command of this process. Raises
    ConfigError if the address is taken, or where sockets cannot be handed on.
    """
    if sys.platform == "win32":
        raise ConfigError(
            "Several workers need Linux or macOS; set workers = 1, or start several gateways, each "
            "on a port of its own."
        )
    counts = tempfile.mkdtemp(prefix="router-counts-")
    try:
        with bound(settings.host, settings.port) as alone:  # nobody else has it
            host, port = alone.getsockname()[:2]
        with bound(host, port, shared=True) as listening:
            return asyncio.run(_Supervisor(settings.workers, given, listening, counts).run())
    finally:
        shutil.rmtree(counts, ignore_errors=True)


class _Supervisor:
    def __init__(
        self, workers: int, given: dict[str, Any], listening: socket.socket, counts: str
    ) -> None:
        self._of, self._given = workers, given
        self._listening, self._counts = listening, counts
        self._running: dict[int, Process] = {}
        self._stopping = asyncio.Event()
        self._served = asyncio.Event()
        self._code = 0

    async def run(self) -> int:
        """Until all workers have ended."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop)
        loop.add_signal_handler(signal.SIGHUP, self._pass_on, signal.SIGHUP)
        workers = [asyncio.create_task(self._keep(0))]
        await self._first_serves(workers[0])
        workers += [asyncio.create_task(self._keep(number)) for number in range(1, self._of)]
        await asyncio.gather(*workers)
        return self._code

    async def _first_serves(self, first: "asyncio.Task[None]") -> None:
        """Wait for it: what is wrong is said once, and the tables are made once."""
        served = asyncio.create_task(self._served.wait())
        await asyncio.wait((served, first), return_when=asyncio.FIRST_COMPLETED)
        served.cancel()

    async def _keep(self, number: int) -> None:
        """Start a worker again and again until the end."""
        pause = 0.0
        while not self._stopping.is_set():
            began = monotonic()
            process = await self._started(number)
            self._code = max(self._code, await self._ended(number, process))
            if self._stopping.is_set():
                return
            if not self._served.is_set():
                self._code = self._code or 1
                self._stop()
                return
            steady = monotonic() - began > STEADY_S
            pause = 0.0 if steady else min(max(2 * pause, SHORTEST_PAUSE_S), LONGEST_PAUSE_S)
            when = f"in {pause:g} s" if pause else "at once"
            _log.error(
                "Worker %d %s; it is started again %s.", number, _how(process.returncode), when
            )
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)

    async def _started(self, number: int) -> Process:
        ours, theirs = socket.socketpair()
        with theirs:
            worker = Worker(
                number=number,
                listening=self._listening.fileno(),
                supervisor=theirs.fileno(),
                given=self._given,
            )
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *sys.orig_argv[1:],
                stdin=DEVNULL,
                env={**environ, COUNTS_FOLDER: self._counts, **worker.environment()},
                pass_fds=(worker.listening, worker.supervisor),
                process_group=0,  # Ctrl-C is the supervisor's, which lets them drain
            )
        self._running[number] = process
        asyncio.create_task(self._listen(ours)).add_done_callback(lambda _: ours.close())
        if self._stopping.is_set():
            _signalled(process, signal.SIGTERM)
        return process

    async def _listen(self, line: socket.socket) -> None:
        """Hear that a worker serves, and hold its line until it has ended."""
        line.setblocking(False)
        loop = asyncio.get_running_loop()
        with suppress(OSError):
            while await loop.sock_recv(line, 16):
                self._served.set()

    async def _ended(self, number: int, process: Process) -> int:
        """Wait for a worker's end; once all shall end, not for ever. Gives 1 if it ended badly."""
        over = asyncio.create_task(process.wait())
        stopping = asyncio.create_task(self._stopping.wait())
        await asyncio.wait((over, stopping), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not over.done():
            await asyncio.wait((over,), timeout=KILL_S)
        if not over.done():
            _log.error("Worker %d does not end, and is killed.", number)
            _signalled(process, signal.SIGKILL)
        code = await over
        del self._running[number]
        mark_process_dead(process.pid, self._counts)  # type: ignore[no-untyped-call]
        counts = self._stopping.is_set() or not self._served.is_set()
        return int(counts and code not in (0, -signal.SIGTERM))

    def _stop(self) -> None:
        """Let the workers drain; a second time, end them at once."""
        self._stopping.set()
        self._listening.close()
        self._pass_on(signal.SIGTERM)

    def _pass_on(self, number: signal.Signals) -> None:
        for process in self._running.values():
            _signalled(process, number)


def _signalled(process: Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        process.send_signal(number)


def _how(code: int | None) -> str:
    """How a process ended, in words.

    >>> _how(-9), _how(1)
    ('was ended by SIGKILL', 'ended with 1')
    """
    if code is not None and code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with {code}"
