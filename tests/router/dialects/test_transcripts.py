"""Dialects against transcripts of the official SDK and of servers that speak them themselves."""

import itertools
import json
from typing import Any

import pytest
from openai.types import Completion
from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from router.dialects.base import Asked, Dialect
from router.dialects.table import DIALECTS, RESPONSES
from router.wire import Json, openai, to_anthropic
from tests.router.wire.test_wire import cases, golden, without_stream

COMPLETIONS = next(d for d in DIALECTS if d.name == "completions")
_EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
CHAT_ANSWERS = ("llama_cpp_openai_answers", "llmock_openai_answers")


def asked(body: Json) -> Asked:
    return Asked(body=body, id="1", at=0.0)


def whole(*names: str) -> list[Any]:
    return [case for case in cases(*names) if isinstance(case.values[0], dict)]


def streams(*names: str) -> list[Any]:
    return [case for case in cases(*names) if isinstance(case.values[0], list)]


def written(dialect: Dialect, chunks: list[Json], body: Json) -> list[Json]:
    """The events that a client gets for recorded chunks."""
    writer = dialect.writer(asked(body))
    sent = b"".join([*(writer.feed(chunk) for chunk in chunks), writer.end()]).decode()
    data = [line[6:] for line in sent.splitlines() if line.startswith("data: ")]
    return [json.loads(d) for d in data if d != "[DONE]"]


def kinds(events: list[Json]) -> list[str]:
    """The types of events in their order, without repeats."""
    return [kind for kind, _ in itertools.groupby(e["type"] for e in events)]


@pytest.mark.parametrize("body", cases("responses_sdk_requests"))
def test_what_the_sdk_sends_to_responses_is_a_chat_for_both_tiers(body: Json) -> None:
    made = RESPONSES.request(body, [])
    sent = {k: v for k, v in without_stream(made).items() if k != "router"}
    TypeAdapter(CompletionCreateParamsNonStreaming).validate_python(sent)
    there = to_anthropic.request(made, "claude-sonnet-5-5")
    assert there["max_tokens"] == body["max_output_tokens"]
    assert "c2ln" not in json.dumps(made)  # what another model thought


@pytest.mark.parametrize("body", cases("completions_sdk_requests"))
def test_what_the_sdk_sends_to_completions_is_a_chat(body: Json) -> None:
    made = COMPLETIONS.request(body, [])
    TypeAdapter(CompletionCreateParamsNonStreaming).validate_python(without_stream(made))
    assert made["messages"] == [{"role": "user", "content": "Name a river."}]


@pytest.mark.parametrize("body", whole(*CHAT_ANSWERS))
def test_recorded_chat_completions_are_answers_of_both(body: Json) -> None:
    known = openai.summary(body)
    response = Response.model_validate(RESPONSES.answer(body, asked({})), strict=True)
    calls = [(i.name, i.arguments) for i in response.output if i.type == "function_call"]
    assert response.output_text == known.text
    assert calls == [(c.name, c.arguments) for c in known.calls]
    if not calls:
        completion = Completion.model_validate(COMPLETIONS.answer(body, asked({})), strict=True)
        assert completion.choices[0].text == known.text


@pytest.mark.parametrize("chunks", streams(*CHAT_ANSWERS))
def test_recorded_streams_are_streams_of_both(chunks: list[Json]) -> None:
    fold = openai.Fold()
    for chunk in chunks:
        fold.add(chunk)
    known = fold.summary()
    events = written(RESPONSES, chunks, {})
    for event in events:
        _EVENT.validate_python(event)
    assert [e["sequence_number"] for e in events] == list(range(len(events)))
    last = Response.model_validate(events[-1]["response"])
    assert last.output_text == known.text
    deltas = [e["delta"] for e in events if e["type"] == "response.output_text.delta"]
    assert "".join(deltas) == known.text
    texts = [c["text"] for e in written(COMPLETIONS, chunks, {}) for c in e["choices"]]
    assert "".join(texts) == known.text


@pytest.mark.parametrize(
    ("server", "recorded"),
    [
        ("llama_cpp_openai_answers", "llama_cpp_responses_answers"),
        ("llmock_openai_answers", "llmock_responses_answers"),
    ],
)
@pytest.mark.parametrize("case", ["stream", "stream_tools"])
def test_events_come_in_the_order_of_servers_that_speak_it_themselves(
    server: str, recorded: str, case: str
) -> None:
    if case not in golden(recorded):
        pytest.skip("this model takes no tools")
    theirs = golden(recorded)[case]
    ours = written(RESPONSES, golden(server)[case], golden("responses_sdk_requests")[case])
    assert kinds(ours)[:-1] == kinds(theirs)[:-1]
    for kind in set(kinds(theirs)[:-1]):
        mine, its = (next(e for e in events if e["type"] == kind) for events in (ours, theirs))
        assert mine.keys() >= its.keys() - {"obfuscation", "summary"}
    assert set(ours[-1]["response"]) >= set(theirs[-1]["response"]) - {"completed_at"}
