"""The gateway as a process of its own that can be harmed: its disk, its clock, its settings."""

import json
import os
import resource
import struct
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import httpx

from router.registry import artifact as artifacts
from router.registry.registry import Registry
from tests import ROOT
from tests.servers.fixtures import free_port, wait_for

# The command line's own `router serve`, but for a clock that its besieger moves.
SERVE = """
import mmap, struct, sys, time
with open(sys.argv[1], "rb") as file:
    moved = mmap.mmap(file.fileno(), 8, access=mmap.ACCESS_READ)
true = time.time
time.time = lambda: true() + struct.unpack("d", moved[:8])[0]
from router.cli.main import main
sys.argv = ["router", "serve", "--port", sys.argv[2]]
main()
"""
UNLIMITED = resource.RLIM_INFINITY


class Gateway:
    """`with Gateway(folder, local_url=...) as gateway`; settings go to a file that it rereads."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder, self.settings = folder, settings
        self.url = f"http://127.0.0.1:{free_port()}"
        self.log = folder / "gateway.log"
        self._clock = folder / "clock"
        self._versions = 0

    def __enter__(self) -> Self:
        self._clock.write_bytes(bytes(8))
        self._shipped = artifacts.load(artifacts.resolve(ROOT / "models"))
        self._models = Registry(self.folder / "models")
        self.swap_model()
        self.reload({})
        command = [sys.executable, "-c", SERVE, str(self._clock), self.url.rsplit(":", 1)[1]]
        environment = {
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": str(ROOT),
            "HOME": str(self.folder),
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }
        with self.log.open("wb") as out:
            self._process = subprocess.Popen(
                command, cwd=self.folder, env=environment, stdout=out, stderr=out
            )
        self._keep_apart()
        try:
            wait_for(f"{self.url}/healthz", self._process, self.log)
        except AssertionError:
            self._process.kill()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self._process.terminate()
        self._process.wait(60)

    def _keep_apart(self) -> None:
        """One core for the gateway, the others for whoever besieges it."""
        cores = sorted(os.sched_getaffinity(0))
        if len(cores) > 1:
            os.sched_setaffinity(self._process.pid, cores[-1:])
            os.sched_setaffinity(0, cores[:-1])

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    @property
    def memory_mb(self) -> float:
        """What it has in memory."""
        told = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(told.split("VmRSS:")[1].split()[0]) / 1024

    @property
    def cpu_s(self) -> float:
        """What it computed so far, all of its threads together."""
        told = Path(f"/proc/{self._process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")

    def log_is_well(self) -> bool:
        """Whether the outcome log takes rows."""
        return bool(httpx.get(f"{self.url}/readyz", timeout=10).json()["log"] == "ok")

    def fill_disk(self, full: bool) -> None:
        """No file of it may be written any more: to SQLite that is a full disk."""
        most = 1 if full else UNLIMITED
        resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE, (most, UNLIMITED))

    def move_clock(self, seconds: float) -> None:
        with self._clock.open("r+b") as file:
            file.write(struct.pack("d", seconds))

    def swap_model(self) -> None:
        """Another version becomes current: the same model by another name."""
        self._versions += 1
        version = f"siege-{self._versions % 2}"
        if not (self._models.folder / version).exists():
            manifest = {**self._shipped.manifest, "version": version}
            artifacts.save(replace(self._shipped, manifest=manifest), self._models.folder)
        self._models.promote(version)

    def reload(self, changed: Mapping[str, Any], spoilt: str = "") -> None:
        """Write the settings anew, in one step; `spoilt` is added as it is."""
        given = {"models_dir": str(self._models.folder), **self.settings, **changed}
        tables = {k: v for k, v in given.items() if isinstance(v, dict)}
        lines = [f"{k} = {json.dumps(v)}" for k, v in given.items() if k not in tables]
        for name, table in tables.items():
            lines += [f"[{name}]", *(f"{k} = {json.dumps(v)}" for k, v in table.items())]
        partial = self.folder / "router.toml.new"
        partial.write_text("\n".join([*lines, spoilt]) + "\n")
        partial.rename(self.folder / "router.toml")
