"""Who answers, by which rule, and what it leaves behind."""

import asyncio
import gc
import json
import threading
import weakref

import pytest

from router.text.request import request_from_body
from tests.servers import upstream
from tests.servers.fixtures import Run
from tests.servers.running import EASY, HARD


def test_an_easy_request_stays_local_and_a_hard_one_goes_to_the_cloud(
    run: Run, cloud: upstream.Upstream
) -> None:
    gateway = run()
    easy, hard = gateway.chat(EASY), gateway.chat(HARD)
    assert easy.headers["x-router-tier"] == "local"
    assert easy.headers["x-router-rule"] == hard.headers["x-router-rule"] == "learned"
    assert hard.headers["x-router-tier"] == "cloud"
    assert float(hard.headers["x-router-gain"]) > float(hard.headers["x-router-threshold"])
    assert float(hard.headers["x-router-cost-usd"]) > 0 == float(easy.headers["x-router-cost-usd"])
    assert hard.json()["choices"][0]["message"]["content"] == "Hello from the cloud."
    assert len(cloud.asked) == 1
    for row, answer in zip(gateway.rows(), (easy, hard), strict=True):
        assert row["id"] == answer.headers["x-router-decision-id"]
        assert row["tier"] == answer.headers["x-router-tier"]
        assert row["status"] == 200
        assert row["propensity"] == 1.0
        assert [step[0] for step in json.loads(row["trail"])] == [
            "explicit",
            "private",
            "limits",
            "budget",
            "health",
            "background",
            "loop",
            "learned",
        ]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("api", ["chat", "messages"])
@pytest.mark.parametrize("model", ["local", "cloud", "small", "claude-opus-5"])
def test_a_named_tier_or_model_is_obeyed_in_both_dialects(
    run: Run,
    local: upstream.Upstream,
    cloud: upstream.Upstream,
    api: str,
    model: str,
    stream: bool,
) -> None:
    gateway = run()
    answer = getattr(gateway, api)(EASY, model=model, stream=stream)
    assert answer.status_code == 200
    tier = "local" if model in ("local", "small") else "cloud"
    assert answer.headers["x-router-tier"] == tier
    assert answer.headers["x-router-rule"] == "explicit"
    words = "Hello there." if tier == "local" else "Hello from the cloud."
    if not stream:
        assert words in answer.text
    else:
        assert words.split()[-1] in answer.text
        assert answer.text.rstrip().endswith("[DONE]" if api == "chat" else '"message_stop"}')
    asked = (cloud if tier == "cloud" else local).asked[0]
    assert asked.headers["accept-encoding"] == "identity"
    if model == "claude-opus-5":
        assert cloud.asked[0].body["model"] == "claude-opus-5"
    row = gateway.rows()[0]
    assert (row["tier"], row["finish"], row["stream"]) == (tier, "stop", stream)
    assert row["answer"] == words


def test_an_unknown_model_is_a_404_that_names_those_there_are(run: Run) -> None:
    answer = run().chat(EASY, model="gpt-oss:20b")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "model_not_found"
    assert "small" in answer.json()["error"]["message"]


def test_names_can_be_declared_to_mean_auto(run: Run) -> None:
    gateway = run(auto_models=["claude-*"])
    answer = gateway.messages(EASY, model="claude-haiku-5-5")
    assert answer.headers["x-router-rule"] == "learned"
    assert answer.headers["x-router-tier"] == "local"


def test_without_a_cloud_everything_is_local_and_the_cloud_says_why(run: Run) -> None:
    gateway = run(cloud_url="https://api.anthropic.com")
    assert gateway.chat(HARD).headers["x-router-tier"] == "local"
    refused = gateway.chat(HARD, model="cloud")
    assert refused.status_code == 503
    assert "ANTHROPIC_API_KEY" in refused.json()["error"]["message"]


