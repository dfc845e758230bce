"""The page's addresses over a whole gateway: who gets what, and what is in it."""

import asyncio
import json
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

from router.gateway.auth import hash_of
from router.gateway.constants import PAGES_OPEN
from router.gateway.page.feed import Feed
from router.gateway.page.kept import KeptAnswers
from router.outcomes import live, queries
from router.registry import artifact as artifacts
from router.registry.artifact import Artifact
from router.registry.registry import Registry
from tests.router.monitor.test_watch import renamed
from tests.servers.fixtures import Run
from tests.servers.running import EASY, HARD, Gateway, until

BROWSER = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
SECRET = "Mail ann@example.org that I shall be late."


def numbers(gateway: Gateway, **headers: str) -> Any:
    """All of them, on a machine that is slow, too."""

    def all_there() -> Any:
        answer = gateway.client.get("/page/numbers", headers=headers)
        assert answer.status_code == 200, answer.text
        told = answer.json()
        return None if told["waiting"] else told

    return until(all_there)


# Whom it answers


def test_a_browser_gets_the_page_and_a_program_what_ollama_says(run: Run) -> None:
    client = run().client
    page = client.get("/", headers=BROWSER)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "<title>hybrid-router</title>" in page.text
    for accept in ("*/*", "application/json", "application/json, text/plain, */*"):
        answer = client.get("/", headers={"accept": accept})
        assert (answer.text, answer.headers["vary"]) == ("Ollama is running", "accept")
    assert client.head("/").status_code == 200


