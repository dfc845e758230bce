"""Translations against recorded transcripts of real servers and SDKs (see `record`)."""

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from anthropic.types import Message, RawMessageStreamEvent
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming
from pydantic import TypeAdapter

from router.backends.base import Ask
from router.backends.claude import build as claude_build
from router.backends.local import build as local_build
from router.errors import InputError
from router.wire import answers, sse, to_anthropic, to_openai
from router.wire.convert import fold_of, rendering, summary_of
from router.wire.streams import ToAnthropic

GOLDEN = Path(__file__).parent / "golden"
_EVENT: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)


def golden(name: str) -> dict[str, Any]:
    known: dict[str, Any] = json.loads((GOLDEN / f"{name}.json").read_text())
    return known


def cases(*names: str) -> list[Any]:
    return [
        pytest.param(body, id=f"{name}:{case}")
        for name in names
        for case, body in golden(name).items()
    ]


def without_stream(body: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in body.items() if k not in ("stream", "stream_options")}


@pytest.mark.parametrize("body", cases("openai_sdk_requests"))
def test_what_the_openai_sdk_sends_becomes_what_the_anthropic_sdk_would(
    body: dict[str, Any],
) -> None:
    made = to_anthropic.request(body, "claude-sonnet-5-5")
    TypeAdapter(MessageCreateParamsNonStreaming).validate_python(without_stream(made))
    assert made["max_tokens"] == (body.get("max_tokens") or body["max_completion_tokens"])
    roles = [m["role"] for m in made["messages"]]
    assert roles[0] == "user"
    assert all(a != b for a, b in itertools.pairwise(roles))


@pytest.mark.parametrize("body", cases("anthropic_sdk_requests"))
def test_what_the_anthropic_sdk_sends_becomes_what_the_openai_sdk_would(
    body: dict[str, Any],
) -> None:
    made = to_openai.request(body, "small")
    TypeAdapter(CompletionCreateParamsNonStreaming).validate_python(without_stream(made))
    assert "thinking" not in json.dumps(made)


def test_tool_results_follow_their_calls_with_ids_that_claude_takes() -> None:
    made = to_anthropic.request(golden("openai_sdk_requests")["tools"], "m")
    assert made["system"] == [{"type": "text", "text": "Use the tools."}]
    assistant, user = made["messages"][1:]
    assert [b["id"] for b in assistant["content"]] == ["call_a_1", "call_b"]
    assert [b["input"] for b in assistant["content"]] == [{"city": "Oslo"}, {"city": "Bergen"}]
    assert [b["type"] for b in user["content"]] == ["tool_result", "tool_result", "text"]
    assert [b.get("tool_use_id") for b in user["content"]] == ["call_a_1", "call_b", None]
    assert made["tool_choice"] == {"type": "any", "disable_parallel_tool_use": True}
    assert made["tools"][0]["input_schema"]["required"] == ["city"]


def test_what_claude_has_no_parameter_for_is_left_out() -> None:
    made = to_anthropic.request(golden("openai_sdk_requests")["plain"], "m")
    assert set(made) == {"model", "max_tokens", "messages", "system", "stop_sequences"}
    assert made["stop_sequences"] == ["END"]  # Claude refuses stops of blanks alone
    schema = to_anthropic.request(golden("openai_sdk_requests")["schema"], "m")
    assert schema["output_config"]["format"]["schema"]["required"] == ["n"]
    assert schema["output_config"]["effort"] == "low"


def test_anthropic_results_become_messages_of_their_own() -> None:
    made = to_openai.request(golden("anthropic_sdk_requests")["tools"], "m")
    assert [m["role"] for m in made["messages"]] == ["user", "assistant", "tool", "user"]
    assert json.loads(made["messages"][1]["tool_calls"][0]["function"]["arguments"]) == {
        "city": "Oslo"
    }
    assert made["messages"][2] == {
        "role": "tool",
        "tool_call_id": "toolu_1",
        "content": "4 degrees",
    }
    assert made["tool_choice"] == "required"
    assert made["parallel_tool_calls"] is False


