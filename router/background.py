"""Work that is done again and again beside answering, and never ends in silence."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from router.errors import RouterError, place_of

_log = logging.getLogger("router.gateway")


class BackgroundTask:
    """Does `work` every `pause_s` seconds until it is stopped, whatever fails.

    A failure is logged when it begins and when it changes. `said`: since when it fails and how, in
    words without anything of a request; `failures`: how often it failed in all.
    """

    def __init__(self, name: str, pause_s: float, work: Callable[[], Awaitable[None]]) -> None:
        self.name, self.said, self.failures = name, "", 0
        self._pause_s, self._work = pause_s, work
        self._since, self._problem = "", ""
        self._task = asyncio.create_task(self._run(), name=name)

    @property
    def failing(self) -> bool:
        """Whether its last turn failed."""
        return bool(self.said)

    async def stop(self) -> None:
        """End it, and wait until it has ended."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._pause_s)
            await self._turn()

    async def _turn(self) -> None:
        try:
            await self._work()
        except Exception as error:
            self._failed(error)
        else:
            if self.failing:
                _log.info("The task %s works again.", self.name)
            self.said = self._problem = ""

    def _failed(self, error: Exception) -> None:
        ours = isinstance(error, RouterError)
        problem = str(error) if ours else f"{type(error).__name__} at {place_of(error)}"
        self.failures += 1
        if not self.failing:
            self._since = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
        if problem != self._problem:
            _log.error("The task %s failed and will be tried again: %s", self.name, problem)
        self._problem = problem
        # Without the words of our own errors, which may name paths: readyz is open to all.
        self.said = f"fails since {self._since} ({type(error).__name__})"
