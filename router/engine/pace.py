"""How fast each local model writes, learned from its streams."""

from router.engine.constants import CHARS_PER_S, LEAST_TIMED_CHARS, PACE_WEIGHT


class Pace:
    """Characters of answer per second, by model; a mean that leans to recent streams.

    Counted from the first event, so that thinking, which nobody takes for the answer, makes a
    model slow.

    >>> pace = Pace()
    >>> pace.saw("small", 1000, 20.0)
    >>> pace.chars_per_s("small"), pace.chars_per_s("never seen") == CHARS_PER_S
    (50.0, True)
    """

    def __init__(self) -> None:
        self._known: dict[str, float] = {}

    def chars_per_s(self, model: str) -> float:
        """Of `model`; of one that has not answered yet, what is usual."""
        return self._known.get(model, CHARS_PER_S)

    def saw(self, model: str, chars: int, seconds: float) -> None:
        """Take note of a stream; one of a few words says nothing."""
        if chars < LEAST_TIMED_CHARS or seconds <= 0:
            return
        rate = chars / seconds
        before = self._known.get(model, rate)
        self._known[model] = before + PACE_WEIGHT * (rate - before)
