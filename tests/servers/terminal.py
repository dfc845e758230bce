"""A command at a terminal of its own, and somebody who reads and types."""

import os
import select
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

# The terminal is made by a process of its own: this one has threads, and may not fork.
_SPAWN = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"


class Terminal:
    """`with Terminal([...], environment, folder) as at: at.until("Name?"); at.type("Ann")`."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], folder: Path
    ) -> None:
        self._command = [sys.executable, "-c", _SPAWN, *command]
        self._environment, self._folder = {"TERM": "xterm", **environment}, folder
        self.shown = ""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=self._environment,
            cwd=self._folder,
            bufsize=0,
        )
        return self

    def __exit__(self, *error: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(10)
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            stream.close()

    def until(self, words: str, seconds: float = 60) -> str:
        """Read on until `words` appear after what was read before; returns what came."""
        came = ""
        end = time.monotonic() + seconds
        while words not in came:
            assert time.monotonic() < end, f"{words!r} did not appear: {came[-2000:]}"
            more = self._more(0.1)
            assert more is not None, f"{words!r} did not appear: {came[-2000:]}"
            came += more
        return came

    def type(self, line: str, end: str = "\n") -> None:
        """Type a line."""
        assert self._process.stdin is not None
        self._process.stdin.write((line + end).encode())

    def ended(self, seconds: float = 60) -> int:
        """Read until the command ends; its exit code."""
        end = time.monotonic() + seconds
        while self._more(1) is not None:
            assert time.monotonic() < end, f"it did not end: {self.shown[-2000:]}"
        return self._process.wait(seconds)

    def _more(self, seconds: float) -> str | None:
        """What was shown meanwhile; None at the end."""
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], seconds)
        if not ready:
            return ""
        read = os.read(self._process.stdout.fileno(), 65536)
        self.shown += read.decode("utf-8", "replace")
        return read.decode("utf-8", "replace") if read else None
