"""What coding agents ask: small calls, loops that stay, and a price that knows the cache."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from router.decide.router import Router
from router.engine.expected import Prefix, expected
from router.engine.rules import Facts, LoopFacts, TierStatus, decide
from router.outcomes.savings import savings
from router.prices import Prices, price_usd
from router.threshold import Money
from router.types import Request, Tier
from router.wire.summary import Usage
from tests.router.engine.test_rules import predicted
from tests.servers import agents, upstream
from tests.servers.fixtures import Run
from tests.servers.running import EASY, HARD, Gateway

HOME, AFAR = TierStatus(model="small"), TierStatus(model="big")


def step(home: Tier | None, decided: Tier = "local", trouble: str = "", **facts: Any) -> Facts:
    loop = LoopFacts(step=2, home=home, trouble=trouble)
    return Facts(
        **{"local": HOME, "cloud": AFAR, "decision": predicted(decided)} | facts, loop=loop
    )


@pytest.mark.parametrize(
    ("facts", "rule", "tier"),
    [
        (step("local", "cloud"), "loop", "local"),
        (step("cloud", "local"), "loop", "cloud"),
        (step(None, "cloud"), "learned", "cloud"),
        (step("local", trouble="3 errors of tools in a row"), "loop", "cloud"),
        (step(None, "local", trouble="3 errors of tools in a row"), "loop", "cloud"),
        (step("cloud", trouble="3 errors of tools in a row"), "loop", "cloud"),
        (step("cloud", named="local"), "explicit", "local"),
        (step("cloud", private=("email",)), "private", "local"),
        (step("local", local=TierStatus(model="s", lacks="It takes no tools.")), "limits", "cloud"),
        (step("cloud", cloud=TierStatus(model="b", over_budget="Spent.")), "budget", "local"),
    ],
)
def test_a_step_stays_where_its_loop_is_unless_there_is_a_reason(
    facts: Facts, rule: str, tier: str
) -> None:
    plan = decide(facts)
    assert (plan.rule, plan.tier) == (rule, tier)
    assert plan.may_escalate == (tier == "local" and rule == "loop")
    if facts.loop is not None and facts.loop.trouble and facts.loop.home != "cloud":
        assert facts.loop.trouble in plan.reason


def test_a_call_in_the_background_stays_local_where_it_can() -> None:
    facts = Facts(local=HOME, cloud=AFAR, decision=predicted("cloud"), background="title")
    assert (decide(facts).rule, decide(facts).tier) == ("background", "local")
    assert decide(facts).fallback == "cloud"
    lacking = TierStatus(model="small", lacks="The window is too small.")
    plan = decide(Facts(local=lacking, cloud=AFAR, background="compaction"))
    assert (plan.rule, plan.tier) == ("limits", "cloud")


def ask(gateway: Gateway, turns: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    answer = gateway.client.post("/v1/messages", json=agents.request(turns, **more))
    assert answer.status_code == 200, answer.text
    return {**answer.json(), "headers": answer.headers}


SUGGEST = "[SUGGESTION MODE: Suggest what the user might naturally type next into it]"
SESSION = (EASY, "Name the river of Europe that flows through Vienna, and its source.", HARD)


def played(gateway: Gateway, texts: tuple[str, ...]) -> list[Mapping[str, str]]:
    """A session of an agent; the headers of the first answer to each text."""
    turns: list[dict[str, Any]] = []
    opened: list[Mapping[str, str]] = []
    for text in texts:
        ask(gateway, [agents.asked(f"<session>\n{text}\n</session>\n\nTitle:")], tools=())
        turns.append(agents.asked(text))
        answer = ask(gateway, turns)
        opened.append(answer["headers"])
        while answer["stop_reason"] == "tool_use":
            turns += [{"role": "assistant", "content": answer["content"]}, agents.result(answer)]
            answer = ask(gateway, turns)
        turns.append({"role": "assistant", "content": answer["content"]})
        ask(gateway, [*turns, agents.asked(SUGGEST)])
    return opened


def said_bare(gateway: Gateway, texts: tuple[str, ...]) -> list[Mapping[str, str]]:
    """The same conversation without an agent."""
    turns: list[dict[str, str]] = []
    out: list[Mapping[str, str]] = []
    for text in texts:
        turns.append({"role": "user", "content": text})
        body = {"model": "auto", "messages": turns}
        out.append(gateway.client.post("/v1/chat/completions", json=body).headers)
        turns.append({"role": "assistant", "content": "That is done."})
    return out


def test_a_session_of_twenty_turns_keeps_its_small_calls_at_home(
    run: Run, local: upstream.Upstream, cloud: upstream.Upstream
) -> None:
    local.script, cloud.script = agents.home, agents.Cloud().script
    gateway = run()
    wrapped = played(gateway, SESSION)
    rows = gateway.rows()
    bare = said_bare(gateway, SESSION)
    for one, other in zip(wrapped, bare, strict=True):
        apart = float(one["x-router-p-local"]) - float(other["x-router-p-local"])
        assert abs(apart) <= 0.03
        assert one["x-router-tier"] == other["x-router-tier"]
    small = [row for row in rows if row["kind"] in ("title", "suggestion")]
    assert len(rows) >= 20
    assert len(small) == 2 * len(SESSION)
    assert {(row["rule"], row["tier"]) for row in small} == {("background", "local")}
    assert {row["rule"] for row in rows if row["kind"] == "step"} == {"loop"}
    # Both easy requests and their loops at home, then the hard one and its loop in the cloud.
    person = [row["tier"] for row in rows if row["kind"] in ("request", "step")]
    each = 1 + agents.STEPS
    assert person == ["local"] * 2 * each + ["cloud"] * each


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"printed": "Error: no such file", "failed": True}, "errors of tools in a row"),
        (
            {"printed": "<tool_use_error>InputValidationError</tool_use_error>"},
            "no tool could take",
        ),
    ],
)
def test_a_failing_loop_moves_to_the_cloud_and_stays_there(
    run: Run,
    local: upstream.Upstream,
    cloud: upstream.Upstream,
    wrong: dict[str, Any],
    words: str,
) -> None:
    local.script, cloud.script = agents.home, agents.Cloud().script
    gateway = run()
    turns = [agents.asked(EASY)]
    for _ in range(4):
        answer = ask(gateway, turns)
        turns += [
            {"role": "assistant", "content": answer["content"]},
            agents.result(answer, **wrong),
        ]
    turns[-1] = agents.result(answer)  # and then all is well
    ask(gateway, turns)
    tiers = [row["tier"] for row in gateway.rows()]
    assert tiers[0] == "local"
    assert tiers[-2:] == ["cloud", "cloud"]
    moved = next(row for row in gateway.rows() if row["tier"] == "cloud")
    assert moved["rule"] == "loop"
    assert words in moved["reason"]


def test_loops_that_are_free_are_decided_at_each_step(
    run: Run, local: upstream.Upstream, cloud: upstream.Upstream
) -> None:
    local.script, cloud.script = agents.home, agents.Cloud().script
    gateway = run(loops="free")
    played(gateway, (EASY,))
    assert {row["rule"] for row in gateway.rows() if row["kind"] == "step"} == {"learned"}


def test_in_a_loop_the_verifier_must_doubt_twice(
    run: Run, local: upstream.Upstream, cloud: upstream.Upstream
) -> None:
    local.script, cloud.script = agents.home, agents.Cloud().script
    gateway = run(cascade="checks", threshold=-0.9)  # of which the verifier is never convinced
    gateway.client.headers["x-router-tier"] = "local"
    turns = [agents.asked(EASY)]
    answer = ask(gateway, turns)
    del gateway.client.headers["x-router-tier"]
    for _ in range(3):
        turns += [{"role": "assistant", "content": answer["content"]}, agents.result(answer)]
        answer = ask(gateway, turns)
    rows = gateway.rows()
    assert [row["tier"] for row in rows] == ["local", "local", "cloud", "cloud"]
    assert [row["escalated"] for row in rows] == [0, 0, 1, 0]


def priced(gateway: Gateway, text: str) -> list[float]:
    """A session of 30 turns with the cloud; what each was expected to cost, in dollars."""
    turns: list[dict[str, Any]] = [agents.asked(text)]
    guessed = []
    for number in range(30):
        guessed.append(json.loads(explained(gateway, turns))["est_cloud_usd"])
        answer = ask(gateway, turns, model="cloud")
        turns.append({"role": "assistant", "content": answer["content"]})
        if answer["stop_reason"] == "tool_use":
            turns.append(agents.result(answer, f"Line {number} of what was printed. " * 40))
        else:
            turns.append(agents.asked(f"And then, for the {number}th time, go on."))
    return guessed


def test_the_expected_price_of_a_session_is_what_its_usage_costs(
    run: Run, local: upstream.Upstream, cloud: upstream.Upstream
) -> None:
    cloud.script = agents.Cloud().script
    gateway = run()
    guessed = priced(gateway, HARD)
    rows = gateway.rows()
    paid = [row["cost_usd"] for row in rows]
    assert len(paid) == 30
    assert sum(guessed) == pytest.approx(sum(paid), rel=0.15)
    full = sum(price_usd(row["model"], row["input_tokens"], row["output_tokens"]) for row in rows)
    assert full > 1.5 * sum(paid)
    assert sum(row["cache_usd"] for row in rows) == pytest.approx(full - sum(paid))
    assert [row["switch_usd"] for row in rows] == [0.0] * 30


def test_each_turn_s_price_is_right_but_for_the_length_of_its_answer(
    run: Run, local: upstream.Upstream, cloud: upstream.Upstream
) -> None:
    cloud.script = agents.Cloud(lengths=[240]).script
    gateway = run(output_tokens=240)
    guessed = priced(gateway, HARD) + priced(gateway, f"In other words: {HARD}")
    rows = gateway.rows()
    assert guessed == pytest.approx([row["cost_usd"] for row in rows], rel=0.15)
    # The second session began with what the first had left in the cache: tools and system text.
    assert rows[0]["cache_read"] == 0 < 2500 < rows[30]["cache_read"]


def test_a_new_conversation_answers_at_the_length_of_its_like(
    run: Run, local: upstream.Upstream, cloud: upstream.Upstream
) -> None:
    cloud.script = agents.Cloud(lengths=[240]).script
    gateway = run(output_tokens=5000)
    guessed = []
    for text in (HARD, f"In other words: {HARD}"):
        guessed.append(json.loads(explained(gateway, [agents.asked(text)]))["est_cloud_usd"])
        ask(gateway, [agents.asked(text)], model="cloud")
    first, second = (row["cost_usd"] for row in gateway.rows())
    assert guessed[0] > 3 * first
    assert guessed[1] == pytest.approx(second, rel=0.15)


def explained(gateway: Gateway, turns: list[dict[str, Any]]) -> str:
    """The decision without the call."""
    headers = {"anthropic-version": "2023-06-01"}
    body = agents.request(turns, model="cloud")
    return gateway.client.post("/v1/route", json=body, headers=headers).text


def test_coming_back_to_the_cloud_costs_a_prefix_and_the_savings_say_so(
    run: Run, local: upstream.Upstream, cloud: upstream.Upstream
) -> None:
    local.script, cloud.script = agents.home, agents.Cloud().script
    gateway = run()
    turns: list[dict[str, Any]] = [agents.asked(EASY)]
    for model in ("local", "local", "cloud", "cloud"):
        answer = ask(gateway, turns, model=model)
        turns += [{"role": "assistant", "content": answer["content"]}, agents.result(answer)]
    rows = gateway.rows()
    assert [row["switch_usd"] > 0 for row in rows] == [False, False, True, False]
    # Had the cloud answered all turns, the second would have read what the first wrote.
    assert rows[1]["cloud_usd"] < 0.6 * rows[0]["cloud_usd"]
    found = savings(gateway.engine)
    assert found.switch_usd == pytest.approx(rows[2]["switch_usd"])
    assert found.cache_usd == pytest.approx(sum(row["cache_usd"] for row in rows))
    assert found.spent_usd == pytest.approx(sum(row["cost_usd"] for row in rows))


def test_a_cloud_that_reads_by_itself_is_expected_to_read_again() -> None:
    usage = Usage(input_tokens=10_000, output_tokens=100, cache_read=8_000)
    prefix = Prefix.left_by("claude-sonnet-5-5", usage, 40_000, at=0.0, before=None)
    soon, late = (
        expected(
            "claude-sonnet-5-5",
            42_000,
            now,
            prices=Prices(),
            prefix=prefix,
            caches=False,
            output_tokens=500,
        )
        for now in (10.0, 1000.0)
    )
    assert soon.cloud_usd == pytest.approx(price_usd("claude-sonnet-5-5", 10_500, 100, 8_000))
    assert late.cloud_usd == pytest.approx(price_usd("claude-sonnet-5-5", 10_500, 100))
    assert soon.leaving_usd > 0 == late.leaving_usd
    other = expected(
        "claude-haiku-4-5",
        42_000,
        10.0,
        prices=Prices(),
        prefix=prefix,
        caches=False,
        output_tokens=1,
    )
    assert other.cloud_usd == pytest.approx(price_usd("claude-haiku-4-5", 10_500, 100))


def test_money_weighs_what_leaving_the_cloud_costs() -> None:
    router = Router.load(operating_point=Money(value_usd=0.1))
    request = Request(text=EASY, chars=len(EASY), cloud_usd=0.02)
    plain, leaving = (router.decide(r) for r in (request, replace(request, leaving_usd=0.005)))
    assert plain.threshold == pytest.approx(0.2)
    assert leaving.threshold == pytest.approx(0.15)
    assert plain.est_cost_usd == leaving.est_cost_usd == 0.02
