"""What a fit in pieces takes, by stage: seconds, processor seconds, and memory of all processes."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import psutil

from training.bench.constants import SAMPLE_S
from training.bench.rows import write

_MB = 2**20


class Watch:
    """Looks at a process and all that it started, until it ends.

    `rss`, `pss`: the most bytes of all together; the latter counts shared pages once. `used`: user
    and system seconds so far, those of ended processes as they were last seen.
    """

    def __init__(self, pid: int) -> None:
        self._root = psutil.Process(pid)
        self.rss = self.pss = 0.0
        self.processes = 0
        self._used: dict[int, float] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    @property
    def used(self) -> float:
        """Processor seconds so far."""
        return sum(self._used.copy().values())

    def end(self) -> None:
        """Stop looking."""
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        looks = 0
        while not self._over.wait(SAMPLE_S):
            rss = pss = 0.0
            try:
                every = [self._root, *self._root.children(recursive=True)]
            except psutil.NoSuchProcess:
                return
            for one in every:
                try:
                    times = one.cpu_times()
                    rss += one.memory_info().rss
                    if looks % 10 == 0:  # it reads all of a process's map
                        pss += one.memory_full_info().pss
                    self._used[one.pid] = times.user + times.system
                except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
                    continue
            looks += 1
            self.processes = max(self.processes, len(every))
            self.rss, self.pss = max(self.rss, rss), max(self.pss, pss)


def measured(
    rows: int,
    work: Path,
    *,
    engine: str,
    workers: int,
    address: str | None,
    everyday: Path,
    base: str,
    features: bool,
    seed: int,
    progress: Callable[[str], None],
) -> dict[str, Any]:
    """Make `rows` rows, fit on them in a process of its own, and say what that took.

    `features`: stop after the stage that makes features. `stages`: name -> seconds by the clock
    and of processors.
    """
    made = work / f"rows-{rows}-{seed}"
    if not (made / "whole").exists():
        progress(f"making {rows:,} rows")
        write(rows, made, everyday, seed)
        (made / "whole").touch()
    progress(f"fitting on {rows:,} rows")
    pieces = work / f"pieces-{rows}-{engine}-{workers}"
    command = [sys.executable, "-m", "training.bench.rows_fitted", str(made), str(pieces)]
    options = {"engine": engine, "workers": workers, "address": address, "base": base}
    began = monotonic()
    process = subprocess.Popen(
        [*command, json.dumps({**options, "features": features, "seed": seed})],
        stdout=subprocess.PIPE,
        text=True,
    )
    watch = Watch(process.pid)
    assert process.stdout is not None
    stages: dict[str, tuple[float, float]] = {}
    before, used, name = began, 0.0, "starting"
    found: dict[str, Any] = {}
    for line in process.stdout:
        said = json.loads(line)
        now = monotonic()
        wall, processor = stages.get(name, (0.0, 0.0))
        stages[name] = (wall + now - before, processor + watch.used - used)
        before, used, name = now, watch.used, said["step"]
        found = said
    process.wait()
    watch.end()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return {
        "rows": rows,
        "engine": engine,
        "workers": workers,
        "seconds": monotonic() - began,
        "processor_s": watch.used,
        "rss_mb": watch.rss / _MB,
        "pss_mb": watch.pss / _MB,
        "processes": watch.processes,
        "stages": stages,
        "quality": found.get("quality", ""),
    }


def exponent(found: Sequence[dict[str, Any]]) -> dict[str, float]:
    """The slope of the logarithm of time over that of the rows, by clock and by processor."""
    if len({one["rows"] for one in found}) < 2:
        return {}
    x = np.log([one["rows"] for one in found])
    out = {}
    for name, key in (("seconds", "seconds"), ("processor seconds", "processor_s")):
        out[name] = float(np.polyfit(x, np.log([one[key] for one in found]), 1)[0])
    return out
