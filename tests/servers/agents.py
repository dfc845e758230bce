"""A coding agent as the gateway sees it, and two models that take its tools.

The cloud keeps a prompt cache as Anthropic describes it and reports it honestly: it reads the
longest prefix that it has written within five minutes, and writes the rest up to each mark.
"""

import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from tests.servers import upstream

TOOLS = ("Bash", "Read", "Edit")
STEPS = 4  # calls until a model says that it is done
SYSTEM = "You are Claude Code, a stand-in for it. " + "Mind the house rules. " * 400


def asked(text: str) -> dict[str, Any]:
    """A person's turn in the harness of an agent."""
    reminder = "<system-reminder>\nProve nothing, derive nothing.\n</system-reminder>"
    return {"role": "user", "content": [_text(reminder), _text(text)]}


def result(answer: dict[str, Any], printed: str = "All is well.", failed: bool = False) -> Any:
    """The results of an answer's calls."""
    blocks = [
        {
            "type": "tool_result",
            "tool_use_id": block["id"],
            "content": printed,
            "is_error": failed,
        }
        for block in answer["content"]
        if block["type"] == "tool_use"
    ]
    return {"role": "user", "content": blocks}


def request(turns: Sequence[dict[str, Any]], tools: Sequence[str] = TOOLS, **more: Any) -> Any:
    """A request as the agent sends it: the whole conversation, to be cached up to its end."""
    mark = {"cache_control": {"type": "ephemeral"}}
    *before, last = turns
    *blocks, end = last["content"]
    made = [
        {"name": name, "description": f"{name} it. " * 60, "input_schema": {"type": "object"}}
        for name in tools
    ]
    body = {
        "model": "auto",
        "max_tokens": 1000,
        "system": [{**_text(SYSTEM), **mark}],
        "messages": [*before, {**last, "content": [*blocks, {**end, **mark}]}],
        **more,
    }
    return {**body, "tools": made} if made else body


async def home(connection: upstream.Connection, got: upstream.Got) -> None:
    """A local server whose model calls a tool STEPS times after each request, then is done."""
    if got.method == "GET" or got.path != "/v1/chat/completions":
        await upstream.local(connection, got)
        return
    messages = got.body["messages"]
    steps = _steps([m["role"] for m in messages])
    if not got.body.get("tools") or steps >= STEPS:
        await connection.json(upstream.said("That is done."))
        return
    function = {"name": "Bash", "arguments": json.dumps({"command": f"look {len(messages)}"})}
    call = {"id": f"call_{len(messages)}", "type": "function", "function": function}
    answer = upstream.said("")
    answer["choices"][0]["message"] |= {"content": None, "tool_calls": [call]}
    answer["choices"][0]["finish_reason"] = "tool_calls"
    await connection.json(answer)


class Cloud:
    """Claude with the same habits and a prompt cache.

    `clock`: seconds; `lengths`: of its answers in tokens, of which each is drawn by lot.
    """

    def __init__(
        self,
        clock: Callable[[], float] = lambda: 0.0,
        seed: int = 1,
        lengths: Sequence[int] = range(80, 400),
    ) -> None:
        self._clock, self._rng, self._lengths = clock, Random(seed), lengths
        self._written: dict[str, float] = {}  # prefixes, and when they were used last

    async def script(self, connection: upstream.Connection, got: upstream.Got) -> None:
        """Answer one request."""
        if not got.path.endswith("/v1/messages"):
            await upstream.cloud(connection, got)
            return
        body = got.body
        roles = ["tool" if _results(m) else m["role"] for m in body["messages"]]
        usage = self._usage(body)
        if not body.get("tools") or _steps(roles) >= STEPS:
            answer = upstream.claude_said("That is done." + " Good." * usage["output_tokens"])
        else:
            use = {"type": "tool_use", "id": f"toolu_{len(roles)}", "name": "Bash"}
            use["input"] = {"command": f"look {len(roles)}"}  # type: ignore[assignment]
            answer = upstream.claude_said(content=[use], stop_reason="tool_use")
        await connection.json({**answer, "usage": usage})

    def _usage(self, body: dict[str, Any]) -> dict[str, int]:
        """What is read, written and new, at 3.6 characters a token."""
        now = self._clock()
        parts = [*(body.get("tools") or ()), *(body.get("system") or ())]
        parts += [b for m in body["messages"] for b in _blocks(m)]
        ends = [i for i, part in enumerate(parts, 1) if "cache_control" in part]
        marked = ["\n".join(map(_bare, parts[:end])) for end in ends]
        whole = marked[-1] if marked else ""
        alive = [p for p, at in self._written.items() if now - at <= 300 and whole.startswith(p)]
        read = max(alive, key=len, default="")
        self._written |= dict.fromkeys([*marked, read], now)
        return {
            "input_tokens": 4,
            "cache_read_input_tokens": round(len(read) / 3.6),
            "cache_creation_input_tokens": round((len(whole) - len(read)) / 3.6),
            "output_tokens": self._rng.choice(self._lengths),
        }


def _steps(roles: Sequence[str]) -> int:
    """How many results came since the person spoke."""
    last = max(i for i, role in enumerate(roles) if role == "user")
    return sum(role == "tool" for role in roles[last:])


def _results(message: dict[str, Any]) -> bool:
    return any(b.get("type") == "tool_result" for b in _blocks(message))


def _blocks(message: dict[str, Any]) -> list[dict[str, Any]]:
    content = message["content"]
    return [_text(content)] if isinstance(content, str) else content


def _bare(block: dict[str, Any]) -> str:
    return json.dumps({k: v for k, v in block.items() if k != "cache_control"}, sort_keys=True)


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}
