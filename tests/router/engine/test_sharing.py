"""Gateways that share a log as one: what one learned, the others know."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine
from typer.testing import CliRunner

from router.cli.main import app
from router.errors import ConfigError
from router.gateway.auth import hash_of
from router.outcomes.shared import Note, named, tell
from tests.router.engine.test_agents import ask
from tests.router.wire.test_conversations import thinking
from tests.servers import agents, upstream
from tests.servers.fixtures import Run
from tests.servers.postgres import database
from tests.servers.running import EASY, Gateway, until

Two = tuple[Gateway, Gateway]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)])
def shared(request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    """Settings with which gateways share a log."""
    if request.param == "sqlite":
        yield {"workers": 2}
        return
    url = request.getfixturevalue("postgres_url")
    with database(url, f"shared-{time.time_ns()}") as log_url:
        yield {"log_url": log_url}


@pytest.fixture
def two(run: Run, shared: dict[str, Any], tmp_path: Path) -> Iterator[Two]:
    made = run(**shared, journal_dir=tmp_path / "1"), run(**shared, journal_dir=tmp_path / "2")
    yield made
    for gateway in made:  # before their database goes
        gateway.__exit__()


def told(gateway: Gateway, kind: str) -> dict[str, str]:
    """What the log has for others, as soon as there is something."""
    return until(lambda: named(gateway.service.log.engine, kind))


def test_a_loop_stays_where_it_is_on_whichever_gateway_its_steps_land(
    two: Two, local: upstream.Upstream, cloud: upstream.Upstream
) -> None:
    local.script, cloud.script = agents.home, agents.Cloud().script
    first, second = two
    turns = [agents.asked(EASY)]
    opened = first.client.post(
        "/v1/messages", json=agents.request(turns), headers={"x-router-tier": "cloud"}
    ).json()
    told(first, "conversation")
    turns += [{"role": "assistant", "content": opened["content"]}, agents.result(opened)]
    step = ask(second, turns)
    assert (step["headers"]["x-router-tier"], step["headers"]["x-router-rule"]) == ("cloud", "loop")
    # And what it costs is known there too: the cloud's cache holds what the first one sent.
    assert second.service.conversations._known.keys() == first.service.conversations._known.keys()


def test_thinking_goes_back_to_its_model_through_another_gateway(
    two: Two, cloud: upstream.Upstream
) -> None:
    cloud.script = thinking
    first, second = two
    asked = [{"role": "user", "content": EASY}]
    more: dict[str, Any] = {"model": "cloud", "max_tokens": 99, "thinking": {"type": "adaptive"}}
    said = first.client.post("/v1/messages", json={"messages": asked, **more}).json()
    told(first, "signature")
    asked += [{"role": "assistant", "content": said["content"]}, {"role": "user", "content": "On."}]
    second.client.post("/v1/messages", json={"messages": asked, **more})
    sent = cloud.asked[-1].body["messages"][1]["content"]
    assert "thinking" in [block["type"] for block in sent]


def test_one_failure_is_enough_where_another_gateway_found_many(
    two: Two, cloud: upstream.Upstream
) -> None:
    async def broken(connection: upstream.Connection, got: upstream.Got) -> None:
        await connection.json({"error": {"message": "no"}}, 400 if got.method == "GET" else 500)

    cloud.script = broken
    first, second = two
    while not first.service.breakers["cloud"].open:
        first.chat(EASY, model="cloud")
    told(first, "breaker")
    until(lambda: second.service.breakers["cloud"]._failures)
    before = len(cloud.asked)
    second.chat(EASY, model="cloud")
    assert second.service.breakers["cloud"].open
    assert len(cloud.asked) - before == 1


def test_what_one_answered_can_be_gone_on_with_read_and_rated_on_another_at_once(two: Two) -> None:
    first, second = two
    for _ in range(5):
        body = {"model": "local", "input": EASY}
        made = first.client.post("/v1/responses", json=body)
        name, decision = made.json()["id"], made.headers["x-router-decision-id"]
        assert second.client.get(f"/v1/responses/{name}").status_code == 200
        more = {"model": "local", "input": "And then?", "previous_response_id": name}
        assert second.client.post("/v1/responses", json=more).status_code == 200
        rating = {"decision_id": decision, "rating": "good"}
        assert second.client.post("/v1/feedback", json=rating).status_code == 200


def test_all_explore_at_the_one_rate_that_is_set(
    run: Run, shared: dict[str, Any], tmp_path: Path
) -> None:
    rate = 0.25
    both = [
        run(**shared, exploration=rate, journal_dir=tmp_path / str(number)) for number in range(2)
    ]
    for number in range(20):
        both[number % 2].chat(f"{EASY} {number}")
    both[0].flush()
    with both[1].engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT propensity, explored FROM decisions").all()
    # Each request is drawn for by itself, so it makes no difference how many gateways draw.
    assert {(p, bool(e)) for p, e in rows} <= {(1 - rate, False), (rate, True)}
    assert len(rows) == 20
    for gateway in both:
        gateway.__exit__()


def test_no_word_is_shared_and_of_what_is_not_kept_nothing(
    two: Two, local: upstream.Upstream, cloud: upstream.Upstream
) -> None:
    local.script, cloud.script = agents.home, agents.Cloud().script
    first, _ = two
    ask(first, [agents.asked("Tell me about the zebrafish, ann.lee@mail.example.org")])
    ask(first, [agents.asked("Tell me about the axolotl.")])
    (kept,) = told(first, "conversation").values()
    assert "axolotl" not in kept and json.loads(kept)["tier"] == "local"


def test_what_another_version_says_otherwise_is_passed_over(
    two: Two, local: upstream.Upstream, cloud: upstream.Upstream
) -> None:
    local.script, cloud.script = agents.home, agents.Cloud().script
    first, second = two
    turns = [agents.asked(EASY)]
    opened = ask(first, turns)
    (name,) = told(first, "conversation")
    tell(first.service.log.engine, Note("conversation", name, '{"tier": 1}'))
    tell(first.service.log.engine, Note("of tomorrow", "x", "y"))
    turns += [{"role": "assistant", "content": opened["content"]}, agents.result(opened)]
    assert ask(second, turns)["headers"]["x-router-tier"] == "local"
    assert not [task.said for task in second.service.tasks if task.failing]


@pytest.mark.servers
def test_nobody_waits_for_what_others_remember_longer_than_a_moment(
    run: Run, postgres_url: str, tmp_path: Path, local: upstream.Upstream
) -> None:
    local.script = agents.home
    with database(postgres_url, f"slow-{time.time_ns()}") as log_url:
        gateway = run(log_url=log_url, journal_dir=tmp_path / "1")
        turns = [agents.asked(EASY)]
        opened = ask(gateway, turns)
        turns += [{"role": "assistant", "content": opened["content"]}, agents.result(opened)]
        gateway.service.conversations._known.clear()
        engine = create_engine(log_url)
        with engine.begin() as connection:
            connection.exec_driver_sql("LOCK TABLE shared IN ACCESS EXCLUSIVE MODE")
            for _ in range(20):  # more than there are threads
                assert ask(gateway, turns)["headers"]["x-router-tier"] == "local"
                gateway.service.conversations._known.clear()
        engine.dispose()
        gateway.__exit__()


def test_a_single_gateway_on_a_file_shares_nothing(run: Run) -> None:
    gateway = run()
    assert gateway.service.shared is None
    assert "shared" not in {task.name for task in gateway.service.tasks}


@pytest.mark.servers
def test_a_key_in_the_log_opens_every_gateway_until_it_is_taken_back(
    run: Run, postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database(postgres_url, f"keys-{time.time_ns()}") as log_url:
        monkeypatch.setenv("ROUTER_LOG_URL", log_url)
        made = CliRunner().invoke(app, ["key", "laptop", "--log"])
        key = next(word for word in made.output.split() if word.startswith("rk-"))
        own = {"phone": hash_of("rk-phone")}
        first = run(log_url=log_url, api_keys=own, journal_dir=tmp_path / "1")
        with_it = {"authorization": f"Bearer {key}"}
        assert first.chat(EASY, headers=with_it).status_code == 200  # it knows from its start on
        other = CliRunner().invoke(app, ["key", "tablet", "--log"])
        later = {"x-api-key": next(w for w in other.output.split() if w.startswith("rk-"))}
        until(lambda: first.chat(EASY, headers=later).status_code == 200)
        assert CliRunner().invoke(app, ["key", "laptop", "--revoke"]).exit_code == 0
        until(lambda: first.chat(EASY, headers=with_it).status_code == 401)
        assert first.chat(EASY, headers={"x-api-key": "rk-phone"}).status_code == 200
        first.flush()
        with first.engine.connect() as connection:
            names = connection.exec_driver_sql("SELECT DISTINCT key FROM decisions").scalars().all()
        assert set(names) == {"laptop", "tablet", "phone"}
        first.__exit__()


def test_a_key_is_not_put_into_a_log_that_nobody_shares(tmp_path: Path) -> None:
    refused = CliRunner().invoke(app, ["key", "laptop", "--log"])
    assert isinstance(refused.exception, ConfigError)
