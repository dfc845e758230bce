"""Tool calls in a text: `<tool_call>` tags, JSON of several shapes, `f(x=1)`, `Action:` lines."""

import re
from typing import Any

from router.literal import Call, NotLiteral, is_sequence, parse

FENCE = re.compile(r"```[\w+-]*\n?(.*?)(?:```|\Z)", re.DOTALL)
_TAGGED = re.compile(r"<tool_call>(.*?)(?:</tool_call>|\Z)", re.DOTALL)
_ACTION = re.compile(r"Action:\s*([\w.-]+)\s*\n\s*Action Input:\s*(.+)", re.DOTALL)
_CALL = re.compile(r"\[?\s*[A-Za-z_][\w.]*\(.*\)\s*\]?", re.DOTALL)


def calls_in(text: str) -> list[Call]:
    """The calls that `text` makes, in any of the known spellings; an empty list for none.

    >>> calls_in('{"name": "add", "arguments": {"a": 1}}') == calls_in("[add(a=1)]")
    True
    """
    calls: list[Call] = []
    if "<tool_call>" in text:
        for body in _TAGGED.findall(text):
            calls += _as_calls(parsed(body.strip()))
    elif action := _ACTION.search(text) if "Action:" in text else None:
        arguments = parsed(action[2].strip())
        calls = [Call(action[1], arguments if isinstance(arguments, dict) else {"0": arguments})]
    elif "(" in text or "{" in text:
        body = FENCE.search(text)[1].strip() if text.startswith("```") else text  # type: ignore[index]
        if body[:1] in "[{" or _CALL.fullmatch(body):
            calls = _as_calls(parsed(body))
    return calls


def _as_calls(value: Any) -> list[Call]:
    """Calls in a parsed value; an empty list when any part of it is something else."""
    if isinstance(value, Call):
        return [value]
    if is_sequence(value):
        found = [_as_calls(v) for v in value]
        return [c for calls in found for c in calls] if all(found) else []
    if not isinstance(value, dict):
        return []
    for wrapper in ("tool_calls", "function", "function_call"):
        if isinstance(value.get(wrapper), dict | list):
            return _as_calls(value[wrapper])
    name = value.get("name", value.get("tool", value.get("function")))
    arguments = next((value[k] for k in _ARGUMENTS if k in value), None)
    if isinstance(arguments, str):
        arguments = parsed(arguments)
    if isinstance(name, str) and isinstance(arguments, dict):
        return [Call(name, arguments)]
    only = next(iter(value.items())) if len(value) == 1 else None
    return [Call(str(only[0]), only[1])] if only and isinstance(only[1], dict) else []


_ARGUMENTS = ("arguments", "parameters", "input", "args", "tool_input")


def parsed(text: str) -> Any:
    """The value of a literal, None for anything else."""
    try:
        return parse(text)
    except NotLiteral:
        return None
