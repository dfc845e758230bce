"""Ctrl-C in the middle of a long command, and the same command once more."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from router import errors
from router.cli.console import guarded, stoppable
from tests import ROOT
from tests.commands import command
from tests.servers import upstream
from tests.servers.running import until

ROUTER = str(Path(sys.executable).parent / "router")


def test_a_probe_that_is_stopped_keeps_its_answers_and_goes_on(
    tmp_path: Path, local: upstream.Upstream
) -> None:
    environment = {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": str(ROOT),
        "HOME": str(tmp_path),
        "ROUTER_LOCAL_URL": local.url,
        "ROUTER_LOG_URL": f"sqlite:///{tmp_path}/o.db",
    }

    async def tired(connection: upstream.Connection, got: upstream.Got) -> None:
        if len(local.asked) > 3:
            await connection.reader.read()  # until the client leaves
        await upstream.local(connection, got)

    local.script = tired
    probe = [ROUTER, "probe", "--count", "20", "--kinds", "arithmetic"]
    with subprocess.Popen(
        probe, env=environment, cwd=tmp_path, stderr=subprocess.PIPE, text=True
    ) as running:
        until(lambda: len(local.asked) > 3, 60)
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=60)
    assert said.endswith(
        "Stopped. What was answered is in the log; the same command goes on with the rest.\n"
    )
    assert running.returncode == 130
    local.script, before = upstream.local, len(local.asked)
    done = subprocess.run(
        probe, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert len(local.asked) - before == 20 - 3


def test_learning_that_is_stopped_says_what_is_in_use(capsys: pytest.CaptureFixture[str]) -> None:
    def fit() -> None:
        from training.cli.options import steps

        with steps() as step:
            step("fitting both heads")
            raise KeyboardInterrupt

    with pytest.raises(SystemExit) as ended:
        guarded(fit)
    assert ended.value.code == 130
    said = "Stopped. The version in use is as it was; the same command begins anew.\n"
    assert capsys.readouterr().err == said


def test_the_innermost_sentence_is_the_one_that_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    def work() -> None:
        with stoppable("All is kept."):
            raise KeyboardInterrupt

    with pytest.raises(SystemExit):
        guarded(work)
    assert capsys.readouterr().err == "Stopped. All is kept.\n"


def test_an_error_names_the_page_that_says_more(tmp_path: Path) -> None:
    (tmp_path / "router.toml").write_text("colour = 1\n")
    code, _, said = command("router", "predict", "Say hello.", cwd=tmp_path)
    assert code == 1
    assert said.endswith(" (see docs/reference/settings.md)\n")


def test_every_page_that_an_error_names_is_there() -> None:
    kinds = [k for k in vars(errors).values() if isinstance(k, type)]
    named = {kind.page for kind in kinds if issubclass(kind, errors.RouterError) and kind.page}
    assert len(named) > 5
    assert [page for page in sorted(named) if not (ROOT / page).is_file()] == []
