"""The person's words in what real clients send; recordings in `wrapped/`, texts shortened."""

import json
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from router.decide.router import Router
from router.text.request import request_from_body, request_from_messages
from router.types import Loop, Request

WRAPPED = Path(__file__).with_name("wrapped")
REQUESTS = (WRAPPED / "requests.txt").read_text(encoding="utf-8").splitlines()
RECORDED = {path.stem: json.loads(path.read_text("utf-8")) for path in WRAPPED.glob("*.json")}
# How named clients ask in the background, then one that nobody named, then what a person asks.
BACKGROUND = json.loads(Path(__file__).with_name("background.json").read_text(encoding="utf-8"))
CLOSE = 0.03  # how far a wrapped request's probability may lie from the bare one's


def wrapped(recorded: dict[str, Any], text: str) -> dict[str, Any]:
    body = json.dumps(recorded["body"]).replace("{request}", json.dumps(text)[1:-1])
    read: dict[str, Any] = json.loads(body)
    return read


def viewed(recorded: dict[str, Any], body: dict[str, Any]) -> Request:
    return request_from_body(body, recorded["api"] == "anthropic")


def user(content: object) -> dict[str, Any]:
    return {"role": "user", "content": content}


def said(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


def test_the_recordings_are_of_five_named_clients_and_an_unknown_one() -> None:
    clients = {"claude-code", "codex", "aider", "continue", "open-webui", "unknown"}
    assert {recorded["client"].split("-", 2)[0] for recorded in RECORDED.values()} == {
        name.split("-", 2)[0] for name in clients
    }
    assert len(REQUESTS) == 100


@pytest.mark.parametrize("name", sorted(RECORDED))
def test_a_wrapped_request_is_judged_like_the_bare_one(name: str) -> None:
    recorded, router = RECORDED[name], Router.load()
    requests = [viewed(recorded, wrapped(recorded, text)) for text in REQUESTS]
    assert [request.text for request in requests] == REQUESTS
    apart = router.predict_batch(requests).p_local - router.predict_batch(REQUESTS).p_local
    assert np.abs(apart).max() <= CLOSE
    for request, text in zip(requests, REQUESTS, strict=True):
        assert (request.chars, request.turns, request.tools) == (len(text), 1, 0)
        assert request.client
        assert request.unjudged_chars > 0
        assert not request.background


@pytest.mark.parametrize("name", sorted(RECORDED))
def test_so_is_what_follows_in_a_conversation(name: str) -> None:
    recorded, router = RECORDED[name], Router.load()
    body = wrapped(recorded, "Name a river of Europe.")
    again = wrapped(recorded, "And another one?")["messages"][-1]
    if again["role"] == "system":  # that its client puts after the person's turn
        again = wrapped(recorded, "And another one?")["messages"][-2]
    body["messages"] += [said("The Rhine."), again]
    bare = [user("Name a river of Europe."), said("The Rhine."), user("And another one?")]
    one, other = viewed(recorded, body), request_from_messages(bare)
    assert (one.text, one.turns, one.chars) == (other.text, other.turns, other.chars)
    found = router.predict_batch([one, other]).p_local
    assert abs(found[0] - found[1]) <= CLOSE


def test_a_step_of_a_loop_is_judged_by_the_request_that_opened_it() -> None:
    recorded = RECORDED["claude-code"]
    body = wrapped(recorded, "Which tests fail?")
    opening = viewed(recorded, body)
    for number in range(3):
        use = {"type": "tool_use", "id": f"t{number}", "name": "Bash", "input": {"n": number}}
        printed = "Prove Zorn's lemma. " * 400
        result = {"type": "tool_result", "tool_use_id": f"t{number}", "content": printed}
        reminder = {"type": "text", "text": "<system-reminder>Be quick.</system-reminder>"}
        turn = {"role": "assistant", "content": [{"type": "text", "text": "I look."}, use]}
        body["messages"] += [turn, user([result, reminder])]
    step = viewed(recorded, body)
    assert (step.text, step.chars, step.turns) == (opening.text, opening.chars, opening.turns)
    assert step.loop == Loop(steps=3)
    assert step.unjudged_chars > 3 * 8000
    body["messages"] += [said("Two of them."), user("Thanks. And which are slow?")]
    after = viewed(recorded, body)
    assert after.loop is None
    assert after.turns == 3  # whatever was done in between
    assert after.chars < 200


def test_failures_repeats_and_broken_calls_of_a_loop_are_counted_to_its_end() -> None:
    def step(arguments: str, result: str) -> list[dict[str, Any]]:
        call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": arguments}}
        return [
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "1", "content": result},
        ]

    def loop(*steps: list[dict[str, Any]]) -> Loop | None:
        return request_from_messages([user("Go."), *chain(*steps)]).loop

    good, bad = step('{"a": 1}', "fine"), step('{"a": 2}', "Error: no such file")
    assert loop(bad, good) == Loop(steps=2)
    assert loop(good, bad, bad) == Loop(steps=3, failed=2, repeats=1)
    assert loop(good, step('{ "a":1 }', "fine")) == Loop(steps=2, repeats=1)
    assert loop(step("{a", "What?"), step('{"b": 1', "What?")) == Loop(steps=2, malformed=2)
    assert loop(step("[1]", "")) == Loop(steps=1, malformed=1)
    shell = (
        "Chunk ID: 1\nWall time: 0.1 seconds\nProcess exited with code 2\nOutput:\nfile not found"
    )
    assert loop(step("{}", shell)) == Loop(steps=1, failed=1)
    assert loop(step("{}", shell.replace("code 2", "code 0"))) == Loop(steps=1)
    unknown = "<tool_use_error>Error: No such tool available: Bsh</tool_use_error>"
    assert loop(step("{}", unknown)) == Loop(steps=1, failed=1, malformed=1)


