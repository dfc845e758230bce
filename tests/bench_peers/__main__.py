"""What gateways add to a call, side by side: python -m tests.bench_peers (`make bench-peers`).

One run, one machine: the same stub, prompts that never repeat, rounds interleaved, each gateway on
the first core, load and stub on the second. Ours decides, scans for private content and has each
row on disk; the others pass requests on. Load comes from wrk (Debian's package).
"""

import argparse
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from statistics import median

import httpx

from tests.bench_peers.decision import beside_uncommon_route
from tests.bench_peers.peers import Peer, environment, peers
from tests.servers.bench import STUB
from tests.servers.fixtures import free_port, wait_for

CLIENTS = (1, 32, 256)
MOST_FAILED = 0.01  # of its requests; else it has no row: an error is quick
GATEWAY_CORE, LOAD_CORE = "0", "1"
LUA = """
local n = 0
local words = {{"river", "mountain", "capital", "planet", "engine", "garden", "doctor", "letter",
  "window", "market", "bridge", "forest", "number", "music", "teacher", "winter", "summer"}}
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
{headers}
function request()
  n = n + 1
  local parts = {{}}
  for i = 1, 24 do parts[i] = words[(n * 7 + i * i * 3 + (n % 13) * i) % #words + 1] end
  local asked = table.concat(parts, " and the ")
  local text = "Question {round}-" .. n .. ": tell me about the " .. asked
  return wrk.format(nil, "{path}", nil,
    '{start}"messages":[{{"role":"user","content":"' .. text .. '."}}]}}')
end
"""


@dataclass(frozen=True)
class Round:
    """What one load on one gateway gave. Times in ms; `failed`: of the requests, 0 to 1."""

    p50: float
    p99: float
    rate: float
    failed: float


def script(peer: Peer, stub: str, stream: bool, number: int) -> str:
    """The requests of one round, in wrk's Lua."""
    body = json.dumps({"model": peer.model, "stream": stream, **peer.added})[:-1] + ", "
    headers = "\n".join(f'wrk.headers["{k}"] = "{v}"' for k, v in peer.headers(stub).items())
    return LUA.format(headers=headers, path=peer.path, start=body, round=number)


def load(url: str, clients: int, seconds: int, lua: Path) -> Round:
    """One round."""
    given = ["-t1", f"-c{clients}", f"-d{seconds}s", "--timeout", "30s", "--latency"]
    command = ["taskset", "-c", LOAD_CORE, "wrk", *given, "-s", str(lua), url]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = [re.search(rf"{p}%\s+([\d.]+)(us|ms|s)", out) for p in (50, 99)]
    unit = {"us": 1e-3, "ms": 1.0, "s": 1e3}
    p50, p99 = (float(m[1]) * unit[m[2]] if m else float("nan") for m in found)
    count, wrong = re.search(r"(\d+) requests in", out), re.search(r"Non-2xx.*: (\d+)", out)
    asked = int(count[1]) if count else 0
    bad = int(wrong[1]) if wrong else 0
    return Round(p50, p99, (asked - bad) / seconds, bad / asked if asked else 1.0)


def ratio(above: float, below: float) -> float:
    """nan where a gateway answered nothing within the round."""
    return above / below if above and below else float("nan")


