"""LangChain: python langchain_chat.py openai|anthropic|ollama URL MODEL WHAT."""

import json
import sys
from typing import Any

import anthropic
import langchain_anthropic
import langchain_ollama
import langchain_openai
import ollama
import openai
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool


@tool
def look(where: str) -> str:
    """Looks around."""
    assert where == "here"
    return "from-the-tool"


def made(api: str, url: str, model: str) -> Any:
    if api == "openai":
        return langchain_openai.ChatOpenAI(model=model, base_url=f"{url}/v1", api_key="none")
    if api == "anthropic":
        return langchain_anthropic.ChatAnthropic(model=model, base_url=url, api_key="none")
    return langchain_ollama.ChatOllama(model=model, base_url=url, num_ctx=4096, num_predict=16)


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


def main(api: str, url: str, model: str, what: str) -> None:
    told: dict[str, Any] = {}
    try:
        told["text"], told["pieces"] = ask(made(api, url, model), what)
    except ollama.ResponseError as error:
        told["error"] = error.error
    except (openai.APIError, anthropic.APIError) as error:
        told["error"] = error.message
    print(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
