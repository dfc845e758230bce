"""What real agents put around a person's words does not change what is decided about these."""

from pathlib import Path

import pytest

from tests.clients import upstreams
from tests.clients.clients import AIDER_ONCE, CLAUDE_CODE, CODEX, CONTINUE, Client, run
from tests.servers import upstream
from tests.servers.fixtures import Run
from tests.servers.running import EASY, HARD, Gateway

CLOSE = 0.03  # how far the probability may lie from the bare request's


@pytest.fixture
def gateway(run: Run, local: upstream.Upstream, cloud: upstream.Upstream) -> Gateway:
    local.script, cloud.script = upstreams.home, upstreams.afar
    return run(auto_models=["claude-*", "gpt-*"])


@pytest.mark.parametrize("client", [CLAUDE_CODE, CODEX, CONTINUE, AIDER_ONCE], ids=lambda c: c.name)
@pytest.mark.parametrize("text", [EASY, HARD, "Say hello in one word.", "Fix the sum."])
def test_an_agent_s_request_is_decided_as_if_bare(
    gateway: Gateway, tmp_path: Path, client: Client, text: str
) -> None:
    run(client, gateway.url, "auto", "text", tmp_path / "home", text)
    (row,) = gateway.rows()
    bare = gateway.chat(text).headers
    assert row["kind"] == "request"
    assert abs(row["p_local"] - float(bare["x-router-p-local"])) <= CLOSE
    assert row["tier"] == bare["x-router-tier"]


@pytest.mark.parametrize("client", [CLAUDE_CODE, CODEX, CONTINUE], ids=lambda c: c.name)
def test_the_steps_of_an_agent_stay_where_they_began(
    gateway: Gateway, tmp_path: Path, client: Client
) -> None:
    run(client, gateway.url, "auto", "tool", tmp_path / "home")
    rows = gateway.rows()
    assert [row["kind"] for row in rows] == ["request", "step"]
    assert [row["rule"] for row in rows] == ["learned", "loop"]
    assert rows[0]["tier"] == rows[1]["tier"]
    assert rows[0]["p_local"] == rows[1]["p_local"]
