"""Answers to questions that cost something: worked out beside the event loop, and kept a while."""

import asyncio
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Any, TypeVar, cast

from router.gateway.constants import PAGE_PATIENCE_S, PAGE_REST, PAGE_THREADS

_T = TypeVar("_T")


class KeptAnswers:
    """However many pages ask, each question is worked out once at a time.

    An answer is kept `for_s` seconds, and PAGE_REST times as long as it took: what is slow on a
    long log is asked the more rarely. With `for_s` 0 it is only shared by who asks meanwhile.
    """

    def __init__(self) -> None:
        self._answers: dict[Hashable, tuple[float, Any]] = {}
        self._asked: dict[Hashable, asyncio.Task[Any]] = {}
        # Of their own: a long look at the log takes no thread that requests need.
        self._threads = ThreadPoolExecutor(PAGE_THREADS, "page")

    async def get(self, question: Hashable, for_s: float, work: Callable[[], _T]) -> _T:
        """The answer that `work` gives in a thread, or gave a moment ago. Raises what it raises."""
        if (kept := self._fresh(question)) is not None:
            return cast(_T, kept)
        made: _T = await asyncio.shield(self._task(question, for_s, work))
        return made

    async def soon(self, question: Hashable, for_s: float, work: Callable[[], _T]) -> _T | None:
        """The same within PAGE_PATIENCE_S: else the answer before, None where there is none."""
        if (kept := self._fresh(question)) is not None:
            return cast(_T, kept)
        task = self._task(question, for_s, work)
        await asyncio.wait({task}, timeout=PAGE_PATIENCE_S)
        if task.done():
            return task.result()
        _, before = self._answers.get(question, (0.0, None))
        return cast(_T | None, before)

    def forget(self) -> None:
        """Something was changed by hand: the next question is asked anew."""
        self._answers.clear()

    def _fresh(self, question: Hashable) -> Any:
        until, answer = self._answers.get(question, (0.0, None))
        return answer if monotonic() < until else None

    def _task(self, question: Hashable, for_s: float, work: Callable[[], _T]) -> "asyncio.Task[_T]":
        task = self._asked.get(question)
        if task is None:
            task = self._asked[question] = asyncio.create_task(self._work(question, for_s, work))
        return task

    async def _work(self, question: Hashable, for_s: float, work: Callable[[], _T]) -> _T:
        began = monotonic()
        try:
            answer = await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            del self._asked[question]
        ended = monotonic()
        if for_s:
            self._answers[question] = (ended + max(for_s, PAGE_REST * (ended - began)), answer)
        return answer
