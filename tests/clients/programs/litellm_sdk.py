"""LiteLLM as a client: python litellm_sdk.py openai|anthropic|ollama_chat URL MODEL WHAT."""

import json
import os
import sys
from typing import Any

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # it would fetch its price list

import litellm

PARAMETERS = {
    "type": "object",
    "properties": {"where": {"type": "string"}},
    "required": ["where"],
}
LOOK = {"name": "look", "description": "Looks around.", "parameters": PARAMETERS}


def ask(given: dict[str, Any], what: str) -> tuple[str, int]:
    words = "Use your tool." if what == "tool" else "Say hello."
    turns: list[Any] = [{"role": "user", "content": words}]
    if what == "stream":
        parts = litellm.completion(messages=turns, stream=True, **given)
        found = [c.delta.content for part in parts for c in part.choices if c.delta.content]
        return "".join(found), len(found)
    if what == "text":
        return litellm.completion(messages=turns, **given).choices[0].message.content, 0
    given["tools"] = [{"type": "function", "function": LOOK}]
    said = litellm.completion(messages=turns, **given).choices[0].message
    assert said.tool_calls
    turns.append(said)
    for call in said.tool_calls:
        assert json.loads(call.function.arguments) == {"where": "here"}
        turns.append({"role": "tool", "tool_call_id": call.id, "content": "from-the-tool"})
    return litellm.completion(messages=turns, **given).choices[0].message.content, 0


def main(api: str, url: str, model: str, what: str) -> None:
    told: dict[str, Any] = {}
    base = f"{url}/v1" if api == "openai" else url
    given = {"model": f"{api}/{model}", "api_base": base, "api_key": "none", "max_retries": 0}
    try:
        told["text"], told["pieces"] = ask(given, what)
    except litellm.exceptions.APIError as error:
        told["error"] = error.message
    except litellm.exceptions.BadRequestError as error:
        told["error"] = error.message
    print(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
