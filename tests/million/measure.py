"""A command as a process of its own: how long it takes, how much memory at most, what it says."""

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

from tests import ROOT

MOST_S, MOST_MB = 10.0, 500.0  # beyond, a command has to say what it is doing
GIVEN_UP_S, GIVEN_UP_MB = 1800.0, 8000.0  # chosen: the machine is needed for other things


@dataclass(frozen=True, kw_only=True)
class Taken:
    """`seconds` until its end, `cpu_s` of them computing; `mb`: most that it and its own processes
    had in memory; `spoke_s`: when it first said on stderr what it was doing, None where it did not.
    """

    name: str
    seconds: float
    cpu_s: float
    mb: float
    spoke_s: float | None
    code: int
    words: str

    @property
    def good(self) -> bool:
        quick = self.seconds <= MOST_S and self.mb <= MOST_MB
        return self.code == 0 and (quick or self.spoke_s is not None)

    def row(self) -> str:
        """A line of the table."""
        said = "" if self.spoke_s is None else f"after {self.spoke_s:.0f} s"
        mark = "" if self.good else " **beyond**"
        took = f"{self.seconds:.1f} | {self.cpu_s:.1f} | {self.mb:.0f}"
        return f"| {self.name}{mark} | {took} | {said} |"


def taken(
    name: str,
    *arguments: str,
    cwd: Path,
    given: Mapping[str, str],
    typed: str = "",
) -> Taken:
    """Run `router` with these arguments; `given`: its environment beside the usual."""
    command = [sys.executable, "-m", "router", *arguments]
    began = monotonic()
    spoke: list[float] = []
    lines: list[str] = []
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=environment(cwd, given),
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdin is not None and process.stderr is not None
        process.stdin.write(typed)
        process.stdin.close()
        stderr = process.stderr

        def listen() -> None:
            for line in stderr:
                spoke.append(monotonic() - began)
                lines.append(line.strip())

        listener = threading.Thread(target=listen, daemon=True)
        listener.start()
        most = 0.0
        while not (ended := os.wait4(process.pid, os.WNOHANG))[0]:
            most = max(most, memory_mb(process.pid))
            if monotonic() > began + GIVEN_UP_S or most > GIVEN_UP_MB:
                process.kill()
            sleep(0.02)
        _, status, used = ended
        process.returncode = os.waitstatus_to_exitcode(status)
        listener.join(5)
        stderr.close()
        out.seek(0)
        last = (out.read().decode("utf-8", "replace").strip().splitlines() or [""])[-1]
    return Taken(
        name=name,
        seconds=monotonic() - began,
        cpu_s=used.ru_utime + used.ru_stime,
        mb=most,
        spoke_s=spoke[0] if spoke else None,
        code=process.returncode,
        words=" / ".join([*lines[:1], *lines[-1:], last])[:300],
    )


def memory_mb(pid: int) -> float:
    """The most that a process had in memory so far, and what its own have now."""
    try:
        told = Path(f"/proc/{pid}/status").read_text()
        own = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    most = told.partition("VmHWM:")[2].split()
    return int(most[0]) / 1024 + sum(memory_mb(int(one)) for one in own) if most else 0.0


def environment(cwd: Path, given: Mapping[str, str]) -> dict[str, str]:
    """What a command sees: nothing of this machine's settings."""
    usual = ("PATH", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "LANG")
    return {
        **{name: os.environ[name] for name in usual if name in os.environ},
        "PYTHONPATH": str(ROOT),
        "HOME": str(cwd),
        "HF_HUB_OFFLINE": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        **given,
    }
