"""Every example runs as it stands: alone, or against a gateway in front of scripted backends."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import ROOT
from tests.servers import upstream
from tests.servers.fixtures import Run

EXAMPLES = ROOT / "examples"
pytestmark = pytest.mark.servers
pytest.importorskip("openai")
pytest.importorskip("anthropic")


def said(name: str, **more: str) -> list[str]:
    """The lines that an example prints."""
    command = ["sh"] if name.endswith(".sh") else [sys.executable, "-W", "error"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **more}
    run = subprocess.run(
        [*command, str(EXAMPLES / name)],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
        cwd=EXAMPLES,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout.splitlines()


def test_no_example_is_left_out() -> None:
    here = Path(__file__).read_text()
    names = [path.name for path in EXAMPLES.iterdir() if path.suffix in (".py", ".sh")]
    assert len(names) >= 6
    assert [name for name in names if f'"{name}"' not in here] == []


def test_predict() -> None:
    easy, hard = said("predict.py")
    assert easy.startswith("local") and hard.startswith("cloud")


def test_look() -> None:
    p_local = [float(line.rsplit(" ", 1)[1]) for line in said("look.py")]
    before, agreeing, differing = p_local
    assert agreeing > before > differing


def test_openai_sdk(run: Run) -> None:
    lines = said("openai_sdk.py", ROUTER_URL=run().url)
    assert lines[0].startswith("local ")
    assert lines[1:] == ["Hello there.", "Hello there."]


def test_anthropic_sdk(run: Run) -> None:
    gateway = run()
    lines = said("anthropic_sdk.py", ROUTER_URL=gateway.url)
    assert lines[0].startswith("local ")
    assert lines[1:] == ["Hello there."]


def test_curl(run: Run) -> None:
    route, answer = said("gateway.sh", ROUTER_URL=run().url)
    assert '"rule":"private"' in route
    assert "Hello there." in answer


def test_without_server(local: upstream.Upstream, cloud: upstream.Upstream, tmp_path: Path) -> None:
    lines = said(
        "without_server.py",
        ROUTER_LOCAL_URL=local.url,
        ROUTER_CLOUD_URL=cloud.url,
        ROUTER_LOG_URL=f"sqlite:///{tmp_path / 'outcomes.db'}",
    )
    assert lines[0] == "local (small, $0.0000), rule learned"
    assert lines[2] == "local (small, $0.0000), rule private"
    assert lines[1] == lines[3] == "Hello there."
    assert cloud.asked == []