def test_a_request_beyond_the_local_window_goes_to_the_cloud_or_is_refused(
    run: Run, local: upstream.Upstream
) -> None:
    async def vllm(connection: upstream.Connection, got: upstream.Got) -> None:
        if got.path == "/v1/models":
            await connection.json({"data": [{"id": "small", "max_model_len": 1000}]})
        else:
            await upstream.local(connection, got)

    local.script = vllm
    gateway = run()
    long = "Summarise this: " + "word " * 2000
    assert gateway.chat("Summarise: a word.").headers["x-router-tier"] == "local"
    far_too_long = gateway.chat(long * 40)
    assert far_too_long.headers["x-router-rule"] == "limits"
    moved = gateway.chat(long)
    assert moved.headers["x-router-tier"] == "cloud"
    assert moved.headers["x-router-rule"] == "limits"
    refused = gateway.chat(long, model="local")
    assert refused.status_code == 400
    assert refused.json()["error"]["code"] == "beyond_limits"
    assert "1000" in refused.json()["error"]["message"]
    private = gateway.chat(long + " ann@example.org")
    assert private.status_code == 503
    assert private.json()["error"]["code"] == "private_local_unavailable"


def test_a_server_that_cut_the_prompt_is_found_out(run: Run, local: upstream.Upstream) -> None:
    """Ollama truncates without a word: what it read then fills the window."""

    async def cutting(connection: upstream.Connection, got: upstream.Got) -> None:
        if got.path == "/v1/models":
            await connection.json({"data": [{"id": "small", "max_model_len": 4096}]})
        else:
            await connection.json(upstream.said(prompt_tokens=4096))

    local.script = cutting
    gateway = run()
    moved = gateway.chat(EASY)
    assert moved.headers["x-router-tier"] == "cloud"
    refused = gateway.chat(EASY, model="local")
    assert refused.status_code == 400
    assert "read only the 4096 tokens" in refused.json()["error"]["message"]


def test_exploration_tries_the_other_tier_and_logs_its_propensity(run: Run) -> None:
    gateway = run(exploration=0.5)
    tiers = [gateway.chat(EASY).headers["x-router-tier"] for _ in range(40)]
    assert set(tiers) == {"local", "cloud"}
    rows = gateway.rows()
    assert {r["propensity"] for r in rows} == {0.5}
    assert all(r["explored"] == (r["tier"] == "cloud") for r in rows)
    private = [gateway.chat("I am ann@example.org.") for _ in range(20)]
    assert {a.headers["x-router-tier"] for a in private} == {"local"}
    assert {r["propensity"] for r in gateway.rows()[40:]} == {1.0}


def test_route_shows_the_trail_and_calls_nobody(
    run: Run, local: upstream.Upstream, cloud: upstream.Upstream
) -> None:
    gateway = run()
    body = {"model": "auto", "messages": [{"role": "user", "content": HARD}]}
    found = gateway.client.post("/v1/route", json=body).json()
    assert found["tier"] == "cloud"
    assert [s["rule"] for s in found["trail"]][-1] == "learned"
    assert found["prediction"]["p_local"] < found["prediction"]["p_cloud"]
    assert not cloud.asked
    assert not local.asked
    assert gateway.rows() == []


def test_feedback_refers_to_a_decision(run: Run) -> None:
    gateway = run()
    made = gateway.chat(EASY).headers["x-router-decision-id"]
    post = gateway.client.post
    assert post("/v1/feedback", json={"decision_id": made, "rating": "good"}).json()["stored"]
    unknown = post("/v1/feedback", json={"decision_id": "x", "score": 1})
    assert unknown.status_code == 404
    wrong = post("/v1/feedback", json={"decision_id": made, "score": 2})
    assert wrong.status_code == 400


def test_the_caps_hold_and_the_request_stays_local(run: Run, cloud: upstream.Upstream) -> None:
    gateway = run(budget_day_usd=0.0053)
    tiers = [gateway.chat(HARD) for _ in range(12)]
    names = [t.headers["x-router-tier"] for t in tiers]
    assert names[0] == "cloud"
    assert names[-1] == "local"
    assert tiers[-1].headers["x-router-rule"] == "budget"
    spent = sum(r["cost_usd"] for r in gateway.rows())
    assert 0 < spent <= 0.0053
    named = gateway.chat(HARD, model="cloud")
    assert named.status_code == 402
    assert named.json()["error"]["code"] == "budget_exceeded"


