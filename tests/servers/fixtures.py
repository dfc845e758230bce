"""Fixtures of servers: scripted backends, and real ones started on loopback."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import httpx
import pytest

from router.registry import artifact
from tests import ROOT
from tests.servers import upstream
from tests.servers.running import Gateway

PEERS = Path(os.environ.get("TEST_PEERS", ROOT / ".venv-peers")) / "bin"
S3_LOGIN = ("AKIAROUTERTEST", "a-secret-of-the-tests")
Run = Callable[..., Gateway]
_loaded_once = cache(artifact.load)


@pytest.fixture
def local() -> Iterator[upstream.Upstream]:
    with upstream.Upstream(upstream.local) as server:
        yield server


@pytest.fixture
def cloud() -> Iterator[upstream.Upstream]:
    with upstream.Upstream(upstream.cloud) as server:
        yield server


@pytest.fixture
def run(
    tmp_path: Path,
    local: upstream.Upstream,
    cloud: upstream.Upstream,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Run]:
    """Start a gateway in front of the two scripted backends, with settings of the test's.

    Hundreds of gateways share the arrays of one model, which nobody changes.
    """
    monkeypatch.setattr("router.registry.artifact.load", _loaded_once)
    running: list[Gateway] = []

    def start(**settings: object) -> Gateway:
        given = {"local_url": local.url, "cloud_url": cloud.url, **settings}
        gateway = Gateway(tmp_path, **given).__enter__()
        running.append(gateway)
        return gateway

    yield start
    for gateway in running:
        gateway.__exit__()


def peer(name: str) -> str:
    """A stand-in's command. They have dependencies of their own and so a folder of their own."""
    command = PEERS / name
    if not command.exists():
        pytest.skip(f"{name} is not installed in {PEERS}; `make test` installs it")
    return str(command)


def started(command: list[str], url: str, log: Path, **more: object) -> Iterator[str]:
    """Run a server until the test is over; yields `url` once that answers."""
    with (
        log.open("wb") as out,
        subprocess.Popen(command, stdout=out, stderr=out, **more) as process,
    ):  # type: ignore[call-overload]
        try:
            wait_for(url, process, log)
            yield url
        finally:
            process.send_signal(signal.SIGINT)  # on SIGTERM one leaves its own children behind
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


@contextmanager
def mlflow_server(folder: Path) -> Iterator[str]:
    """A real MLflow server with its database and files in `folder`."""
    url = f"http://127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1"]
    command += ["--port", url.rsplit(":", 1)[1], "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder}/mlflow-server.db"]
    command += ["--artifacts-destination", str(folder / "mlflow-files")]
    alone = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}  # no workers of its own
    for _ in started(command, f"{url}/health", folder / "mlflow-server.log", env=alone):
        yield url


@contextmanager
def s3_server(folder: Path) -> Iterator[str]:
    """A server that speaks S3 (moto's) with the bucket `models`; the environment has its login."""
    import s3fs

    url = f"http://127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", url.rsplit(":", 1)[1]]
    given = {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": S3_LOGIN[0],
        "AWS_SECRET_ACCESS_KEY": S3_LOGIN[1],
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in given.items():
            patch.setenv(name, value)
        s3fs.S3FileSystem.clear_instance_cache()  # which may know another server
        for _ in started(command, url, folder / "s3.log"):
            s3fs.S3FileSystem().mkdir("models")
            s3fs.S3FileSystem.clear_instance_cache()
            yield url
    s3fs.S3FileSystem.clear_instance_cache()


def wait_for(url: str, process: "subprocess.Popen[bytes]", log: Path, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text()[-2000:]
        try:
            httpx.get(url, timeout=1)
            return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError(f"{url} did not come up: {log.read_text()[-2000:]}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The PostgreSQL that TEST_POSTGRES_URL names, else one of our own."""
    from tests.servers.postgres import Postgres, programs

    if named := os.environ.get("TEST_POSTGRES_URL"):
        yield named
        return
    if programs() is None:
        pytest.skip("needs PostgreSQL: install it, or set TEST_POSTGRES_URL")
    with Postgres() as server:
        yield server.url


@pytest.fixture(scope="session")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real small model behind llama.cpp's own server."""
    pytest.importorskip("xllamacpp", reason="needs the [embedded] extra; `make test` installs it")
    from router.gateway.embedded import Embedded

    server = Embedded()
    yield server.url
    del server


@pytest.fixture(scope="session")
def llmock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """llmock: OpenAI at /v1 and Anthropic at /anthropic, both with tools."""
    port = free_port()
    log = tmp_path_factory.mktemp("llmock") / "log"
    command = [peer("llmock"), "serve", "--port", str(port), "--log-level", "warning"]
    yield from started(command, f"http://127.0.0.1:{port}", log)


@pytest.fixture(scope="session")
def mock_ai(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """mock-ai-api's Anthropic side, which counts tokens."""
    port = free_port()
    log = tmp_path_factory.mktemp("mock-ai") / "log"
    command = [
        peer("mock-ai-api"),
        "--openai-port",
        str(free_port()),
        "--anthropic-port",
        str(port),
    ]
    yield from started(command, f"http://127.0.0.1:{port}", log)
