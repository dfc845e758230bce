"""`router init` from a bare folder to the first answer, asked at a terminal and without one."""

import stat
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import ROOT
from tests.servers import upstream
from tests.servers.fixtures import free_port
from tests.servers.ollama import Ollama
from tests.servers.terminal import Terminal

pytestmark = pytest.mark.servers

ROUTER = str(Path(sys.executable).parent / "router")
KEY = "sk-ant-api03-of-nobody"


@pytest.fixture
def ollama() -> Iterator[upstream.Upstream]:
    with upstream.Upstream(Ollama()) as server:
        yield server


@pytest.fixture
def environment(tmp_path: Path, cloud: upstream.Upstream) -> dict[str, str]:
    return {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": str(ROOT),
        "HOME": str(tmp_path / "home"),
        "ROUTER_CLOUD_URL": cloud.url,
        "ROUTER_LOG_URL": f"sqlite:///{tmp_path}/o.db",
        "COLUMNS": "300",
    }


def init(
    environment: dict[str, str], folder: Path, *arguments: str
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [ROUTER, "init", *arguments],
        env=environment,
        cwd=folder,
        text=True,
        capture_output=True,
        input="",
        timeout=120,
    )


def unit(environment: dict[str, str]) -> Path:
    return Path(environment["HOME"]) / ".config/systemd/user/hybrid-router.service"


def kept_key(environment: dict[str, str]) -> Path:
    return Path(environment["HOME"]) / ".config/hybrid-router/env"


def test_a_person_is_led_from_nothing_to_the_first_answer(
    environment: dict[str, str], tmp_path: Path, ollama: upstream.Upstream, cloud: upstream.Upstream
) -> None:
    with Terminal([ROUTER, "init", "--local-url", ollama.url], environment, tmp_path) as at:
        listed = at.until("Which model shall answer?")
        assert "1 qwen3:4b" in listed.replace("\x1b[1m", "").replace("\x1b[0m", "")
        assert "nomic-embed-text" not in listed  # it answers nobody
        at.type("9")
        at.until("A number from 1 to 3")
        at.type("2")
        at.until("Enter goes on without): ")  # its last blank says that nothing typed is shown
        at.type(KEY)
        at.until("At most how many dollars")
        at.type("5")
        at.until("May claude-* names mean auto")
        at.type("y")
        at.until("Write a service")
        at.type("y" if sys.platform.startswith("linux") else "n")
        at.until("Switch it on?")
        at.type("n")
        at.until("Make the first request?")
        at.type("y")
        assert at.ended() == 0, at.shown
    assert "Hello there." in at.shown
    assert "[local: llama3.1:8b]" in at.shown
    assert "good with probability" in at.shown
    assert KEY not in at.shown
    told = tomllib.loads((tmp_path / "router.toml").read_text())
    assert told == {
        "local_model": "llama3.1:8b",
        "local_url": ollama.url,
        "auto_models": ["claude-*"],
        "budget_month_usd": 5.0,
    }
    assert kept_key(environment).read_text() == f"ANTHROPIC_API_KEY={KEY}\n"
    assert stat.S_IMODE(kept_key(environment).stat().st_mode) == 0o600
    assert str(kept_key(environment)) in unit(environment).read_text()
    assert [got.headers["authorization"] for got in cloud.got] == [f"Bearer {KEY}"]  # asked if good


def test_without_a_terminal_flags_answer_and_nothing_hangs(
    environment: dict[str, str], tmp_path: Path, ollama: upstream.Upstream
) -> None:
    asks = init(environment, tmp_path)
    assert asks.returncode == 1
    assert "pass --yes" in asks.stderr
    done = init(
        environment, tmp_path, "--yes", "--local-url", ollama.url, "--local-model", "llama3.1:8b"
    )
    assert done.returncode == 0, done.stderr
    assert "Hello there." in done.stdout
    assert "ANTHROPIC_BASE_URL=http://127.0.0.1:8787" in done.stdout
    assert not unit(environment).exists()
    assert not kept_key(environment).exists()


