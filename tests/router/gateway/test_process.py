"""The gateway as a process of its own: killed, and asked to end."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.servers import upstream
from tests.servers.fixtures import free_port, wait_for
from tests.servers.kills import Siege
from tests.servers.running import EASY
from tests.servers.served import serving

pytestmark = pytest.mark.servers


@pytest.fixture
def process(
    tmp_path: Path, local: upstream.Upstream, cloud: upstream.Upstream
) -> Iterator[tuple["subprocess.Popen[bytes]", str, Path]]:
    """The gateway as a process of its own."""
    port, database, out = free_port(), tmp_path / "o.db", tmp_path / "log"
    command = serving(
        port=port,
        local_url=local.url,
        cloud_url=cloud.url,
        log_url=f"sqlite:///{database}",
        cascade="off",
    )
    with out.open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as running:
        url = f"http://127.0.0.1:{port}"
        try:
            wait_for(url + "/healthz", running, out)
            yield running, url, database
        finally:
            running.kill()


def test_sigkill_under_load_loses_no_answered_request_and_doubles_none(tmp_path: Path) -> None:
    siege = Siege(tmp_path, f"sqlite:///{tmp_path}/o.db")
    siege.run(kills=3, answers=100)
    assert len(siege.answered) >= 300
    assert siege.lost() == set()
    assert list((tmp_path / "journal").iterdir()) == []


def test_sigterm_lets_a_stream_finish(
    process: tuple["subprocess.Popen[bytes]", str, Path], local: upstream.Upstream
) -> None:
    running, url, _ = process

    local.script = upstream.slowly
    body = {"model": "local", "stream": True, "messages": [{"role": "user", "content": EASY}]}
    with httpx.stream("POST", url + "/v1/chat/completions", json=body, timeout=20) as answer:
        lines = answer.iter_lines()
        next(lines)
        os.kill(running.pid, signal.SIGTERM)
        rest = list(lines)
    assert rest[-2:] == ["data: [DONE]", ""]
    assert running.wait(15) == 0


def test_an_open_page_does_not_keep_the_gateway_from_stopping(
    process: tuple["subprocess.Popen[bytes]", str, Path],
) -> None:
    running, url, _ = process
    with httpx.stream("GET", url + "/page/events", timeout=20) as page:
        lines = page.iter_lines()
        while next(lines) != "event: open":
            pass
        os.kill(running.pid, signal.SIGTERM)
        assert list(lines)[-1:] == [""]  # it ends as it should, not by a broken connection
    assert running.wait(15) == 0


OPEN = "import sys; from router.outcomes.database import open_database; open_database(sys.argv[1])"


def test_processes_that_start_together_make_the_tables_once(tmp_path: Path) -> None:
    for attempt in range(3):
        command = [sys.executable, "-c", OPEN, f"sqlite:///{tmp_path}/{attempt}.db"]
        running = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(4)]
        for process in running:
            _, said = process.communicate(timeout=60)
            assert process.returncode == 0, said
