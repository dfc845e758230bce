"""Tools of the Responses API as functions, and calls of functions as calls of those tools.

What the client itself carries out can be offered to any model: functions, functions in a
namespace, tools with free text as input, the local shell, a search for further tools. What runs
at OpenAI cannot.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from router.errors import InputError
from router.wire import Json
from router.wire.summary import mapping, sequence

_INPUT = {
    "type": "object",
    "properties": {"input": {"type": "string"}},
    "required": ["input"],
    "additionalProperties": False,
}
_SHELL_WORDS = "Runs a command on the user's machine and returns its output."
_SHELL = {
    "type": "object",
    "properties": {
        "command": {"type": "array", "items": {"type": "string"}},
        "working_directory": {"type": "string"},
        "timeout_ms": {"type": "integer"},
    },
    "required": ["command"],
}
SHELL = "local_shell"
SEARCH = "tool_search"
_BRINGING = ("additional_tools", "tool_search_output")  # items of a conversation that bring tools
_BETWEEN = "__"  # a namespace and the name of a function in it


@dataclass(frozen=True, slots=True)
class Tool:
    """What a function that the model calls stands for."""

    kind: Literal["function", "custom", "local_shell", "tool_search"]
    name: str
    namespace: str | None = None


def offered(body: Json) -> tuple[list[Json], dict[str, Tool]]:
    """The tools of a request as chat completions have them, and what each stands for, by name.

    Raises InputError for one that cannot be carried over.

    >>> offered({"tools": [{"type": "function", "name": "f"}]})[0]
    [{'type': 'function', 'function': {'name': 'f'}}]
    """
    brought = [i for i in sequence(body.get("input")) if mapping(i).get("type") in _BRINGING]
    functions, known = {}, {}
    for tools in (body, *brought):
        for function, tool in _functions(sequence(tools.get("tools"))):
            name = str(function["name"])
            known[name] = tool
            functions[name] = {"type": "function", "function": function}
    return list(functions.values()), known


def _functions(tools: list[Any], namespace: str | None = None) -> Iterator[tuple[Json, Tool]]:
    for tool in map(mapping, tools):
        kind, name = tool.get("type"), tool.get("name")
        if kind in ("function", "custom", "namespace") and not (isinstance(name, str) and name):
            raise InputError(f"A tool of the type {kind!r} must have a name.")
        if kind == "namespace":
            yield from _functions(sequence(tool.get("tools")), name)
        elif kind == "function":
            function: Json = {"name": name_of(name, namespace)}
            function |= {k: tool[k] for k in _FUNCTION if tool.get(k) is not None}
            yield function, Tool("function", str(name), namespace)
        elif kind == "custom":
            words = [str(tool.get("description") or ""), _grammar(mapping(tool.get("format")))]
            function = {"name": name_of(name, namespace), "parameters": _INPUT}
            if description := "\n\n".join(w for w in words if w):
                function["description"] = description
            yield function, Tool("custom", str(name), namespace)
        elif kind == SHELL:
            yield (
                {"name": SHELL, "description": _SHELL_WORDS, "parameters": _SHELL},
                Tool("local_shell", SHELL),
            )
        elif kind == SEARCH and tool.get("execution") == "client":
            function = {"name": SEARCH}
            function |= {k: tool[k] for k in _FUNCTION if tool.get(k) is not None}
            yield function, Tool("tool_search", SEARCH)
        elif not _dispensable(tool):
            raise InputError(
                f"The tool {kind!r} runs at OpenAI and cannot be carried over; leave it out."
            )


_FUNCTION = ("description", "parameters", "strict")


def _grammar(given: Json) -> str:
    if given.get("type") != "grammar":
        return ""
    syntax, definition = given.get("syntax"), given.get("definition")
    return f"The input must follow this grammar ({syntax}):\n{definition}"


def _dispensable(tool: Json) -> bool:
    """Whether a tool may be left out: a search without the web, which Codex always offers."""
    return tool.get("type") == "web_search" and tool.get("external_web_access") is False


def name_of(name: Any, namespace: Any) -> str:
    """A function's name in chat completions, which know no namespaces."""
    return f"{namespace}{_BETWEEN}{name}" if namespace else str(name)


def choice(given: Any, functions: list[Json]) -> tuple[Any, list[Json]]:
    """`tool_choice` for chat completions, and those of `functions` that it leaves."""
    if given is None or isinstance(given, str):
        return given, functions
    kind = mapping(given).get("type")
    if kind in ("function", "custom"):
        name = name_of(given.get("name"), given.get("namespace"))
        return {"type": "function", "function": {"name": name}}, functions
    if kind in (SHELL, SEARCH):
        return {"type": "function", "function": {"name": kind}}, functions
    if kind == "allowed_tools":
        allowed = {
            name_of(t.get("name") or t.get("type"), t.get("namespace"))
            for t in map(mapping, sequence(given.get("tools")))
        }
        left = [f for f in functions if f["function"]["name"] in allowed]
        return given.get("mode", "auto"), left
    raise InputError(f"tool_choice of the type {kind!r} cannot be carried over.")


def called(item: Json) -> str:
    """The name in chat completions of the tool that an item of a conversation called."""
    own = {"local_shell_call": SHELL, "tool_search_call": SEARCH}.get(str(item.get("type")))
    return own or name_of(item.get("name"), item.get("namespace"))


def arguments_of(item: Json) -> str:
    """The arguments with which an item of a conversation called its tool, as JSON text."""
    if item.get("type") == "custom_tool_call":
        return json.dumps({"input": item.get("input")}, ensure_ascii=False)
    if item.get("type") == "local_shell_call":
        return json.dumps(mapping(item.get("action")), ensure_ascii=False)
    given = item.get("arguments") or "{}"
    return given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)


def item_of(tool: Tool, arguments: str, call_id: str, item_id: str, status: str) -> Json:
    """A call as an item of an answer."""
    item: Json = {"id": item_id, "type": "function_call", "status": status, "call_id": call_id}
    if tool.kind == "custom":
        item |= {"type": "custom_tool_call", "name": tool.name, "input": _free(arguments)}
    elif tool.kind == SHELL:
        action = {"env": {}, **mapping(_loaded(arguments)), "type": "exec"}
        item |= {"type": "local_shell_call", "action": action}
    elif tool.kind == SEARCH:
        given = mapping(_loaded(arguments))
        item |= {"type": "tool_search_call", "execution": "client", "arguments": given}
    else:
        item |= {"name": tool.name, "arguments": arguments}
    if tool.namespace:
        item["namespace"] = tool.namespace
    return item


def _free(arguments: str) -> str:
    """The text that a tool with free text gets; all of it where the model kept to no object."""
    given = mapping(_loaded(arguments)).get("input")
    return given if isinstance(given, str) else arguments


def _loaded(arguments: str) -> Any:
    try:
        return json.loads(arguments or "{}")
    except ValueError:
        return None