def test_settings_are_taken_without_a_restart_and_wrong_ones_are_not(run: Run) -> None:
    gateway = run()
    service = gateway.service
    before = service.policy.version

    def reload(**settings: object) -> bool:
        gateway.settings = gateway.settings.model_copy(update=settings)
        done = asyncio.run_coroutine_threadsafe(service.reload(), gateway.loop)
        return done.result(20)

    assert reload(threshold=-1.0)
    assert service.policy.version != before
    assert gateway.chat(EASY).headers["x-router-tier"] == "cloud"
    assert not reload(version="no-such-version")
    assert gateway.chat(EASY).headers["x-router-tier"] == "cloud"


def test_a_long_request_is_read_beside_the_event_loop(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway, readers = run(), []

    def reading(*given: object) -> object:
        readers.append(threading.get_ident())
        return request_from_body(*given)  # type: ignore[arg-type]

    monkeypatch.setattr("router.engine.call.request_from_body", reading)
    turn = {"role": "user", "content": EASY}
    body = {"model": "auto", "messages": [turn, {**turn, "role": "assistant"}, turn]}
    loop = asyncio.run_coroutine_threadsafe(_thread(), gateway.loop).result(60)
    gateway.client.post("/v1/chat/completions", json=body)
    assert readers == [loop]
    body["messages"] = [*body["messages"], *[{**turn, "role": "assistant"}, turn] * 1000]  # type: ignore[misc]
    assert gateway.client.post("/v1/chat/completions", json=body).status_code == 200
    assert len(readers) == 2 and readers[1] != loop
    body["messages"] = [7] * 40_000
    assert gateway.client.post("/v1/chat/completions", json=body).status_code == 400


async def _thread() -> int:
    return threading.get_ident()


def test_a_model_that_was_replaced_leaves_the_memory_with_its_last_request(run: Run) -> None:
    gateway = run()
    service = gateway.service
    gateway.chat(EASY)
    old = weakref.ref(service.policy.router)
    gc.disable()  # as good as it is in a gateway: what is loaded stays for long
    try:
        under_way = [service.policy]  # as every request keeps the policy that it began with
        asyncio.run_coroutine_threadsafe(service.reload(), gateway.loop).result(60)
        assert old() is not service.policy.router
        assert old() is under_way[0].router
        under_way.clear()
        assert old() is None
    finally:
        gc.enable()


def test_health_and_metrics_tell_the_state_without_any_text(run: Run) -> None:
    gateway = run()
    gateway.chat("What is a zebrafish?")
    ready = gateway.client.get("/readyz")
    assert ready.status_code == 200
    assert ready.json() == {"ready": True, "local": "ok", "cloud": "ok", "log": "ok"}
    text = gateway.client.get("/metrics").text
    assert (
        'router_requests_total{api="openai",rule="learned",status="200",tier="local"} 1.0' in text
    )
    assert "zebrafish" not in text


def test_models_are_listed_for_both_sdks(run: Run) -> None:
    listed = run().client.get("/v1/models").json()
    assert [m["id"] for m in listed["data"]] == [
        "auto",
        "local",
        "cloud",
        "small",
        "claude-sonnet-5-5",
    ]
    assert listed["object"] == "list"
    assert listed["has_more"] is False


def test_the_default_cloud_model_is_the_newest_sonnet_that_the_sdk_knows() -> None:
    from typing import get_args

    from anthropic.types.model_param import ModelParam

    from router.settings import Settings

    known = [name for union in get_args(ModelParam) for name in get_args(union)]
    sonnets = [n for n in known if "-sonnet-" in n and not n.rsplit("-", 1)[-1].startswith("20")]
    newest = max(sonnets, key=lambda n: [int(p) for p in n.split("-sonnet-")[1].split("-")])
    assert Settings.model_fields["cloud_model"].default == newest


@pytest.mark.servers
def test_importing_the_router_brings_nothing_of_the_gateway_along() -> None:
    import subprocess
    import sys

    code = (
        "import sys, router; print([m for m in ('httpx', 'aiohttp', 'starlette', 'sqlalchemy', "
        "'alembic', 'detect_secrets', 'phonenumbers', 'torch', 'mlflow', 'pandas') "
        "if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
