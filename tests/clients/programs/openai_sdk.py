"""OpenAI's SDK: python openai_sdk.py chat|responses|completions URL MODEL WHAT."""

import json
import sys
from typing import Any

import openai

PARAMETERS = {
    "type": "object",
    "properties": {"where": {"type": "string"}},
    "required": ["where"],
    "additionalProperties": False,
}
LOOK: Any = {"name": "look", "description": "Looks around.", "parameters": PARAMETERS}


def chat(gpt: openai.OpenAI, model: str, what: str) -> tuple[str, int]:
    turns: list[Any] = [{"role": "user", "content": _words(what)}]
    create = gpt.chat.completions.create
    if what == "stream":
        parts = list(create(model=model, messages=turns, stream=True))
        words = [c.delta.content for part in parts for c in part.choices if c.delta.content]
        return "".join(words), len(words)
    if what == "text":
        return create(model=model, messages=turns).choices[0].message.content or "", 0
    tools: Any = [{"type": "function", "function": LOOK}]
    said = create(model=model, messages=turns, tools=tools).choices[0].message
    assert said.tool_calls
    turns.append(said)
    for call in said.tool_calls:
        assert json.loads(call.function.arguments) == {"where": "here"}
        turns.append({"role": "tool", "tool_call_id": call.id, "content": "from-the-tool"})
    return create(model=model, messages=turns, tools=tools).choices[0].message.content or "", 0


def responses(gpt: openai.OpenAI, model: str, what: str) -> tuple[str, int]:
    create = gpt.responses.create
    if what == "stream":
        with gpt.responses.stream(model=model, input="Say hello.") as events:
            pieces = sum(event.type == "response.output_text.delta" for event in events)
            return events.get_final_response().output_text, pieces
    if what == "text":
        return create(model=model, input="Say hello.").output_text, 0
    tools: Any = [{"type": "function", "strict": True, **LOOK}]
    said = create(model=model, input=_words(what), tools=tools)
    results: Any = []
    for item in said.output:
        assert item.type == "function_call"
        assert json.loads(item.arguments) == {"where": "here"}
        output = {"type": "function_call_output", "call_id": item.call_id}
        results.append({**output, "output": "from-the-tool"})
    again = create(model=model, input=results, tools=tools, previous_response_id=said.id)
    return again.output_text, 0


def completions(gpt: openai.OpenAI, model: str, what: str) -> tuple[str, int]:
    if what == "stream":
        parts = gpt.completions.create(model=model, prompt="Say hello.", stream=True)
        words = [c.text for part in parts for c in part.choices if c.text]
        return "".join(words), len(words)
    return gpt.completions.create(model=model, prompt="Say hello.").choices[0].text, 0


def _words(what: str) -> str:
    return "Use your tool." if what == "tool" else "Say hello."


def main(api: str, url: str, model: str, what: str) -> None:
    told: dict[str, Any] = {}
    ask = {"chat": chat, "responses": responses, "completions": completions}[api]
    with openai.OpenAI(base_url=f"{url}/v1", api_key="none") as gpt:
        try:
            told["text"], told["pieces"] = ask(gpt, model, what)
        except openai.APIError as error:
            told["error"] = error.message
    print(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
