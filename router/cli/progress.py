"""How far a long command is: a bar on a terminal, elsewhere a line now and then."""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from threading import Event, Thread
from time import monotonic

from router.outcomes.pieces import Progress

FIRST_S = 5.0  # chosen: seconds in which nobody wonders yet what is going on
LINE_S = 15.0  # chosen: between two lines where there is no terminal


@dataclass(slots=True)
class _Standing:
    """What is known of the work so far. `ends`: on the monotonic clock, None without a budget."""

    what: str
    began: float
    ends: float | None
    done: int = 0
    of: int | None = None

    def left_s(self, now: float) -> float | None:
        """Seconds that are left: by the pace so far, and never more than the budget leaves."""
        paced = None
        if self.of is not None and self.done:
            paced = max((now - self.began) / self.done * (self.of - self.done), 0.0)
        budget = None if self.ends is None else max(self.ends - now, 0.0)
        known = [s for s in (paced, budget) if s is not None]
        return min(known) if known else None

    def words(self, now: float) -> str:
        """One line: how many are done, of how many, and the time left."""
        left = self.left_s(now)
        of = "" if self.of is None else f" of {self.of}"
        until = "" if left is None else f", about {clock(left)} left"
        return f"{self.what}: {self.done}{of} done{until}"


def clock(seconds: float) -> str:
    """A length of time as people write it.

    >>> clock(9), clock(83.4), clock(7260)
    ('0:09', '1:23', '2:01:00')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@contextmanager
def progress_of(
    what: str, ends: float | None = None, every_s: float = LINE_S
) -> Iterator[Progress]:
    """Show on stderr how far a block is; yields a function of done and all.

    `ends`: when its budget is over, on the monotonic clock. `every_s`: between two lines where
    stderr is no terminal.
    """
    standing = _Standing(what, monotonic(), ends)

    def told(done: int, of: int) -> None:
        standing.done, standing.of = done, of

    with shown(lambda: standing.words(monotonic()), every_s):
        yield told


def shown(words: Callable[[], str], every_s: float = LINE_S) -> AbstractContextManager[None]:
    """Show on stderr, as long as a block takes, what `words` gives at each moment."""
    return (_bar if sys.stderr.isatty() else _lines)(words, every_s)


@contextmanager
def _bar(words: Callable[[], str], _every_s: float) -> Iterator[None]:
    """The line itself, anew four times a second; it is gone at the end."""
    from rich.console import Console  # only those who wait for something pay for it
    from rich.live import Live
    from rich.text import Text

    with Live(
        get_renderable=lambda: Text(words()),
        console=Console(stderr=True),
        refresh_per_second=4,
        transient=True,
    ):
        yield


@contextmanager
def _lines(words: Callable[[], str], every_s: float) -> Iterator[None]:
    over = Event()

    def write() -> None:
        pause = min(FIRST_S, every_s)
        while not over.wait(pause):
            print(words(), file=sys.stderr, flush=True)
            pause = every_s

    writer = Thread(target=write, daemon=True)
    writer.start()
    try:
        yield
    finally:
        over.set()
        writer.join()
