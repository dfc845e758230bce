"""Three gateways as on machines of their own, with database, MLflow and address in common."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests import ROOT
from tests.servers.fixtures import free_port, wait_for

CONFIG = ROOT / "examples" / "deploy" / "haproxy.cfg"
CAP_USD = 0.03  # a day, for all of them together: some four answers under way, by their estimates


@dataclass
class Machine:
    """A gateway with a home, and so with models and a journal, of its own."""

    home: Path
    url: str
    settings: dict[str, str]

    def start(self) -> None:
        """Start it; returns when it answers."""
        self.home.mkdir(exist_ok=True)
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(self.home)}
        environment |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", **self.settings}
        command = [sys.executable, "-m", "router", "serve", "--port", self.url.rsplit(":", 1)[1]]
        log = self.home / "gateway.log"
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                command, cwd=self.home, env=environment, stdout=out, stderr=out
            )
        wait_for(f"{self.url}/healthz", self.process, log)

    def kill(self) -> None:
        """As the power does."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def version(self) -> str:
        """Name of the model that decides there."""
        body = {"model": "auto", "messages": [{"role": "user", "content": "Why is the sky blue?"}]}
        said = httpx.post(f"{self.url}/v1/route", json=body, timeout=30).json()
        return str(said["prediction"]["model_version"])


@contextmanager
def machines(folder: Path, count: int, settings: dict[str, str]) -> Iterator[list[Machine]]:
    """`count` gateways that run, the last one with two workers."""
    made = [
        Machine(folder / f"machine-{i}", f"http://127.0.0.1:{free_port()}", settings)
        for i in range(count)
    ]
    made[-1].settings = {**settings, "ROUTER_WORKERS": "2"}
    with ExitStack() as stack:
        for machine in made:
            machine.start()
            stack.callback(_end, machine)
        yield made


def _end(machine: Machine) -> None:
    machine.process.terminate()
    machine.process.wait(30)


@contextmanager
def balanced(folder: Path, gateways: list[Machine]) -> Iterator[str]:
    """HAProxy before them, as `examples/deploy/haproxy.cfg` sets it up for containers."""
    port = free_port()
    servers = [
        f"  server gateway{i} {machine.url.removeprefix('http://')} check"
        for i, machine in enumerate(gateways)
    ]
    text = CONFIG.read_text().replace("bind :8787", f"bind 127.0.0.1:{port}")
    text = re.sub(r"^  server-template .*$", "\n".join(servers), text, flags=re.MULTILINE)
    config = folder / "haproxy.cfg"
    config.write_text(text.split("\nresolvers")[0])
    log = folder / "haproxy.log"
    with log.open("wb") as out:
        process = subprocess.Popen(["haproxy", "-f", str(config)], stdout=out, stderr=out)
    try:
        wait_for(f"http://127.0.0.1:{port}/healthz", process, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()
