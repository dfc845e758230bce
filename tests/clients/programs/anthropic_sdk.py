"""Anthropic's SDK: python anthropic_sdk.py URL MODEL WHAT."""

import json
import sys
from typing import Any

import anthropic

LOOK: Any = {
    "name": "look",
    "description": "Looks around.",
    "input_schema": {
        "type": "object",
        "properties": {"where": {"type": "string"}},
        "required": ["where"],
    },
}


def ask(claude: anthropic.Anthropic, model: str, what: str) -> tuple[str, int]:
    words = "Use your tool." if what == "tool" else "Say hello."
    turns: list[Any] = [{"role": "user", "content": words}]
    if what == "stream":
        with claude.messages.stream(model=model, max_tokens=64, messages=turns) as stream:
            pieces = sum(bool(text) for text in stream.text_stream)
            return _text(stream.get_final_message()), pieces
    if what == "text":
        return _text(claude.messages.create(model=model, max_tokens=64, messages=turns)), 0
    said = claude.messages.create(model=model, max_tokens=64, messages=turns, tools=[LOOK])
    results = []
    for block in said.content:
        if block.type == "tool_use":
            assert block.input == {"where": "here"}
            result = {"type": "tool_result", "tool_use_id": block.id, "content": "from-the-tool"}
            results.append(result)
    assert results
    turns += [{"role": "assistant", "content": said.content}, {"role": "user", "content": results}]
    return _text(
        claude.messages.create(model=model, max_tokens=64, messages=turns, tools=[LOOK])
    ), 0


def _text(message: Any) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


def main(url: str, model: str, what: str) -> None:
    told: dict[str, Any] = {}
    with anthropic.Anthropic(base_url=url, api_key="none") as claude:
        try:
            told["text"], told["pieces"] = ask(claude, model, what)
        except anthropic.APIError as error:
            told["error"] = error.message
    print(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
