"""An agent of Pydantic AI: python pydantic_agent.py chat|responses|anthropic URL MODEL WHAT."""

import asyncio
import json
import sys
from typing import Any

from pydantic_ai import Agent
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider


def look(where: str) -> str:
    """Looks around."""
    assert where == "here"
    return "from-the-tool"


def made(api: str, url: str, model: str) -> Any:
    if api == "anthropic":
        return AnthropicModel(model, provider=AnthropicProvider(base_url=url, api_key="none"))
    provider = OpenAIProvider(base_url=f"{url}/v1", api_key="none")
    if api == "responses":
        return OpenAIResponsesModel(model, provider=provider)
    return OpenAIChatModel(model, provider=provider)


async def ask(model: Any, what: str) -> tuple[str, int]:
    if what == "stream":
        async with Agent(model).run_stream("Say hello.") as stream:
            words = [part async for part in stream.stream_text(delta=True, debounce_by=None)]
            return "".join(words), len(words)
    if what == "text":
        return (await Agent(model).run("Say hello.")).output, 0
    return (await Agent(model, tools=[look]).run("Use your tool.")).output, 0


def main(api: str, url: str, model: str, what: str) -> None:
    told: dict[str, Any] = {}
    try:
        told["text"], told["pieces"] = asyncio.run(ask(made(api, url, model), what))
    except ModelHTTPError as error:
        told["error"] = str(error)
    print(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
