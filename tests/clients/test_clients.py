"""Every real client through either tier, as a stream, with a tool, refused, and over a failure."""

from pathlib import Path

import pytest

from tests.clients import upstreams
from tests.clients.clients import CLIENTS, RESULT, Client, Told, run
from tests.servers import upstream
from tests.servers.fixtures import Run
from tests.servers.running import Gateway

pytestmark = [pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)]


@pytest.fixture
def gateway(run: Run, local: upstream.Upstream, cloud: upstream.Upstream) -> Gateway:
    local.script, cloud.script = upstreams.home, upstreams.afar
    return run()


@pytest.mark.parametrize(("model", "said"), [("local", upstreams.HOME), ("cloud", upstreams.AFAR)])
@pytest.mark.parametrize("what", ["text", "stream"])
def test_the_tier_that_was_named_answers(
    gateway: Gateway, tmp_path: Path, client: Client, model: str, said: str, what: str
) -> None:
    if what == "stream" and not client.streams:
        pytest.skip("it has no streams")
    told = run(client, gateway.url, model, what, tmp_path / "home")
    assert told.text == said
    assert {row["tier"] for row in gateway.rows()} == {model}
    if what == "stream":
        assert told.pieces != 1
        assert all(row["stream"] for row in gateway.rows())


@pytest.mark.parametrize("model", ["local", "cloud"])
def test_a_tool_is_called_and_its_result_comes_back(
    gateway: Gateway, tmp_path: Path, client: Client, model: str
) -> None:
    if not client.tools:
        pytest.skip("it has no tools")
    told = run(client, gateway.url, model, "tool", tmp_path / "home")
    assert told.text.startswith("It said:")
    assert RESULT in told.text
    assert [row["finish"] for row in gateway.rows()] == ["tool_calls", "stop"]


def test_a_refusal_reaches_the_person_in_words(
    run: Run, local: upstream.Upstream, tmp_path: Path, client: Client
) -> None:
    gateway = run(budget_day_usd=0.0)
    told = _run(client, gateway, "cloud", tmp_path)
    assert "Only the cloud could answer" in told.error
    assert not local.asked


def test_the_other_tier_steps_in_for_one_that_fails(
    run: Run, local: upstream.Upstream, cloud: upstream.Upstream, tmp_path: Path, client: Client
) -> None:
    async def failing(connection: upstream.Connection, got: upstream.Got) -> None:
        if got.method == "GET":
            await upstream.local(connection, got)
        else:
            await connection.json({"error": {"message": "no"}}, 500)

    local.script, cloud.script = failing, upstreams.afar
    gateway = run(threshold=1.0, local_limits={"retries": 0})
    assert _run(client, gateway, "auto", tmp_path).text == upstreams.AFAR
    assert local.asked


def _run(client: Client, gateway: Gateway, model: str, folder: Path) -> Told:
    return run(client, gateway.url, model, "text", folder / "home")
