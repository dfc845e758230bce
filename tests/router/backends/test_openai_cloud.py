"""A cloud that speaks OpenAI's dialect, for clients of every dialect."""

import pytest

from router.backends.base import Ask, Timeouts
from router.backends.openai_cloud import OpenAICloud, build
from router.errors import ConfigError, RequestRefused
from router.prices import price_usd
from tests.servers import upstream
from tests.servers.fixtures import Run
from tests.servers.running import HARD, Gateway


def gateway_of(run: Run, cloud: upstream.Upstream, **more: object) -> Gateway:
    async def answer(connection: upstream.Connection, got: upstream.Got) -> None:
        if got.body.get("stream"):
            await connection.stream(upstream.chunks("From afar.", "gpt-4o"))
        else:
            await connection.json(upstream.said("From afar.", "gpt-4o"))

    cloud.script = answer
    return run(cloud_api="openai", cloud_model="gpt-4o", cloud_api_key="sk-1", **more)


def test_clients_of_every_dialect_are_answered(run: Run, cloud: upstream.Upstream) -> None:
    gateway = gateway_of(run, cloud)
    post = gateway.client.post
    said = gateway.chat(HARD, model="gpt-4o").json()
    assert said["choices"][0]["message"]["content"] == "From afar."
    assert gateway.messages(HARD, model="cloud").json()["content"][0]["text"] == "From afar."
    for stream in (False, True):
        assert "afar" in gateway.chat(HARD, model="cloud", stream=stream).text
        assert "afar" in gateway.messages(HARD, model="cloud", stream=stream).text
        for path, body in (("responses", {"input": HARD}), ("completions", {"prompt": HARD})):
            answer = post(f"/v1/{path}", json={"model": "cloud", "stream": stream, **body})
            assert "afar" in answer.text
            assert answer.headers["x-router-model"] == "gpt-4o"
    assert {got.path for got in cloud.asked} == {"/v1/chat/completions"}
    assert {got.headers["authorization"] for got in cloud.asked} == {"Bearer sk-1"}
    assert all(row["cost_usd"] > 0 for row in gateway.rows())


def test_private_requests_do_not_reach_it(run: Run, cloud: upstream.Upstream) -> None:
    gateway = gateway_of(run, cloud)
    said = gateway.chat("Mail ann@example.org", model="cloud")
    assert said.headers["x-router-rule"] == "private"
    assert cloud.asked == []


def test_nothing_goes_without_a_clearance() -> None:
    with pytest.raises(RequestRefused):
        build(Ask(api="openai", body={"messages": []}, model="gpt-4o", deadline=0.0))


def test_its_budget_is_a_budget(run: Run, cloud: upstream.Upstream) -> None:
    gateway = gateway_of(run, cloud, budget_day_usd=0.000001)
    assert gateway.chat(HARD, model="cloud").status_code == 402
    assert cloud.asked == []


def test_its_breaker_opens(run: Run, cloud: upstream.Upstream) -> None:
    limits = {"failures": 1, "retries": 0}
    gateway = gateway_of(run, cloud, cloud_limits=limits)

    async def failing(connection: upstream.Connection, got: upstream.Got) -> None:
        await connection.json({"error": {"message": "no"}}, 500)

    cloud.script = failing
    assert gateway.chat(HARD, model="cloud").status_code == 502
    assert gateway.chat(HARD, model="cloud").status_code == 503
    assert len(cloud.asked) == 1


def test_an_error_in_its_stream_is_an_error(run: Run, cloud: upstream.Upstream) -> None:
    gateway = gateway_of(run, cloud)

    async def failing(connection: upstream.Connection, got: upstream.Got) -> None:
        await connection.stream([upstream.chunks()[0], {"error": {"code": 502, "message": "x"}}])

    cloud.script = failing
    assert '"error"' in gateway.chat(HARD, model="cloud", stream=True).text


def test_what_it_cannot_be_asked_stays_or_is_refused(run: Run, cloud: upstream.Upstream) -> None:
    gateway = gateway_of(run, cloud)
    tools = [{"type": "web_search_20250305", "name": "web_search"}]
    answer = gateway.messages(HARD, model="cloud", tools=tools)
    assert answer.status_code == 400
    assert "web_search" in answer.json()["error"]["message"]


def test_an_address_may_end_with_its_version(run: Run, cloud: upstream.Upstream) -> None:
    gateway = gateway_of(run, cloud, cloud_url=f"{cloud.url}/api/v1")
    gateway.chat(HARD, model="cloud")
    assert [got.path for got in cloud.got] == ["/api/v1/chat/completions"]


def test_openai_itself_gets_the_name_that_its_newer_models_take() -> None:
    ask = Ask(api="openai", body={}, model="gpt-5", deadline=0.0, clearance=_cleared())
    for url, name in (
        ("https://api.openai.com", "max_completion_tokens"),
        ("https://openrouter.ai/api", "max_tokens"),
    ):
        cloud = OpenAICloud(None, url, "k", Timeouts())  # type: ignore[arg-type]
        assert cloud._body(ask)[name] == 9


def _cleared() -> object:
    from router.privacy import PrivacyFilter

    return PrivacyFilter([]).screen(b'{"messages": [], "max_tokens": 9}').clear()


def test_prices_are_those_of_whoever_has_the_model() -> None:
    assert price_usd("gpt-4o", 1000, 100) == pytest.approx(0.0035)
    assert price_usd("claude-sonnet-4-5", 1000, 100) == pytest.approx(0.0045)
    assert price_usd("anthropic/claude-sonnet-4.5", 1000, 100) == pytest.approx(0.0045)
    assert price_usd("acme/gpt-4o", 1000, 100) == pytest.approx(0.0035)
    with pytest.raises(ConfigError, match="acme/none"):
        price_usd("acme/none", 1, 1)
