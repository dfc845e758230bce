"""What several workers take that one takes: python -m tests.servers.scaling [workers] [rounds] [s].

One run: gateways with one worker and one with several stand side by side, each with its own log,
before the same stub, and are put under load in turns (wrk). Load, stub and workers share the cores
of this machine, so beside one gateway with several workers stand as many gateways of one worker
that share nothing and are loaded at once: what these lose against so many times one is the
machine's, what the workers lose against these is ours.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import httpx

from tests.servers.bench import LUA, STUB, load, passing_to
from tests.servers.fixtures import free_port, wait_for
from tests.servers.running import until

CLIENTS = 32
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Scaled:
    """A gateway with so many workers, and where it is."""

    process: "subprocess.Popen[bytes]"
    workers: int
    url: str

    def pids(self) -> list[int]:
        """Of the processes that answer."""
        pid = self.process.pid
        if self.workers == 1:
            return [pid]
        return [int(n) for n in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def cpu_s(self) -> list[float]:
        """Processor time that each has had so far, its threads included."""
        return [cpu_s(pid) for pid in self.pids()]


@dataclass(frozen=True)
class Round:
    """Requests a second, processor time of a request in ms, and the busiest worker's share."""

    rate: float
    ms: float
    share: float


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def scaled(folder: Path, stub: str, workers: int, number: int = 0) -> Scaled:
    """Start one; returns when all its workers answer."""
    port, log = free_port(), folder / f"log-{workers}-{number}"
    log_url = f"sqlite:///{folder}/{workers}-{number}.db"
    command = passing_to(stub, log_url, port=port, workers=workers)
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out)
    made = Scaled(process, workers, f"http://127.0.0.1:{port}")
    wait_for(f"{made.url}/healthz", process, log)

    def ready() -> bool:
        return f"router_workers {workers}.0" in httpx.get(f"{made.url}/metrics").text

    until(ready, 60)
    return made


def measured(those: Sequence[Scaled], script: Path, seconds: int) -> Round:
    """Load them all at once, with as many clients together as one alone has."""
    before = [used for one in those for used in one.cpu_s()]
    clients = CLIENTS // len(those)
    with ThreadPoolExecutor(len(those)) as pool:
        rates = list(pool.map(lambda one: load(one.url, clients, seconds, script)[2], those))
    after = [used for one in those for used in one.cpu_s()]
    used = [now - was for now, was in zip(after, before, strict=True)]
    return Round(sum(rates), sum(used) / (sum(rates) * seconds) * 1e3, max(used) / sum(used))


def main(workers: str = "2", rounds: str = "5", seconds: str = "4") -> None:
    """Measure and print a table."""
    if shutil.which("wrk") is None:
        raise SystemExit("The bench needs wrk: apt-get install wrk.")
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder, port = Path(name), free_port()
        script, stub = folder / "load.lua", f"http://127.0.0.1:{port}"
        script.write_text(LUA)
        backend = subprocess.Popen([*STUB, str(port), "0"])
        stack.callback(backend.kill)
        wait_for(f"{stub}/v1/models", backend, folder / "stub")
        alone = [scaled(folder, stub, 1, number) for number in range(int(workers))]
        many = scaled(folder, stub, int(workers))
        for one in (*alone, many):
            stack.callback(one.process.wait, 60)
            stack.callback(one.process.terminate)
            load(one.url, CLIENTS, 2, script)
        kinds = {
            "1 worker": alone[:1],
            f"{workers} workers": [many],
            f"{workers} gateways that share nothing": alone,
        }
        found: dict[str, list[Round]] = {kind: [] for kind in kinds}
        for _ in range(int(rounds)):
            for kind, those in kinds.items():
                found[kind].append(measured(those, script, int(seconds)))
    told(found)


def told(found: dict[str, list[Round]]) -> None:
    """Print medians, and ratios within the rounds with the least and the greatest."""
    first, *_ = found.values()
    for kind, each in found.items():
        rate, ms = (median(values) for values in zip(*((r.rate, r.ms) for r in each), strict=True))
        faster = sorted(r.rate / one.rate for r, one in zip(each, first, strict=True))
        dearer = sorted(r.ms / one.ms for r, one in zip(each, first, strict=True))
        print(
            f"{kind:32} {rate:5.0f}/s, {median(faster):.2f} [{faster[0]:.2f}, {faster[-1]:.2f}] "
            f"times one; {ms:.2f} ms of processor time a request, "
            f"{median(dearer):.2f} [{dearer[0]:.2f}, {dearer[-1]:.2f}] times; "
            f"busiest {max(r.share for r in each):.0%}"
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
