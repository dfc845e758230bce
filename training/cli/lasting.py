"""How long a command will take from here, by how long its steps took the last time.

What fitting costs is not known beforehand; that it costs what it did is the best guess, and it is
said to be one. Durations are kept in the user's cache, by command; without them only the time so
far is shown.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from platformdirs import user_cache_path

from router.cli.progress import clock


class Lasting:
    """The steps of one run beside those of the last. Times on the monotonic clock, in seconds."""

    def __init__(self, file: Path | None, command: str, last: Mapping[str, float]) -> None:
        self._file, self._command, self._last = file, command, dict(last)
        self._took: dict[str, float] = {}
        self._step = "starting"
        self._since: float | None = None
        self._count: tuple[int, int] | None = None

    @classmethod
    def of_last_run(cls, argv: Sequence[str], watched: bool) -> "Lasting":
        """For the command that `argv` calls: its first word, whatever options follow.

        Where nobody watches, nothing is read or kept.
        """
        command = " ".join([Path(argv[0]).name, *argv[1:2]]) if argv else ""
        if not watched:
            return cls(None, command, {})
        file = user_cache_path("hybrid-router") / "steps.json"
        return cls(file, command, _read(file).get(command, {}))

    def begun(self, step: str, now: float) -> None:
        """A step begins, and with it the one before has ended."""
        self._add(now)
        self._step, self._since, self._count = step, now, None

    def counted(self, done: int, of: int) -> None:
        """So many parts of the step are done."""
        self._count = (done, of)

    def ended(self, now: float) -> None:
        """All of it is done: keep how long each step took. A file that cannot be written is not."""
        self._add(now)
        if self._file is None:
            return
        with suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            kept = {**_read(self._file), self._command: self._took}
            self._file.write_text(json.dumps(kept), encoding="utf-8")

    def words(self, now: float) -> str:
        """One line: the step, its time so far, and what is left if it goes as the last time.

        Of a step whose parts are counted how many are done, and what is left of it at its pace.
        """
        so_far = 0.0 if self._since is None else now - self._since
        done, of = self._count or (0, 0)
        parts = f"{done:,} of {of:,} done, " if of else ""
        left = self.left_s(so_far)
        until = "" if left is None else f", about {clock(left)} left by the last time"
        if done and left is None:
            until = f", about {clock(so_far / done * (of - done))} left of it"
        return f"{self._step}: {parts}{clock(so_far)} so far{until}"

    def left_s(self, so_far: float) -> float | None:
        """Seconds left of a step that has taken `so_far`, and of those that followed it."""
        if self._step not in self._last:
            return None
        names = list(self._last)
        after = names[names.index(self._step) + 1 :]
        return max(self._last[self._step] - so_far, 0.0) + sum(self._last[name] for name in after)

    def _add(self, now: float) -> None:
        if self._since is not None:
            self._took[self._step] = self._took.get(self._step, 0.0) + now - self._since


def _read(file: Path) -> dict[str, dict[str, float]]:
    """What is kept; nothing where there is no such file, or it is not ours."""
    with suppress(OSError, ValueError):
        found = json.loads(file.read_text(encoding="utf-8"))
        if isinstance(found, dict):
            return {k: v for k, v in found.items() if isinstance(v, dict)}
    return {}
