"""Ollama's own client: python ollama_sdk.py chat|generate URL MODEL WHAT."""

import json
import sys
from typing import Any

import ollama

SHORT = {"num_predict": 16}  # a real model might go on and on


def look(where: str) -> str:
    """Looks around.

    Args:
      where: The place.
    """
    assert where == "here"
    return "from-the-tool"


def chat(client: ollama.Client, model: str, what: str) -> tuple[str, int]:
    turns: list[Any] = [{"role": "user", "content": "Say hello."}]
    if what == "stream":
        parts = list(client.chat(model, turns, stream=True, options=SHORT))
        assert [part.done for part in parts] == [False] * (len(parts) - 1) + [True]
        words = [part.message.content for part in parts if part.message.content]
        return "".join(words), len(words)
    if what == "text":
        return client.chat(model, turns, options=SHORT).message.content or "", 0
    turns = [{"role": "user", "content": "Use your tool."}]
    said = client.chat(model, turns, tools=[look]).message
    assert said.tool_calls
    turns.append(said)
    for call in said.tool_calls:
        result = look(**call.function.arguments)
        turns.append({"role": "tool", "content": result, "tool_name": call.function.name})
    return client.chat(model, turns, tools=[look]).message.content or "", 0


def generate(client: ollama.Client, model: str, what: str) -> tuple[str, int]:
    if what == "stream":
        parts = list(client.generate(model, "Say hello.", stream=True, options=SHORT))
        assert parts[-1].done
        words = [part.response for part in parts if part.response]
        return "".join(words), len(words)
    return client.generate(model, "Say hello.", options=SHORT).response or "", 0


def main(api: str, url: str, model: str, what: str) -> None:
    told: dict[str, Any] = {}
    ask = {"chat": chat, "generate": generate}[api]
    try:
        told["text"], told["pieces"] = ask(ollama.Client(url), model, what)
    except ollama.ResponseError as error:
        told["error"] = error.error
    print(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