def test_nothing_from_elsewhere_and_nothing_inline_may_run(run: Run) -> None:
    client = run().client
    page = client.get("/", headers=BROWSER)
    policy = page.headers["content-security-policy"]
    assert policy.split("; ") == [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self' data:",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ]
    assert page.headers["x-content-type-options"] == "nosniff"
    for inline in (
        "<style",
        "style=",
        "javascript:",
        " onclick",
        "<script>",
        "http://",
        "https://",
    ):
        assert inline not in page.text


def test_its_files_are_small_known_and_sent_once(run: Run) -> None:
    client = run().client
    page = client.get("/", headers=BROWSER)
    named = {part.split('"')[0] for part in page.text.split('"/page/')[1:]}
    files = {name: client.get(f"/page/{name}") for name in named}
    assert {f.status_code for f in files.values()} == {200} and len(files) >= 10
    assert sum(len(f.content) for f in (page, *files.values())) < 150_000
    tag = files["main.js"].headers["etag"]
    assert client.get("/page/main.js", headers={"if-none-match": tag}).status_code == 304
    for name in ("addresses.py", "../endpoints.py", "..%2f..%2fauth.py", "none.js"):
        assert client.get(f"/page/{name}").status_code == 404


DATA = ("/page/numbers", "/page/curve", "/page/events", "/page/decisions/x")


def test_where_keys_are_set_all_but_the_files_needs_one(run: Run) -> None:
    client = run(api_keys={"laptop": hash_of("rk-1")}).client
    for path in DATA:
        assert client.get(path).status_code == 401
        assert client.get(path, headers={"authorization": "Bearer no"}).status_code == 401
    for path in ("/page/promote", "/page/rollback"):
        assert client.post(path, json={"version": "x"}).status_code == 401
    assert client.get("/", headers=BROWSER).status_code == 200
    assert client.get("/page/main.js").status_code == 200
    assert client.get("/page/numbers", headers={"authorization": "Bearer rk-1"}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"origin": "https://evil.example"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_no_other_page_can_read_it_or_move_a_model(run: Run, headers: dict[str, str]) -> None:
    client = run().client
    for path in DATA:
        assert client.get(path, headers=headers).status_code == 403
    assert client.post("/page/rollback", json={}, headers=headers).status_code == 403


# What is in it


def test_a_request_is_in_the_next_numbers_with_every_rules_word(run: Run) -> None:
    gateway = run(budget_day_usd=5.0)
    gateway.chat(EASY)
    hard = gateway.chat(HARD)
    found = numbers(gateway)
    newest, oldest = found["decisions"]
    assert (newest["text"], newest["tier"], newest["rule"]) == (HARD, "cloud", "learned")
    assert newest["id"] == hard.headers["x-router-decision-id"]
    assert [step["rule"] for step in newest["trail"]][:3] == ["explicit", "private", "limits"]
    assert (oldest["text"], oldest["tier"]) == (EASY, "local")
    whole = gateway.client.get(f"/page/decisions/{oldest['id']}").json()
    assert (whole["text"], whole["answer"]) == (EASY, "Hello there.")
    assert sum(found["traffic"]["local"]) == sum(found["traffic"]["cloud"]) == 1
    money = found["money"]
    paid = money["spent_usd"]
    assert paid > 0 and money["saved_usd"] == pytest.approx(money["all_cloud_usd"] - paid)
    assert money["budgets"] == [
        {"words": "a day", "cap_usd": 5.0, "spent_usd": pytest.approx(paid)}
    ]
    assert found["latency"]["local"]["answers"] == found["latency"]["cloud"]["answers"] == 1
    assert {light["state"] for light in found["lights"]} <= {"good", "warn", "bad", "off"}


def test_an_empty_log_has_numbers_too(run: Run) -> None:
    gateway = run()
    found = numbers(gateway)
    assert (found["decisions"], found["latency"]["local"]) == ([], None)
    assert (found["money"]["saved_usd"], found["money"]["budgets"]) == (0.0, [])
    assert gateway.client.get("/page/curve").json()["points"] == []


def test_the_judges_calls_are_taken_off_what_was_saved(run: Run) -> None:
    gateway = run()
    gateway.chat(HARD)
    service = gateway.service

    async def judged() -> None:
        reservation = await service.ledger.reserve(0.5, None)
        assert not isinstance(reservation, str)
        service.ledger.settle(reservation, 0.25)

    asyncio.run_coroutine_threadsafe(judged(), gateway.loop).result(20)
    service.log.call(lambda connection: None).result(20)  # the writer has come so far
    money = numbers(gateway)["money"]
    assert money["aside_usd"] == pytest.approx(0.25, abs=1e-6)
    assert money["saved_usd"] == pytest.approx(
        money["all_cloud_usd"] - money["spent_usd"] - 0.25, abs=1e-6
    )


def test_no_word_of_a_private_request_is_told(run: Run) -> None:
    gateway = run()
    gateway.chat(SECRET)
    gateway.chat("The plan is X.", headers={"x-router-privacy": "private"})
    found = numbers(gateway)
    told = [json.dumps(found), gateway.client.get("/page/curve").text]
    for one in found["decisions"]:
        assert one["private_kinds"]
        told.append(gateway.client.get(f"/page/decisions/{one['id']}").text)
    for word in ("ann@example.org", "shall be late", "The plan is X"):
        assert not any(word in text for text in told)


def test_no_word_of_a_private_request_is_told_even_if_the_log_had_some(run: Run) -> None:
    gateway = run()
    gateway.chat(SECRET)
    name = gateway.rows()[0]["id"]

    def planted(connection: Any) -> None:
        words = '{"messages": [{"role": "user", "content": "ann@example.org"}]}'
        connection.exec_driver_sql(
            "UPDATE decisions SET request = ?, answer = 'ann@example.org'", (words,)
        )

    gateway.service.log.call(planted).result(20)
    whole = gateway.client.get(f"/page/decisions/{name}").text
    assert "ann@" not in whole and "ann@" not in json.dumps(numbers(gateway))


def test_words_that_were_deleted_are_forgotten_here_too(run: Run) -> None:
    gateway = run()
    gateway.chat(EASY)
    (one,) = numbers(gateway)["decisions"]
    assert one["text"] == EASY
    gateway.service.log.call(queries.forget_words(one["id"])).result(20)
    assert EASY not in json.dumps(numbers(gateway))
    assert EASY not in gateway.client.get(f"/page/decisions/{one['id']}").text


@pytest.mark.parametrize("store", ["features", "none"])
def test_where_no_words_are_kept_none_are_told(run: Run, store: str) -> None:
    gateway = run(store=store)
    gateway.chat(EASY)
    (one,) = numbers(gateway)["decisions"]
    assert (one["text"], one["kept"]) == ("", False)
    assert gateway.client.get(f"/page/decisions/{one['id']}").json()["answer"] is None


def test_of_several_keys_each_sees_its_own_requests_and_an_owner_all(run: Run) -> None:
    keys = {"ann": hash_of("rk-a"), "bob": hash_of("rk-b")}
    gateway = run(api_keys=keys, owners=["ann"])
    gateway.chat(EASY, headers={"x-api-key": "rk-a"})
    gateway.chat(HARD, headers={"x-api-key": "rk-b"})
    ann, bob = (numbers(gateway, **{"x-api-key": k}) for k in ("rk-a", "rk-b"))
    assert [one["key"] for one in ann["decisions"]] == ["bob", "ann"]
    assert [one["key"] for one in bob["decisions"]] == ["bob"]
    assert EASY not in json.dumps(bob)
    of_ann = ann["decisions"][1]["id"]
    client, key = gateway.client, {"x-api-key": "rk-b"}
    assert client.get(f"/page/decisions/{of_ann}", headers=key).status_code == 404
    refused = client.post("/page/rollback", json={}, headers=key)
    assert refused.status_code == 403 and "owners" in refused.json()["error"]["message"]
    assert bob["model"]["may_move"] is False and ann["model"]["may_move"] is True


def test_a_log_that_nobody_can_read_is_shown_without_what_is_broken(run: Run) -> None:
    gateway = run()
    gateway.chat(EASY)

    def broken(connection: Any) -> None:
        connection.exec_driver_sql(
            "UPDATE decisions SET request = '{\"half', trail = '[1', checks = '{}'"
        )

    gateway.service.log.call(broken).result(20)
    (one,) = numbers(gateway)["decisions"]
    assert (one["text"], one["trail"], one["checks"]) == ("", [], [])


def test_an_unknown_span_or_decision_is_a_sentence(run: Run) -> None:
    client = run().client
    told = client.get("/page/numbers?span=year")
    assert told.status_code == 400 and "hour, day" in told.json()["error"]["message"]
    assert client.get("/page/decisions/none").status_code == 404


def test_the_curve_says_what_the_log_shows_and_why_it_cannot(run: Run) -> None:
    gateway = run()
    for _ in range(3):
        gateway.chat(EASY)
    gateway.client.post(
        "/v1/feedback", json={"decision_id": gateway.rows()[0]["id"], "rating": "good"}
    )
    found = gateway.client.get("/page/curve").json()
    assert (found["requests"], found["rated"], found["explored"]) == (3, 1, 0)
    dearest = found["points"][0]
    assert dearest["share"] == 1.0 and dearest["usd"] is None
    assert "no exploration" in dearest["words"]
    assert [b["answers"] for b in found["reliability"]["local"]] == [1]


# While it is asked


def test_a_slow_log_keeps_no_request_waiting(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = run()
    asked, answered = threading.Event(), threading.Event()
    real = live.traffic

    def slow(*given: Any) -> live.Traffic:
        asked.set()
        assert answered.wait(20)
        return real(*given)

    monkeypatch.setattr(live, "traffic", slow)
    told = gateway.client.get("/page/numbers").json()
    assert asked.wait(20)
    assert (told["waiting"], told["traffic"], told["decisions"]) == (True, None, [])
    assert gateway.chat(EASY).status_code == 200
    answered.set()
    until(lambda: sum(numbers(gateway)["traffic"]["local"]) == 1)


def test_one_question_is_worked_out_once_however_many_ask() -> None:
    worked: list[str] = []

    def work() -> str:
        worked.append("once")
        return "answer"

    async def main() -> None:
        kept = KeptAnswers()
        assert (
            await asyncio.gather(*(kept.get("q", 60.0, work) for _ in range(5))) == ["answer"] * 5
        )
        assert await kept.get("q", 60.0, work) == "answer" and len(worked) == 1
        kept.forget()
        await kept.get("q", 0.0, work)
        await kept.get("q", 0.0, work)
        assert len(worked) == 3

        def fail() -> str:
            raise ValueError

        with pytest.raises(ValueError):
            await kept.get("other", 60.0, fail)
        assert await kept.get("other", 60.0, work) == "answer"

    asyncio.run(main())


def test_an_open_page_is_told_that_a_request_has_ended(run: Run) -> None:
    gateway = run()
    with gateway.client.stream("GET", "/page/events") as stream:
        assert stream.headers["content-type"] == "text/event-stream"
        lines = stream.iter_lines()
        assert next(line for line in lines if line.startswith("event")) == "event: open"
        httpx.post(
            f"{gateway.url}/v1/chat/completions",
            json={"model": "auto", "messages": [{"role": "user", "content": SECRET}]},
            timeout=30,
        )
        heard = []
        for line in lines:
            heard.append(line)
            if line == "event: requests":
                break
        assert SECRET not in "".join(heard)


def test_pages_without_end_are_refused_and_all_are_let_go_at_the_end() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def main() -> None:
        feed = Feed()
        told = [asyncio.create_task(feed.tell(send)) for _ in range(PAGES_OPEN)]
        while len(sent) < PAGES_OPEN:
            await asyncio.sleep(0)
        with pytest.raises(Exception, match="close one"):
            feed.opened()
        feed.end()
        await asyncio.wait_for(asyncio.gather(*told), 20)
        feed.opened()

    asyncio.run(main())


# Versions


@pytest.fixture
def models(tmp_path: Path, shipped: Artifact) -> Path:
    folder = tmp_path / "models"
    for name in ("first", "second"):
        artifacts.save(renamed(shipped, name), folder)
    Registry(folder).promote("first")
    return folder


def test_an_owner_promotes_and_rolls_back(run: Run, models: Path) -> None:
    gateway = run(models_dir=models)
    client, service = gateway.client, gateway.service
    assert [v["name"] for v in numbers(gateway)["model"]["versions"]]
    done = client.post("/page/promote", json={"version": "second"})
    assert done.json() == {"version": "second"}
    until(lambda: service.policy.router.version == "second")
    told = numbers(gateway)["model"]
    assert (told["version"], told["previous"]) == ("second", "first")
    assert "by hand" in told["events"][0]["words"]
    assert client.post("/page/rollback", json={}).json() == {"version": "first"}
    for wrong in ("none", "../second", 7):
        answer = client.post("/page/promote", json={"version": wrong})
        assert answer.status_code in (400, 409)
    assert Registry(models).current == "first"


def test_where_the_version_is_set_none_is_exchanged(run: Run, models: Path) -> None:
    gateway = run(models_dir=models, version="first")
    answer = gateway.client.post("/page/promote", json={"version": "second"})
    assert answer.status_code == 409 and Registry(models).current == "first"