def test_an_image_crosses_both_ways() -> None:
    there = to_anthropic.request(golden("openai_sdk_requests")["image"], "m")
    source = there["messages"][0]["content"][1]["source"]
    assert (source["type"], source["media_type"]) == ("base64", "image/png")
    back = to_openai.request(there, "m")
    assert (
        back["messages"][0]["content"]
        == golden("openai_sdk_requests")["image"]["messages"][0]["content"]
    )


@pytest.mark.parametrize(
    "body",
    [
        b
        for b in cases("llama_cpp_anthropic_answers", "llmock_anthropic_answers")
        if isinstance(b.values[0], dict)
    ],
)
def test_recorded_anthropic_answers_are_chat_completions(body: dict[str, Any]) -> None:
    made = answers.to_openai(body, 0)
    ChatCompletion.model_validate(made)
    _alike(summary_of(body, "anthropic"), summary_of(made, "openai"))


@pytest.mark.parametrize(
    "body",
    [
        b
        for b in cases("llama_cpp_openai_answers", "llmock_openai_answers")
        if isinstance(b.values[0], dict)
    ],
)
def test_recorded_chat_completions_are_anthropic_answers(body: dict[str, Any]) -> None:
    made = answers.to_anthropic(body)
    Message.model_validate(made)
    _alike(summary_of(body, "openai"), summary_of(made, "anthropic"))


@pytest.mark.parametrize(
    "events",
    [
        b
        for b in cases("llama_cpp_anthropic_answers", "llmock_anthropic_answers")
        if isinstance(b.values[0], list)
    ],
)
def test_recorded_anthropic_streams_are_chunks(events: list[Any]) -> None:
    request = {"stream_options": {"include_usage": True}}
    made = _rendered(events, request, "anthropic", "openai")
    for chunk in made:
        ChatCompletionChunk.model_validate(chunk)
    _alike(_folded(events, "anthropic"), _folded(made, "openai"))


@pytest.mark.parametrize(
    "events",
    [
        b
        for b in cases("llama_cpp_openai_answers", "llmock_openai_answers")
        if isinstance(b.values[0], list)
    ],
)
def test_recorded_chunks_are_anthropic_streams(events: list[Any]) -> None:
    made = _rendered(events, {}, "openai", "anthropic")
    for event in made:
        _EVENT.validate_python(event)
    kinds = [e["type"] for e in made]
    assert kinds[0] == "message_start"
    assert kinds[-2:] == ["message_delta", "message_stop"]
    assert kinds.count("content_block_start") == kinds.count("content_block_stop")
    _alike(_folded(events, "openai"), _folded(made, "anthropic"))


def test_the_usage_that_only_the_router_asked_for_is_not_passed_on() -> None:
    events = golden("llama_cpp_openai_answers")["stream"]
    assert any("usage" in e for e in events)
    plain = _rendered(events, {}, "openai", "openai")
    assert not any("usage" in e for e in plain)
    asked = {"stream_options": {"include_usage": True}}
    assert _rendered(events, asked, "openai", "openai") == events


