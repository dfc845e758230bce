"""A running gateway over a long log: when it is ready, its background work, and its page."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from time import monotonic, sleep

import httpx

from tests.million.measure import MOST_S, Taken, environment, memory_mb
from tests.servers.fixtures import free_port, wait_for

SPANS = ("hour", "day", "week", "month")
SETTLED_S = 100.0  # every task that repeats had its turn by then


def gateway(cwd: Path, given: Mapping[str, str]) -> Iterator[Taken]:
    """Start `router serve`, open its page, wait for its tasks; memory is the most until then."""
    port = free_port()
    url, log = f"http://127.0.0.1:{port}", cwd / "gateway.log"
    command = [sys.executable, "-m", "router", "serve", "--port", str(port)]
    began = monotonic()
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, cwd=cwd, env=environment(cwd, given), stdout=out, stderr=out
        )
    try:
        wait_for(f"{url}/readyz", process, log, 600)
        yield _seen("serve, until ready", monotonic() - began, process.pid)
        with httpx.Client(base_url=url, timeout=600) as client:
            yield _asked(client, "chat, the first", process.pid, "/v1/chat/completions")
            for span in SPANS:
                path = f"/page/numbers?span={span}"
                yield _asked(client, f"page: {span}, the first look", process.pid, path)
                yield _whole(client, f"page: {span}, until all is there", process.pid, path)
            last = client.get("/page/numbers?span=day").json()["decisions"][0]["id"]
            yield _asked(client, "page: one request", process.pid, f"/page/decisions/{last}")
            yield _asked(client, "page: curve", process.pid, "/page/curve")
            yield _asked(client, "metrics", process.pid, "/metrics")
        sleep(max(began + SETTLED_S - monotonic(), 0))
        failing = httpx.get(f"{url}/readyz", timeout=10).json()
        yield _seen(f"serve, after {SETTLED_S:.0f} s of its tasks", 0.0, process.pid, str(failing))
    finally:
        process.terminate()
        process.wait(60)


def _asked(client: httpx.Client, name: str, pid: int, path: str) -> Taken:
    began = monotonic()
    if path.startswith("/v1"):
        body = {"model": "local", "messages": [{"role": "user", "content": "Good morning."}]}
        answer = client.post(path, json=body)
    else:
        answer = client.get(path)
    return _seen(name, monotonic() - began, pid, str(answer.status_code), answer.status_code != 200)


def _whole(client: httpx.Client, name: str, pid: int, path: str) -> Taken:
    """How long the page waits for what it shows later."""
    began = monotonic()
    while client.get(path).json()["waiting"] and monotonic() < began + 10 * MOST_S:
        sleep(0.2)
    return _seen(name, monotonic() - began, pid)


def _seen(name: str, seconds: float, pid: int, words: str = "", code: int = 0) -> Taken:
    told = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    cpu_s = (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")
    mb = memory_mb(pid)
    return Taken(
        name=name, seconds=seconds, cpu_s=cpu_s, mb=mb, spoke_s=None, code=code, words=words
    )