def test_a_settings_file_that_is_there_is_left_alone_unless_told(
    environment: dict[str, str], tmp_path: Path, ollama: upstream.Upstream
) -> None:
    (tmp_path / "router.toml").write_text("port = 9999\n")
    flags = ("--yes", "--local-url", ollama.url, "--no-ask")
    done = init(environment, tmp_path, *flags)
    assert done.returncode == 1
    assert "was left alone" in done.stderr
    assert (tmp_path / "router.toml").read_text() == "port = 9999\n"
    with Terminal([ROUTER, "init"], environment, tmp_path) as at:
        at.until("Replace it?")
        at.type("n")
        assert at.ended() == 1
    assert (tmp_path / "router.toml").read_text() == "port = 9999\n"
    assert init(environment, tmp_path, *flags, "--force").returncode == 0
    assert "port" not in tomllib.loads((tmp_path / "router.toml").read_text())


def test_without_a_server_it_says_how_to_get_one_and_the_cloud_answers(
    environment: dict[str, str], tmp_path: Path
) -> None:
    dead = f"http://127.0.0.1:{free_port()}"
    flags = ("--yes", "--local-url", dead, "--no-embedded")
    alone = init(environment, tmp_path, *flags)
    assert alone.returncode == 1
    assert "ollama pull" in alone.stdout
    assert "neither a local server nor a key" in alone.stderr
    (tmp_path / "key").write_text(KEY + "\n")
    done = init(environment, tmp_path, *flags, "--force", "--key-file", "key")
    assert done.returncode == 0, done.stderr
    assert "Hello from the cloud." in done.stdout
    assert KEY not in done.stdout + done.stderr + (tmp_path / "router.toml").read_text()


def test_the_small_model_inside_answers_where_there_is_no_server(
    environment: dict[str, str], tmp_path: Path
) -> None:
    pytest.importorskip("xllamacpp")
    dead = f"http://127.0.0.1:{free_port()}"
    alone = {name: value for name, value in environment.items() if name != "ROUTER_CLOUD_URL"}
    done = init(alone, tmp_path, "--yes", "--local-url", dead, "--embedded")
    assert done.returncode == 0, done.stderr
    assert "router serve --embedded" in done.stdout
    assert done.stderr.startswith("[local: embedded-smollm2-135m]")  # llama.cpp says nothing


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--local-model", "nobody:7b"), "No local server has nobody:7b"),
        (("--key-file", "absent"), "could not be read"),
        (("--key-file", "wrong"), "does not look like a key"),
        (("--no-ask", "--service", "--start"), "systemctl"),
    ],
)
def test_what_goes_wrong_is_one_sentence(
    environment: dict[str, str],
    tmp_path: Path,
    ollama: upstream.Upstream,
    flags: tuple[str, ...],
    words: str,
) -> None:
    (tmp_path / "wrong").write_text("two words\n")
    no_manager = {**environment, "PATH": str(tmp_path)}
    done = init(no_manager, tmp_path, "--yes", "--local-url", ollama.url, *flags)
    assert done.returncode == 1
    assert words in done.stderr.splitlines()[0]
    assert "two words" not in done.stderr


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="systemd is Linux's")
def test_a_service_that_is_agreed_to_is_switched_on_and_a_refusal_is_told(
    environment: dict[str, str], tmp_path: Path, ollama: upstream.Upstream
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    manager = tools / "systemctl"
    manager.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\n')
    manager.chmod(0o755)
    told = {**environment, "PATH": f"{tools}:/usr/bin:/bin", "ANTHROPIC_API_KEY": KEY}
    flags = ("--yes", "--local-url", ollama.url, "--no-ask", "--service", "--start", "--force")
    done = init(told, tmp_path, *flags)
    assert done.returncode == 0, done.stderr
    assert "is on" in done.stdout
    asked = (tmp_path / "asked").read_text().splitlines()
    assert asked == ["--user daemon-reload", "--user enable --now hybrid-router"]
    assert f"WorkingDirectory={tmp_path}\n" in unit(environment).read_text()
    assert (
        kept_key(environment).read_text() == f"ANTHROPIC_API_KEY={KEY}\n"
    )  # a service has no shell
    manager.write_text("#!/bin/sh\necho Failed to connect to bus >&2\nexit 1\n")
    done = init(told, tmp_path, *flags)
    assert done.returncode == 1
    assert "`systemctl --user daemon-reload` failed: Failed to connect to bus." in done.stderr