def test_interleaved_calls_keep_every_argument() -> None:
    """Some servers grow several calls at once; Anthropic's blocks follow one another."""
    parts = [(0, "f", '{"a":'), (1, "g", '{"b":'), (0, "", "1}"), (1, "", "2}")]
    render, made = ToAnthropic(), []
    for index, name, text in parts:
        function = {"arguments": text} | ({"name": name} if name else {})
        call = {"index": index, "function": function} | ({"id": f"c{index}"} if name else {})
        made += render.feed({"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]})
    made += render.feed({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]})
    known = _folded(made + render.end(), "anthropic")
    assert [(c.id, c.name, c.arguments) for c in known.calls] == [
        ("c0", "f", '{"a":1}'),
        ("c1", "g", '{"b":2}'),
    ]
    assert known.finish == "tool_calls"


def test_thinking_of_another_model_never_reaches_claude() -> None:
    body = golden("anthropic_sdk_requests")["tools"] | {"thinking": {"type": "adaptive"}}
    ask = Ask(api="anthropic", body=body, model="claude-sonnet-5-5", deadline=0.0)
    own = claude_build(body, ask, {"c2ln": "claude-sonnet-5-5"}.get)
    assert own["messages"] == body["messages"]
    assert own["thinking"] == {"type": "adaptive"}
    foreign = claude_build(body, ask, {"c2ln": "claude-opus-5"}.get)
    assert "c2ln" not in json.dumps(foreign)
    assert foreign["messages"][1]["content"][0]["type"] == "tool_use"
    # In the middle of calls Claude would miss the thinking, so it answers without.
    assert "thinking" not in foreign


def test_thinking_is_kept_out_of_the_text_and_away_from_local_models() -> None:
    thought = {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}
    body = {
        "id": "m",
        "model": "c",
        "content": [thought, {"type": "text", "text": "Yes."}],
        "stop_reason": "end_turn",
    }
    message = answers.to_openai(body, 0)["choices"][0]["message"]
    assert (message["content"], message["reasoning_content"]) == ("Yes.", "Hm.")
    turn = {"role": "assistant", "content": "Yes.", "reasoning_content": "Hm."}
    ask = Ask(api="openai", body={"messages": [turn]}, model="small", deadline=0.0)
    assert local_build(ask)["messages"] == [{"role": "assistant", "content": "Yes."}]


@pytest.mark.parametrize(
    "body",
    [
        {"n": 2},
        {"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]},
        {"messages": [{"role": "function", "content": "x"}]},
        {"messages": [{"role": "tool", "content": "x"}]},
        {"tools": [{"type": "web_search"}]},
    ],
)
def test_what_claude_cannot_be_asked_is_one_sentence(body: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        to_anthropic.request({"messages": [{"role": "user", "content": "x"}], **body}, "m")


@pytest.mark.slow
@given(st.lists(st.text(max_size=30), max_size=5), st.data())
def test_events_survive_any_cut(texts: list[str], data: st.DataObject) -> None:
    sent = b"".join(sse.encode({"t": t}, "x") for t in texts)
    decoder, out = sse.Decoder(), []
    while sent:
        size = data.draw(st.integers(1, len(sent)))
        out += decoder.feed(sent[:size])
        sent = sent[size:]
    assert [json.loads(o)["t"] for o in out] == texts


_KEYS = st.sampled_from(
    ["choices", "content", "usage", "type", "delta", "message", "content_block", "index"]
)
_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "type",
                    "text",
                    "role",
                    "content",
                    "id",
                    "function",
                    "name",
                    "input",
                    "tool_calls",
                    "choices",
                    "delta",
                    "message",
                    "index",
                    "arguments",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@pytest.mark.slow
@settings(max_examples=400)
@given(st.dictionaries(_KEYS, _values))
def test_no_foreign_json_breaks_the_readers(body: dict[str, Any]) -> None:
    for api in ("openai", "anthropic"):
        summary_of(body, api)
        fold = fold_of(api)
        fold.add(body)
        fold.summary()
        for target in ("openai", "anthropic"):
            render = rendering({}, api, target, 0)
            render.feed(body)
            render.end()


def _rendered(events: list[Any], request: dict[str, Any], source: Any, target: Any) -> list[Any]:
    render = rendering(request, source, target, 0)
    return [out for e in events for out in render.feed(e)] + render.end()


def _folded(events: list[Any], api: Any) -> Any:
    fold = fold_of(api)
    for event in events:
        fold.add(event)
    return fold.summary()


def _alike(a: Any, b: Any) -> None:
    """Equal but for how JSON in arguments is spaced."""
    assert (a.text, a.finish, a.model) == (b.text, b.finish, b.model)
    assert [(c.id, c.name, json.loads(c.arguments)) for c in a.calls] == [
        (c.id, c.name, json.loads(c.arguments)) for c in b.calls
    ]
    assert (a.usage.input_tokens, a.usage.output_tokens) == (
        b.usage.input_tokens,
        b.usage.output_tokens,
    )
