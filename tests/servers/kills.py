"""Killing the gateway under load, again and again: python -m tests.servers.kills 100 [postgres].

The log is in a SQLite file, or in a PostgreSQL started for it.

No answered request may be without its row, and none have two, once the last gateway has ended.
"""

import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from sqlalchemy import create_engine, text

from tests.servers import upstream
from tests.servers.fixtures import free_port, wait_for
from tests.servers.postgres import Postgres
from tests.servers.running import EASY, until
from tests.servers.served import serving

CLIENTS = 8


@dataclass
class Siege:
    """One gateway after another on one address, and what its clients were answered."""

    folder: Path
    log_url: str
    answered: list[str] = field(default_factory=list)

    def run(self, kills: int, answers: int) -> None:
        """Kill a gateway each time it has given so many answers, then end one calmly."""
        with upstream.Upstream(upstream.local) as local, upstream.Upstream(upstream.cloud) as cloud:
            self._url = f"http://127.0.0.1:{free_port()}"
            for _ in range(kills):
                with self._running(local.url, cloud.url) as running:
                    self._besiege(running, answers)
                local.got.clear()
            with self._running(local.url, cloud.url) as running:
                running.send_signal(signal.SIGTERM)
                assert running.wait(60) == 0

    @contextmanager
    def _running(self, local: str, cloud: str) -> Iterator["subprocess.Popen[bytes]"]:
        out = self.folder / "gateway.log"
        command = serving(
            port=int(self._url.rsplit(":", 1)[1]),
            local_url=local,
            cloud_url=cloud,
            log_url=self.log_url,
            cascade="off",
            auto_probe=False,
            journal_dir=str(self.folder / "journal"),
        )
        with out.open("ab") as log:
            running = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            wait_for(f"{self._url}/healthz", running, out, 180)
            yield running
        finally:
            running.kill()
            running.wait()

    def _besiege(self, running: "subprocess.Popen[bytes]", answers: int) -> None:
        enough = len(self.answered) + answers
        clients = [threading.Thread(target=self._ask, args=(i % 2 == 0,)) for i in range(CLIENTS)]
        for client in clients:
            client.start()
        until(lambda: len(self.answered) >= enough, 60)
        running.kill()
        running.wait()
        for client in clients:
            client.join()

    def _ask(self, stream: bool) -> None:
        body = {"model": "auto", "messages": [{"role": "user", "content": EASY}], "stream": stream}
        with httpx.Client(base_url=self._url, timeout=10) as client:
            while True:
                try:
                    answer = client.post("/v1/chat/completions", json=body)
                except httpx.TransportError:
                    return
                if answer.status_code == 200 and (not stream or "[DONE]" in answer.text):
                    self.answered.append(answer.headers["x-router-decision-id"])

    def lost(self) -> set[str]:
        """Answered requests without a row. Fails if one has two."""
        engine = create_engine(self.log_url)
        with engine.connect() as connection:
            ids = list(connection.execute(text("SELECT id FROM decisions")).scalars())
        engine.dispose()
        assert len(ids) == len(set(ids))
        return set(self.answered) - set(ids)


def main(kills: str = "100", database: str = "sqlite") -> None:
    """Print what was answered and lost; ends with 1 if anything was."""
    with ExitStack() as opened:
        folder = opened.enter_context(tempfile.TemporaryDirectory())
        log_url = f"sqlite:///{folder}/o.db"
        if database == "postgres":
            log_url = opened.enter_context(Postgres()).url
        siege = Siege(Path(folder), log_url)
        began = time.monotonic()
        siege.run(int(kills), answers=100)
        lost, took = siege.lost(), time.monotonic() - began
        left = list((Path(folder) / "journal").iterdir())
        print(f"{kills} kills, {len(siege.answered)} answers, {len(lost)} lost, {took:.0f} s")
        sys.exit(bool(lost or left))


if __name__ == "__main__":
    main(*sys.argv[1:])
