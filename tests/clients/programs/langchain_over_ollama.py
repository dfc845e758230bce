"""LangChain over Ollama's API: python langchain_over_ollama.py URL MODEL WHAT."""

import json
import sys
from typing import Any

import langchain_ollama
import ollama
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool


@tool
def look(where: str) -> str:
    """Looks around."""
    assert where == "here"
    return "from-the-tool"


def ask(model: Any, what: str) -> tuple[str, int]:
    if what == "stream":
        words = [part.text for part in model.stream("Say hello.") if part.text]
        return "".join(words), len(words)
    if what == "text":
        return model.invoke("Say hello.").text, 0
    turns: list[Any] = [HumanMessage("Use your tool.")]
    said = model.bind_tools([look]).invoke(turns)
    assert said.tool_calls
    turns.append(said)
    for call in said.tool_calls:
        turns.append(ToolMessage(look.invoke(call["args"]), tool_call_id=call["id"]))
    return model.bind_tools([look]).invoke(turns).text, 0


def main(url: str, model: str, what: str) -> None:
    told: dict[str, Any] = {}
    try:
        made = langchain_ollama.ChatOllama(model=model, base_url=url, num_ctx=4096, num_predict=16)
        told["text"], told["pieces"] = ask(made, what)
    except ollama.ResponseError as error:
        told["error"] = error.error
    print(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
