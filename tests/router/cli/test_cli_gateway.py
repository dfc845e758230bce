"""The command line as a person uses it."""

import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests import ROOT
from tests.servers import upstream
from tests.servers.fixtures import free_port, wait_for
from tests.servers.running import EASY, HARD, until

pytestmark = pytest.mark.servers

ROUTER = str(Path(sys.executable).parent / "router")


@pytest.fixture
def call(tmp_path: Path, local: upstream.Upstream, cloud: upstream.Upstream) -> object:
    environment = {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": str(ROOT),  # this tree, wherever the command was installed from
        "HOME": str(tmp_path),
        "ROUTER_LOCAL_URL": local.url,
        "ROUTER_CLOUD_URL": cloud.url,
        "ROUTER_LOG_URL": f"sqlite:///{tmp_path}/o.db",
        "COLUMNS": "200",
    }

    def run(*arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [ROUTER, *arguments],
            env={**environment, **more},
            cwd=tmp_path,
            text=True,
            capture_output=True,
            timeout=60,
        )

    return run


def test_ask_streams_the_answer_and_says_who_gave_it(call: object) -> None:
    asked = call("ask", EASY)  # type: ignore[operator]
    assert asked.stdout == "Hello there.\n"
    assert asked.stderr.startswith("[local: small]")
    hard = call("ask", HARD)  # type: ignore[operator]
    assert hard.stdout == "Hello from the cloud.\n"
    assert hard.stderr.startswith("[cloud: claude-sonnet-5-5]")
    private = call("ask", HARD, "--private", "--tier", "cloud")  # type: ignore[operator]
    assert private.stderr.startswith("[local: small]")
    sums = call("savings").stdout  # type: ignore[operator]
    assert "3 in 30 days" in sums
    assert "2, 1 of them private" in sums


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("ask", EASY, "--tier", "moon"), "--tier must be"),
        (("ask", EASY, "--model", "nobody"), "There is no such model"),
        (("ask", " "), "question is empty"),
        (("log", "export", "--out", "x.doc"), "must end in"),
        (("log", "export", "--out", "no/such/folder/x.csv"), "could not be written"),
        (("serve", "--host", "0.0.0.0"), "router key"),
    ],
)
def test_what_goes_wrong_is_one_sentence(
    call: object, arguments: tuple[str, ...], words: str
) -> None:
    done = call(*arguments)  # type: ignore[operator]
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_dead_local_server_and_a_log_that_cannot_open(call: object, tmp_path: Path) -> None:
    dead = f"http://127.0.0.1:{free_port()}"
    done = call("ask", EASY, "--tier", "local", ROUTER_LOCAL_URL=dead)  # type: ignore[operator]
    assert "is it running" in done.stderr
    (tmp_path / "file").write_text("x")
    done = call("ask", EASY, ROUTER_LOG_URL=f"sqlite:///{tmp_path}/file/o.db")  # type: ignore[operator]
    assert "cannot be opened" in done.stderr
    assert "Traceback" not in done.stderr


def test_doctor_says_what_to_do_and_fails(call: object) -> None:
    dead = f"http://127.0.0.1:{free_port()}"
    done = call("doctor", ROUTER_LOCAL_URL=dead)  # type: ignore[operator]
    assert done.returncode == 1
    assert "nothing answers at" in done.stdout
    assert "fix:" in done.stdout
    dear = call("doctor", ROUTER_CLOUD_MODEL="acme/x")  # type: ignore[operator]
    assert 'fix: [cloud_prices] in router.toml: "acme/x" = "claude-sonnet-5-5"' in dear.stdout
    assert "No price" in call("serve", ROUTER_CLOUD_MODEL="acme/x").stderr  # type: ignore[operator]
    well = call("doctor")  # type: ignore[operator]
    assert well.returncode == 0, well.stdout
    assert "fix:" not in well.stdout


def test_a_key_is_shown_once_and_kept_as_a_hash(call: object) -> None:
    from router.gateway.auth import hash_of

    lines = call("key", "laptop").stdout.splitlines()  # type: ignore[operator]
    assert lines[-1].strip() == f'laptop = "{hash_of(lines[1].strip())}"'


def test_explain_shows_the_trail_of_the_rules(call: object) -> None:
    shown = call("explain", "Write to ann.lee@mail.example.org about it.").stdout  # type: ignore[operator]
    assert "Private content (email) stays on this machine." in shown


def test_what_serve_was_told_outlives_a_change_of_the_file(
    tmp_path: Path, local: upstream.Upstream, cloud: upstream.Upstream
) -> None:
    port, log = free_port(), tmp_path / "log"
    url = f"http://127.0.0.1:{port}"
    environment = {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": str(ROOT),
        "HOME": str(tmp_path),
        "ROUTER_CLOUD_URL": cloud.url,
    }
    command = [ROUTER, "serve", "--port", str(port), "--local-url", local.url]
    body = {"model": "auto", "messages": [{"role": "user", "content": HARD}]}
    with (
        log.open("wb") as out,
        subprocess.Popen(command, stdout=out, stderr=out, env=environment, cwd=tmp_path) as process,
    ):
        try:
            wait_for(f"{url}/healthz", process, log)
            (tmp_path / "router.toml").write_text("threshold = 1.0\n")

            def moved() -> httpx.Response | None:
                answer = httpx.post(f"{url}/v1/chat/completions", json=body, timeout=20)
                return answer if answer.headers["x-router-tier"] == "local" else None

            answer = until(moved)
        finally:
            process.terminate()
            process.wait(20)
    assert answer.headers["x-router-model"] == "small"
    assert process.returncode == 0
    assert "nobody measured small, so it leans local" in log.read_text()
