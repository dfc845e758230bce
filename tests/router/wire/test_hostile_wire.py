"""What no server and no client should send."""

import itertools
from typing import Any

import pytest

from router.wire import to_openai
from router.wire.convert import fold_of, rendered, rendering, summary_of

ODD: tuple[Any, ...] = (None, [], {}, "x", 7, [1], [{}], {"a": []}, True, -1.5)


def bodies() -> list[dict[str, Any]]:
    """Every place of both dialects with every odd value in it."""
    out: list[dict[str, Any]] = []
    for odd, other in itertools.product(ODD, ODD):
        function = {"name": odd, "arguments": other}
        call = {"index": odd, "id": other, "function": function}
        delta = {"content": odd, "refusal": other, "tool_calls": [call, odd]}
        choice = {
            "index": 0,
            "delta": delta,
            "finish_reason": other,
            "logprobs": odd,
            "message": {"content": odd, "tool_calls": [call, other]},
        }
        out.append({"choices": [choice, odd], "usage": other, "model": odd, "id": other})
        block = {"type": "tool_use", "id": odd, "name": other, "input": odd}
        events = [
            {"type": "message_start", "message": {"usage": odd, "model": other, "id": odd}},
            {"type": "content_block_start", "index": odd, "content_block": block},
            {
                "type": "content_block_start",
                "index": 1,
                "content_block": {"type": "text", "text": odd},
            },
            {
                "type": "content_block_delta",
                "index": odd,
                "delta": {"type": "input_json_delta", "partial_json": other},
            },
            {
                "type": "content_block_delta",
                "index": odd,
                "delta": {"type": "text_delta", "text": other},
            },
            {"type": "content_block_stop", "index": odd},
            {"type": "message_delta", "delta": {"stop_reason": odd}, "usage": other},
            {"type": odd, "content": [block, other], "stop_reason": other, "usage": odd},
        ]
        out += events
    return out


@pytest.mark.parametrize("api", ["openai", "anthropic"])
@pytest.mark.parametrize("target", ["openai", "anthropic"])
def test_no_value_breaks_a_reader_or_a_translation(api: Any, target: Any) -> None:
    for body in bodies():
        summary_of(body, api)
        rendered(body, {}, api, target, 0)
        fold, render = fold_of(api), rendering({}, api, target, 0)
        for _ in range(2):
            fold.add(body)
            render.feed(body)
        fold.summary()
        render.end()


def test_a_choice_of_tools_without_a_type_is_left_to_the_model() -> None:
    body = {
        "messages": [{"role": "user", "content": "hi"}],
        "max_tokens": 5,
        "tools": [{"name": "add", "input_schema": {}}],
        "tool_choice": {"disable_parallel_tool_use": True},
    }
    made = to_openai.request(body, "m")
    assert (made["tool_choice"], made["parallel_tool_calls"]) == ("auto", False)
