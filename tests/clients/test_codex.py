"""Codex by the names of models that it knows: it offers each of them other tools."""

from pathlib import Path

import pytest

from tests.clients import upstreams
from tests.clients.clients import CODEX, RESULT
from tests.clients.clients import run as drive
from tests.servers import upstream
from tests.servers.fixtures import Run


@pytest.mark.parametrize("side", ["local", "cloud"])
@pytest.mark.parametrize(
    ("name", "tool"), [("gpt-5.5", "exec_command"), ("gpt-6.1-sol", "functions__exec")]
)
def test_a_name_of_openais_means_a_tier_and_its_tools_work(
    run: Run,
    local: upstream.Upstream,
    cloud: upstream.Upstream,
    tmp_path: Path,
    name: str,
    tool: str,
    side: str,
) -> None:
    local.script, cloud.script = upstreams.home, upstreams.afar
    gateway = run(model_names={"gpt-*": side})
    told = drive(CODEX, gateway.url, name, "tool", tmp_path / "home")
    assert RESULT in told.text
    asked = (local if side == "local" else cloud).asked[-1].body
    offered = [t.get("name") or t["function"]["name"] for t in asked["tools"]]
    assert tool in offered
    assert {row["tier"] for row in gateway.rows()} == {side}
