"""Studying and judging logged requests: against scripted backends, and a real small model."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

from router.decide.router import Router
from router.errors import BackendUnreachable, RequestRefused
from router.labelling import judge as judging
from router.labelling.constants import OPINION_TOKENS
from router.labelling.local import Local
from router.labelling.second_opinions import Studied, study
from router.outcomes.database import open_database
from router.outcomes.tables import feedback, opinions
from router.settings import Settings, load_settings
from tests.servers import upstream
from tests.servers.fixtures import Run
from tests.servers.upstream import Connection, Got, Upstream

QUESTIONS = ("What is 17 times 23?", "Name the capital of France.", "What is 12 plus 30?")


async def two_models(connection: Connection, got: Got) -> None:
    """`small` answers 391 to everything, `second` what depends on the question."""
    if got.path == "/v1/models":
        models = [{"id": name, "object": "model"} for name in ("small", "second")]
        return await connection.json({"object": "list", "data": models})
    if got.path != "/v1/chat/completions":
        return await connection.json({"error": "not found"}, 404)
    asked = got.body["messages"][-1]["content"]
    other = "391" if "17" in asked else "It must be Paris, the capital."
    text = "The answer is 391." if got.body["model"] == "small" else other
    return await connection.json(upstream.said(text, got.body["model"]))


def rows(engine: Engine, table: Any) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        return [dict(r) for r in connection.execute(select(table)).mappings()]


def logged(run: Run, local: Upstream, tmp_path: Path) -> Settings:
    """Three answered requests in a log; the settings that lead to it."""
    local.script = two_models
    gateway = run(local_model="small")
    for question in QUESTIONS:
        assert gateway.chat(question, model="local").status_code == 200
    gateway.flush()
    return gateway.settings


def studied(settings: Settings, second: str = "second", **more: Any) -> Studied:
    async def work() -> Studied:
        engine = open_database(settings.log_url)
        try:
            async with Local(settings) as local:
                router = Router.from_settings(settings)
                given = {"budget_s": 60.0, **more}
                return await study(engine, router, local, second=second, **given)
        finally:
            engine.dispose()

    return asyncio.run(work())


def test_study_asks_once_about_each_and_stores_what_agreement_says(
    run: Run, local: Upstream, tmp_path: Path
) -> None:
    settings = logged(run, local, tmp_path)
    done = studied(settings)
    assert (done.stored, done.skipped, done.left) == (3, 0, 0)
    engine = open_database(settings.log_url)
    found = {r["answer"]: r for r in rows(engine, opinions)}
    agrees, differs = found["391"], found["It must be Paris, the capital."]
    assert agrees["p_local"] > differs["p_local"]
    assert json.loads(agrees["agreement"])["equal"] == 1.0
    assert (agrees["model"], agrees["local_model"]) == ("second", "small")
    asked = len(local.asked)
    assert studied(settings).stored == 0 and len(local.asked) == asked


def test_study_stops_with_its_budget_and_goes_on_where_it_was(
    run: Run, local: Upstream, tmp_path: Path
) -> None:
    settings = logged(run, local, tmp_path)
    assert studied(settings, budget_s=0.0).left == 3

    async def once(connection: Connection, got: Got) -> None:
        if got.path == "/v1/chat/completions" and len(rows(engine, opinions)) == 1:
            return await connection.json({"error": "out of memory"}, 500)
        return await two_models(connection, got)

    engine = open_database(settings.log_url)
    local.script = once
    cut_short = studied(settings)
    assert (cut_short.stored, cut_short.skipped) == (1, 2)
    local.script = two_models
    assert studied(settings).stored == 2
    assert len(rows(engine, opinions)) == 3


def test_an_opinion_under_way_is_given_up_when_the_budget_ends(
    run: Run, local: Upstream, tmp_path: Path
) -> None:
    settings = logged(run, local, tmp_path)

    async def never_done(connection: Connection, got: Got) -> None:
        if got.path == "/v1/chat/completions":
            await asyncio.Event().wait()
        await two_models(connection, got)

    local.script = never_done
    done = studied(settings, budget_s=0.3)  # one request may take ten minutes
    assert (done.stored, done.skipped, done.left) == (0, 0, 3)
    local.script = two_models
    assert studied(settings).stored == 3


def test_an_opinion_is_as_long_as_the_client_allowed(
    run: Run, local: Upstream, tmp_path: Path
) -> None:
    local.script = two_models
    gateway = run(local_model="small")
    gateway.chat(QUESTIONS[0], model="local", max_tokens=7)
    gateway.chat(QUESTIONS[1], model="local")
    before = len(local.asked)
    gateway.flush()
    assert studied(gateway.settings).stored == 2
    asked = {g.body["messages"][-1]["content"]: g.body for g in local.asked[before:]}
    limits = [asked[q]["max_tokens"] for q in QUESTIONS[:2]]
    assert limits == [7, OPINION_TOKENS]


def test_study_asks_the_local_model_where_the_cloud_had_answered(
    run: Run, local: Upstream, tmp_path: Path
) -> None:
    local.script = two_models
    gateway = run(local_model="small")
    assert gateway.chat(QUESTIONS[0], model="cloud").headers["x-router-tier"] == "cloud"
    before = len(local.asked)
    gateway.flush()
    assert studied(gateway.settings).stored == 1
    assert [g.body["model"] for g in local.asked[before:]] == ["small", "second"]


def test_the_same_model_is_asked_again_by_sampling(
    run: Run, local: Upstream, tmp_path: Path
) -> None:
    settings = logged(run, local, tmp_path)
    studied(settings, second="small")
    assert local.asked[-1].body["temperature"] > 0


def test_studying_waits_while_the_gateway_is_in_use(
    run: Run, local: Upstream, tmp_path: Path
) -> None:
    settings = logged(run, local, tmp_path)
    done = studied(settings, budget_s=0.2, only_idle=True)
    assert done.stored == 0 and done.left == 3


def test_a_server_that_is_gone_or_lacks_the_model_is_named(
    run: Run, local: Upstream, tmp_path: Path
) -> None:
    settings = logged(run, local, tmp_path)

    async def missing() -> None:
        async with Local(settings) as there:
            there.model("huge")

    with pytest.raises(BackendUnreachable, match="no model huge; it has small, second"):
        asyncio.run(missing())
    gone = load_settings(local_url="http://127.0.0.1:9", log_url=settings.log_url)
    with pytest.raises(BackendUnreachable, match="local server is not there"):
        studied(gone)


async def fair_judge(connection: Connection, got: Got) -> None:
    """Finds 391 good, and whatever stands first if it has no 391."""
    if "answer_A" not in str(got.body["messages"]):
        return await connection.json(upstream.claude_said("17 times 23 is 391."))
    text = got.body["messages"][0]["content"]
    a, b = text.split("<answer_A>")[1].split("<answer_B>")
    verdict = {"A": "391" in a, "B": "391" in b}
    return await connection.json(upstream.claude_said(json.dumps(verdict)))


def judged(settings: Settings, gateway: Any, **more: Any) -> judging.Judged:
    service = gateway.service
    engine = gateway.engine
    found = judging.chosen(engine, service.policy.router, more.pop("count", 10))
    given = {"max_usd": 1.0, "output_tokens": 100, **more}
    work = judging.judge(engine, service.aside, found, settings.cloud_model, **given)
    return asyncio.run_coroutine_threadsafe(work, gateway.loop).result(30)


def test_the_judge_sees_both_orders_and_not_whose_answer_it_is(
    run: Run, local: Upstream, cloud: Upstream
) -> None:
    local.script, cloud.script = two_models, fair_judge
    gateway = run(local_model="small")
    gateway.chat(QUESTIONS[0], model="local")
    done = judged(gateway.settings, gateway)
    assert done.stored == 1 and done.usd > 0
    engine = open_database(gateway.settings.log_url)
    found = {r["tier"]: (r["score"], r["source"]) for r in rows(engine, feedback)}
    assert found == {"local": (1.0, "judge"), "cloud": (1.0, "judge")}
    questions = [g.body["messages"][0]["content"] for g in cloud.asked[1:]]
    assert len(questions) == 2 and questions[0] != questions[1]
    sides = [q.split("<answer_A>")[1].split("</answer_A>")[0].strip() for q in questions]
    assert sides == ["The answer is 391.", "17 times 23 is 391."]
    assert not any(w in str(g.body).lower() for g in cloud.asked[1:] for w in ("local", "small"))
    assert judging.chosen(engine, gateway.service.policy.router, 5) == []  # judged once for all


def test_requests_are_judged_at_random_where_a_floor_shall_rest_on_them(
    run: Run, local: Upstream
) -> None:
    gateway = run(local_model="small")
    for question in QUESTIONS:
        gateway.chat(question, model="local")
    engine, router = gateway.engine, gateway.service.policy.router
    few = len(QUESTIONS) - 1
    drawn = [judging.chosen(engine, router, few, seed, at_random=True) for seed in range(8)]
    assert {len(found) for found in drawn} == {few}
    left_out = {one.id for one in judging.chosen(engine, router, 99)}
    left_out = {min(left_out - {x.id for x in found}) for found in drawn}
    assert len(left_out) > 1


def test_what_a_judge_says_differently_in_two_orders_counts_half(
    run: Run, local: Upstream, cloud: Upstream
) -> None:
    async def first(connection: Connection, got: Got) -> None:
        await connection.json(upstream.claude_said('{"A": true, "B": false}'))

    local.script, cloud.script = two_models, first
    gateway = run(local_model="small")
    gateway.chat(QUESTIONS[0], model="local")
    judged(gateway.settings, gateway)
    engine = open_database(gateway.settings.log_url)
    assert {r["score"] for r in rows(engine, feedback)} == {0.5}


def test_judging_stops_at_its_cap_and_at_the_budget(
    run: Run, local: Upstream, cloud: Upstream
) -> None:
    local.script, cloud.script = two_models, fair_judge
    gateway = run(local_model="small", budget_day_usd=0.000001)
    for question in QUESTIONS:
        gateway.chat(question, model="local")
    assert judged(gateway.settings, gateway, max_usd=0.0).stored == 0
    with pytest.raises(RequestRefused) as refused:
        judged(gateway.settings, gateway)
    assert refused.value.status == 402
    assert cloud.asked == []


def test_nothing_private_is_shown_to_the_judge(run: Run, local: Upstream, cloud: Upstream) -> None:
    async def telling(connection: Connection, got: Got) -> None:
        if got.path != "/v1/chat/completions":
            return await two_models(connection, got)
        return await connection.json(upstream.said("Write to jane.doe@example.org, she knows."))

    local.script, cloud.script = telling, fair_judge
    gateway = run(local_model="small")
    gateway.chat("Whom can I ask about the garden?", model="local")
    gateway.chat("My card is 4111 1111 1111 1111, is that valid?", model="auto")
    done = judged(gateway.settings, gateway)
    assert (done.stored, done.skipped) == (0, 1)  # the private request was never stored
    assert all("jane.doe" not in g.raw.decode() for g in cloud.asked)
