"""Several workers on one address, and killing them: python -m tests.servers.workers 20 [postgres].

One of two workers after another is killed under load, drawn by lot. No answered request may be
without its row, and none have two, once those that live have drained what the dead ones left.
"""

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import httpx
from sqlalchemy import create_engine, text

from tests.servers import upstream
from tests.servers.fixtures import free_port, wait_for
from tests.servers.postgres import Postgres
from tests.servers.running import EASY, until
from tests.servers.served import serving

CLIENTS = 6


@dataclass
class Workers:
    """A gateway of several workers. `process`: their supervisor; `log`: what it says."""

    process: "subprocess.Popen[bytes]"
    url: str
    log_url: str
    log: Path

    def pids(self) -> list[int]:
        """Of the workers, in the order they were started."""
        pid = self.process.pid
        return [int(n) for n in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def answering(self) -> set[int]:
        """Numbers of the workers that answered some requests, each on a connection of its own."""
        with ThreadPoolExecutor(16) as pool:
            got = pool.map(lambda _: httpx.get(f"{self.url}/healthz", timeout=10), range(32))
            return {answer.json()["worker"] for answer in got}

    def metric(self, name: str) -> float:
        lines = httpx.get(f"{self.url}/metrics", timeout=10).text.splitlines()
        return sum(float(x.rsplit(" ", 1)[1]) for x in lines if x.startswith(name))

    def ids(self) -> list[str]:
        """Of the decisions in the log."""
        engine = create_engine(self.log_url)
        with engine.connect() as connection:
            found = list(connection.execute(text("SELECT id FROM decisions")).scalars())
        engine.dispose()
        return found


@contextmanager
def workers(folder: Path, count: int, **settings: Any) -> Iterator[Workers]:
    """`count` workers that all answer."""
    port, out = free_port(), folder / "gateway.log"
    given = {
        "port": port,
        "workers": count,
        "log_url": f"sqlite:///{folder}/o.db",
        "journal_dir": str(folder / "journal"),
        "cascade": "off",
        "auto_probe": False,
        **settings,
    }
    with out.open("ab") as log:
        running = subprocess.Popen(serving(**given), stdout=log, stderr=log)
    made = Workers(running, f"http://127.0.0.1:{port}", given["log_url"], out)
    try:
        wait_for(f"{made.url}/healthz", running, out)
        until(lambda: made.metric("router_workers ") == count, 60)
        yield made
    finally:
        running.terminate()
        try:
            running.wait(60)
        finally:
            running.kill()


def ask(client: httpx.Client, words: str = EASY, model: str = "auto") -> httpx.Response:
    body = {"model": model, "messages": [{"role": "user", "content": words}]}
    return client.post("/v1/chat/completions", json=body)


def besieged(those: Workers, kills: int, answers: int) -> list[str]:
    """Kill a worker each time so many answers were given; the decisions that were answered."""
    answered: list[str] = []
    stop, rng = threading.Event(), Random(1)

    def work() -> None:
        while not stop.is_set():
            try:
                with httpx.Client(base_url=those.url, timeout=20) as client:
                    for _ in range(5):  # then another connection, and perhaps another worker
                        answer = ask(client)
                        if answer.status_code == 200:
                            answered.append(answer.headers["x-router-decision-id"])
            except httpx.TransportError:
                continue

    def whole(died: int) -> list[int]:
        """The workers, once as many answer as before."""
        pids = those.pids()
        there = len(pids) == before and died not in pids
        return pids if there and those.answering() == set(range(before)) else []

    pids = those.pids()
    before = len(pids)
    with ThreadPoolExecutor(CLIENTS) as pool:
        for _ in range(CLIENTS):
            pool.submit(work)
        try:
            for _ in range(kills):
                enough = len(answered) + answers
                until(lambda enough=enough: len(answered) >= enough, 60)  # type: ignore[misc]
                died = rng.choice(pids)
                os.kill(died, signal.SIGKILL)
                pids = until(lambda died=died: whole(died), 60)  # type: ignore[misc]
        finally:
            stop.set()
    return answered


def main(kills: str = "20", database: str = "sqlite") -> None:
    """Print what was answered and lost; ends with 1 if anything was."""
    with ExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory()))
        given = {"log_url": opened.enter_context(Postgres()).url} if database == "postgres" else {}
        local = opened.enter_context(upstream.Upstream(upstream.local))
        two = opened.enter_context(workers(folder, 2, local_url=local.url, **given))
        answered = besieged(two, int(kills), answers=100)
        with suppress(AssertionError):  # which is what is to be told
            until(lambda: set(answered) <= set(two.ids()), 30)
        ids = two.ids()
        lost, doubled = len(set(answered) - set(ids)), len(ids) - len(set(ids))
        print(f"{kills} kills, {len(answered)} answers, {lost} lost, {doubled} doubled")
        sys.exit(bool(lost or doubled))


if __name__ == "__main__":
    main(*sys.argv[1:])
