"""What the name of a model means, on both sides."""

from dataclasses import replace
from typing import Any

import pytest

from router.backends.discovery import LocalModel, LocalServer
from router.decide.router import Router
from router.engine.call import Call
from router.engine.named import Named, named
from router.errors import RequestRefused
from router.settings import load_settings
from router.text.request import request_from_prompt
from tests.servers import upstream
from tests.servers.fixtures import Run
from tests.servers.running import EASY, HARD

SERVER = LocalServer("ollama", {n: LocalModel(name=n) for n in ("small", "qwen:7b")})
TABLE = {
    "gpt-4o-mini": "local",
    "gpt-4*": "cloud",
    "claude-haiku-*": "auto",
    "best": "claude-opus-5",
    "*-turbo": "auto",
}


@pytest.mark.parametrize(
    ("name", "tier", "want"),
    [
        ("auto", "", Named()),
        ("auto", "local", Named(tier="local")),
        ("local", "", Named(tier="local")),
        ("cloud", "auto", Named(tier="cloud")),
        ("cloud", "local", Named(tier="local")),
        ("claude-opus-5", "", Named(tier="cloud", cloud="claude-opus-5")),
        ("claude-opus-5", "local", Named(tier="local", cloud="claude-opus-5")),
        ("small", "", Named(tier="local", local="small")),
        ("small", "cloud", Named(tier="cloud", local="small")),
        ("gpt-4o-mini", "", Named(tier="local")),
        ("gpt-4o", "", Named(tier="cloud")),
        ("claude-haiku-4-5", "", Named(cloud="claude-haiku-4-5")),
        ("best", "", Named(tier="cloud", cloud="claude-opus-5")),
        ("qwen-turbo", "", Named()),
    ],
)
def test_a_name_means_a_tier_and_the_models_of_both(name: str, tier: str, want: Named) -> None:
    settings = load_settings(model_names=TABLE)
    call = Call.of("openai", {"model": name, "messages": []}, headers={"x-router-tier": tier})
    assert named(call, settings, SERVER) == want


def test_a_model_that_means_auto_and_is_served_here_answers_here() -> None:
    settings = load_settings(auto_models=["qwen*"])
    assert named(Call.of("openai", {"model": "qwen:7b"}), settings, SERVER) == Named(
        local="qwen:7b"
    )


def test_an_unknown_name_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(
        RequestRefused, match=r"small, qwen:7b, claude-sonnet-5-5, gpt-4o-mini, best"
    ):
        named(Call.of("openai", {"model": "x"}), load_settings(model_names=TABLE), SERVER)


@pytest.mark.parametrize(
    ("settings", "name", "cloud"),
    [
        ({"cloud_api": "openai", "cloud_model": "gpt-4o"}, "gpt-4o", "gpt-4o"),
        ({"cloud_api": "openai", "cloud_models": ["gpt-*"]}, "gpt-5", "gpt-5"),
        ({"cloud_api": "openai", "auto_models": ["claude*"]}, "claude-haiku-4-5", None),
    ],
)
def test_a_cloud_of_openais_dialect_has_names_of_its_own(
    settings: dict[str, Any], name: str, cloud: str | None
) -> None:
    known = named(Call.of("openai", {"model": name}), load_settings(**settings), SERVER)
    assert known.cloud == cloud


def test_the_cloud_answers_as_the_model_that_was_named_and_is_paid_as_that(
    run: Run, cloud: upstream.Upstream
) -> None:
    async def echoing(connection: upstream.Connection, got: upstream.Got) -> None:
        await connection.json(upstream.claude_said(model=got.body["model"]))

    cloud.script = echoing
    gateway = run(auto_models=["claude-*"])
    dear, cheap = (gateway.messages(HARD, model=m) for m in ("claude-opus-4-5", "claude-haiku-4-5"))
    assert [got.body["model"] for got in cloud.asked] == ["claude-opus-4-5", "claude-haiku-4-5"]
    for answer, name in ((dear, "claude-opus-4-5"), (cheap, "claude-haiku-4-5")):
        assert answer.headers["x-router-model"] == name
        assert answer.headers["x-router-model-asked"] == name
    first, second = gateway.rows()
    assert first["cost_usd"] > second["cost_usd"] > 0


def test_a_budget_looks_at_the_price_of_the_model_that_was_named(run: Run) -> None:
    gateway = run(auto_models=["claude-*"], budget_day_usd=0.005)
    assert gateway.messages(HARD, model="claude-opus-4-5").headers["x-router-rule"] == "budget"
    assert gateway.messages(HARD, model="claude-haiku-4-5").headers["x-router-tier"] == "cloud"


def test_what_an_answer_must_be_worth_goes_by_the_price_of_the_model_that_was_named(
    run: Run,
) -> None:
    gateway = run(auto_models=["claude-*"], value_usd=0.05)
    own, dear, cheap = (
        gateway.messages(HARD, model=model)
        for model in ("auto", "claude-opus-4-5", "claude-haiku-4-5")
    )
    cuts = [float(answer.headers["x-router-threshold"]) for answer in (own, dear, cheap)]
    assert cuts[1] > 1.5 * cuts[0] > 1.5 * cuts[2]
    assert "the cloud's with" in own.headers["x-router-reason"]
    assert "claude-haiku-4-5's with" in cheap.headers["x-router-reason"]
    # None of these was measured, so each is taken for as good as the cloud's own.
    assert len({a.headers["x-router-p-cloud"] for a in (own, dear, cheap)}) == 1


def test_a_named_model_that_was_measured_has_its_own_probability() -> None:
    router = Router.load()
    request = request_from_prompt(HARD)
    named = replace(request, cloud_model="claude-3-opus-20240229")
    own, known, alone = *router.decide_batch([request, named]), router.decide(request)
    assert (own.p_cloud, own.reason) == (pytest.approx(alone.p_cloud), alone.reason)
    opus = Router.load(cloud_model="claude-3-opus-20240229").decide(request)
    assert known.p_cloud == pytest.approx(opus.p_cloud)
    assert known.p_cloud < own.p_cloud
    assert known.p_local == pytest.approx(own.p_local)
    assert known.est_cost_usd == pytest.approx(opus.est_cost_usd)


def test_headers_name_the_model_asked_for_and_the_one_used(run: Run) -> None:
    gateway = run(model_names={"gpt-4o-mini": "local"}, local_model="small")
    answer = gateway.chat(EASY, model="gpt-4o-mini")
    assert answer.headers["x-router-model-asked"] == "gpt-4o-mini"
    assert answer.headers["x-router-model"] == "small"
    listed = gateway.client.get("/v1/models").json()["data"]
    assert "gpt-4o-mini" in [entry["id"] for entry in listed]