@pytest.mark.parametrize("case", BACKGROUND, ids=lambda case: case["messages"][-1]["content"][:30])
def test_calls_in_the_background_are_known_by_how_they_open(case: dict[str, Any]) -> None:
    assert request_from_messages(case["messages"]).background == case["task"]


def test_what_a_person_writes_in_tags_and_fences_stays() -> None:
    for text in (
        "Make <b>this</b> bold and explain <system> in HTML.",
        "Explain:\n<context>\nshort\n</context>",
        "```python\ndef f(): ...\n```\nWhat is wrong?",
        "An open <system-reminder> that nobody closes.",
        "<system-reminder>All of it is tagged.</system-reminder>",
        "```src/a.py\nx = 1\n```",
    ):
        assert request_from_messages([user(text)]).text == text


def test_what_a_client_repeats_from_turn_to_turn_is_not_the_person_s() -> None:
    rules = "Always answer in the house style. " * 10
    turns = [user(f"{rules}\n\nName a river."), said("The Rhine."), user(f"{rules}\n\nA lake?")]
    assert request_from_messages(turns).text.endswith("\nA lake?")
    assert rules not in request_from_messages(turns).text.split("\n")[-1]
    system = {"role": "system", "content": "You are kind.\n\nReply in English."}
    assert request_from_messages([system, user("Hi.\n\nReply in English.")]).text == "Hi."


@pytest.mark.parametrize(
    "unit",
    [
        "<system-reminder>",
        "<system-reminder></system-reminder>",
        "</system-reminder>",
        "<",
        "<a " + "x" * 300,
        "```a.b\n\n```\n",
        "\n\n",
        "### Task:\nRespond to the user query using the provided context</context>",
    ],
)
def test_a_megabyte_of_hostile_text_is_read_to_its_end(unit: str) -> None:
    text = unit * (1_000_000 // len(unit)) + " Say hi."  # in squares it would take hours
    assert request_from_messages([user(text)]).text.endswith("Say hi.")