@contextmanager
def running(command: list[str], core: str, log: Path, **more: object) -> Iterator[object]:
    """A process on one core until the end of the block."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            ["taskset", "-c", core, *command],
            stdout=out,
            stderr=out,
            start_new_session=True,
            **more,
        )  # type: ignore[call-overload]
    try:
        yield process
    finally:
        for sign in (signal.SIGTERM, signal.SIGKILL):  # what it started, too
            with suppress(ProcessLookupError, subprocess.TimeoutExpired):
                os.killpg(process.pid, sign)
                process.wait(10)


@contextmanager
def gateway(peer: Peer, folder: Path, stub: str) -> Iterator[str]:
    """A gateway that answers, at the address given."""
    folder.mkdir()
    port, log = free_port(), folder / "log"
    url = f"http://127.0.0.1:{port}"
    command = peer.command(folder, port, stub)
    with running(command, GATEWAY_CORE, log, env=environment(peer), cwd=folder) as process:
        wait_for(url, process, log, 120)  # type: ignore[arg-type]
        message = {"role": "user", "content": "Say hello."}
        body = {"model": peer.model, "messages": [message], **peer.added}
        answer = httpx.post(url + peer.path, json=body, headers=peer.headers(stub), timeout=60)
        if answer.status_code != 200 or "Hello there" not in answer.text:
            raise AssertionError(f"it answered {answer.status_code}: {answer.text[:200]}")
        yield url


def measured(
    names: dict[Peer, str], stub: str, stream: bool, clients: int, rounds: int, seconds: int
) -> dict[Peer, list[Round]]:
    """Rounds of all gateways in turn, each time another one first."""
    out: dict[Peer, list[Round]] = {peer: [] for peer in names}
    order = list(names)
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds):
            for peer in order[number % len(order) :] + order[: number % len(order)]:
                lua = Path(folder) / "load.lua"
                lua.write_text(script(peer, stub, stream, number))
                out[peer].append(load(names[peer], clients, seconds, lua))
    return out


def between(values: list[float], digits: int) -> str:
    """The median, and the least and the greatest, of what is known."""
    known = [value for value in values if isfinite(value)]
    if not known:
        return "-"
    low, high = min(known), max(known)
    return f"{median(known):.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def table(found: dict[Peer, list[Round]], clients: int, stream: bool) -> Iterator[str]:
    """Rows; ratios are those of the same round: above 1 ours is the better one."""
    ours = next(iter(found.values()))
    for peer, rounds in found.items():
        pairs = list(zip(ours, rounds, strict=True))
        faster = between([ratio(theirs.p50, mine.p50) for mine, theirs in pairs], 2)
        more = between([ratio(mine.rate, theirs.rate) for mine, theirs in pairs], 2)
        row = f"| {'stream' if stream else 'whole'} | {clients} | {peer.name} | "
        if median(r.failed for r in rounds) > MOST_FAILED:
            yield row + "none | | | | |"
            continue
        yield (
            f"{row}{median(r.p50 for r in rounds):.2f} | {median(r.p99 for r in rounds):.1f} | "
            f"{median(r.rate for r in rounds):,.0f} | {faster} | {more} |"
        )


def main() -> None:
    """Measure and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=4)
    given = parser.parse_args()
    for tool in ("wrk", "taskset", "node"):
        if shutil.which(tool) is None:
            raise SystemExit(f"The bench needs {tool}: apt-get install wrk util-linux nodejs.")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # ending the gateways
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    print(f"{cpu[1] if cpu else platform.machine()}, {os.cpu_count()} cores, load average", end=" ")
    print(
        f"{os.getloadavg()[0]:.1f} before, Python {platform.python_version()}, {given.rounds} ",
        end="",
    )
    print(f"rounds of {given.seconds} s; medians, and [least, greatest] of the rounds.")
    with tempfile.TemporaryDirectory() as folder:
        beside(Path(folder), given.rounds, given.seconds)
    print(f"\nLoad average {os.getloadavg()[0]:.1f} after.")
    beside_uncommon_route()


def beside(folder: Path, rounds: int, seconds: int) -> None:
    """The gateways, one stub for all; one that does not start or answer is named and left out."""
    port = free_port()
    stub = f"http://127.0.0.1:{port}"
    command = [*STUB, str(port), "0"]
    with running(command, LOAD_CORE, folder / "stub.log") as process:
        wait_for(f"{stub}/v1/models", process, folder / "stub.log")  # type: ignore[arg-type]
        with ExitStack() as stack:
            urls: dict[Peer, str] = {}
            for number, peer in enumerate(peers()):
                if not peer.needs.exists():
                    print(f"left out: {peer.name} {peer.version} is not installed.")
                    continue
                try:
                    started = gateway(peer, folder / str(number), stub)
                    urls[peer] = stack.enter_context(started)
                except (AssertionError, OSError, httpx.HTTPError) as error:
                    print(f"left out: {peer.name} {peer.version}: {' '.join(str(error).split())}")
                    continue
                print(f"{peer.name} {peer.version}", end="; ")
            print("\n\n| answer | clients | gateway | p50 ms | p99 ms | requests/s |", end="")
            print(" its p50 / ours | our rate / its |\n|---|---|---|---|---|---|---|---|")
            for stream in (False, True):
                for clients in CLIENTS:
                    found = measured(urls, stub, stream, clients, rounds, seconds)
                    print("\n".join(table(found, clients, stream)))


if __name__ == "__main__":
    main()
