"""Answers to questions that cost something: worked out beside the event loop, and kept a while."""

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Any, TypeVar

from router.gateway.constants import PAGE_REST

_T = TypeVar("_T")


class KeptAnswers:
    """However many pages ask, each question is worked out once at a time.

    An answer is kept `for_s` seconds, and PAGE_REST times as long as it took: what is slow on a
    long log is asked the more rarely. With `for_s` 0 it is only shared by who asks meanwhile.
    """

    def __init__(self) -> None:
        self._answers: dict[object, tuple[float, Any]] = {}
        self._asked: dict[object, asyncio.Task[Any]] = {}

    async def get(self, question: object, for_s: float, work: Callable[[], _T]) -> _T:
        """The answer that `work` gives in a thread, or gave a moment ago. Raises what it raises."""
        until, answer = self._answers.get(question, (0.0, None))
        if monotonic() < until:
            kept: _T = answer
            return kept
        task = self._asked.get(question)
        if task is None:
            task = self._asked[question] = asyncio.create_task(self._work(question, for_s, work))
        made: _T = await asyncio.shield(task)
        return made

    def forget(self) -> None:
        """Something was changed by hand: the next question is asked anew."""
        self._answers.clear()

    async def _work(self, question: object, for_s: float, work: Callable[[], _T]) -> _T:
        began = monotonic()
        try:
            answer = await asyncio.to_thread(work)
        finally:
            del self._asked[question]
        ended = monotonic()
        if for_s:
            self._answers[question] = (ended + max(for_s, PAGE_REST * (ended - began)), answer)
        return answer
