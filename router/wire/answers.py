"""Whole answers of one dialect in the other; `streams` does the same event by event."""

from typing import Any

from router.wire import Json, openai
from router.wire.anthropic import finish_of, summary
from router.wire.summary import Usage, mapping, sequence, text_of
from router.wire.to_anthropic import arguments, tool_id

_TO_OPENAI = {"refusal": "content_filter", "unknown": "stop", "error": "stop"}
TO_ANTHROPIC = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "refusal": "refusal",
}


def to_openai(body: Json, created: int) -> Json:
    """An Anthropic answer as a chat completion; `created` is its Unix time in seconds.

    Thinking goes to `reasoning_content`, where llama.cpp and others put it, never into the text.
    """
    known = summary(body)
    message: Json = {"role": "assistant", "content": known.text or None, "refusal": None}
    thinking = [b for b in sequence(body.get("content")) if mapping(b).get("type") == "thinking"]
    if thought := "".join(str(b.get("thinking") or "") for b in thinking):
        message["reasoning_content"] = thought
    if known.calls:
        message["tool_calls"] = [
            {"id": c.id, "type": "function", "function": {"name": c.name, "arguments": c.arguments}}
            for c in known.calls
        ]
    out: Json = {
        "id": str(body.get("id") or ""),
        "object": "chat.completion",
        "created": created,
        "model": known.model,
        "choices": [
            {
                "index": 0,
                "message": message,
                "logprobs": None,
                "finish_reason": _TO_OPENAI.get(known.finish, known.finish),
            }
        ],
    }
    if known.usage is not None:
        out["usage"] = openai_usage(known.usage)
    return out


def to_anthropic(body: Json, thinking: bool = False) -> Json:
    """A chat completion as an Anthropic answer.

    `thinking`: whether the client asked for thinking blocks; they come with an empty signature.
    """
    choice = mapping(next(iter(sequence(body.get("choices"))), None))
    message = mapping(choice.get("message"))
    content: list[Json] = []
    if thinking and (thought := reasoning(message)):
        content.append({"type": "thinking", "thinking": thought, "signature": ""})
    if text := text_of(message.get("content")) or str(message.get("refusal") or ""):
        content.append({"type": "text", "text": text, "citations": None})
    known = openai.summary(body)
    for number, call in enumerate(known.calls):
        content.append(
            {
                "type": "tool_use",
                "id": tool_id(call.id or f"call_{number}"),
                "name": call.name,
                "input": arguments(call.arguments),
            }
        )
    return {
        "id": str(body.get("id") or ""),
        "type": "message",
        "role": "assistant",
        "model": known.model,
        "content": content,
        "stop_reason": TO_ANTHROPIC.get(known.finish, "end_turn"),
        "stop_sequence": None,
        "usage": anthropic_usage(known.usage or Usage()),
    }


def reasoning(message: Json) -> str:
    """Thinking of a local model: llama.cpp and vLLM say reasoning_content, Ollama reasoning."""
    return str(message.get("reasoning_content") or message.get("reasoning") or "")


def openai_usage(usage: Usage) -> Json:
    """The usage object of a chat completion."""
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": {
            "cached_tokens": usage.cache_read,
            "cache_write_tokens": usage.cache_write,
        },
    }


def anthropic_usage(usage: Usage) -> Json:
    """The usage object of an Anthropic message."""
    return {
        "input_tokens": usage.input_tokens - usage.cache_read - usage.cache_write,
        "output_tokens": usage.output_tokens,
        "cache_read_input_tokens": usage.cache_read,
        "cache_creation_input_tokens": usage.cache_write,
    }


def finish_to_openai(stop_reason: Any) -> str:
    """A stop_reason as a finish_reason.

    >>> finish_to_openai("end_turn"), finish_to_openai("refusal")
    ('stop', 'content_filter')
    """
    known = finish_of(stop_reason)
    return _TO_OPENAI.get(known, known)
