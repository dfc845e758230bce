"""Tool calls in a text: `<tool_call>` tags, JSON of several shapes, `f(x=1)`, `Action:` lines."""

import re
from collections.abc import Iterator
from typing import Any

from router.answers.constants import MAX_CALLS
from router.answers.literals import CallLiteral, NotLiteral, is_sequence, parse, parse_at

FENCE = re.compile(r"```[\w+-]*\n?(.*?)(?:```|\Z)", re.DOTALL)
_TAGGED = re.compile(r"<tool_call>(.*?)(?:</tool_call>|\Z)", re.DOTALL)
_ACTION = re.compile(r"Action:\s*([\w.-]+)\s*\n\s*Action Input:\s*(.+)", re.DOTALL)
_NAMED = re.compile(r"[\[{][\s{]*[\"'](?:name|function|tool|tool_calls)[\"']\s*:")
_BETWEEN = re.compile(r"[\s,;]*")
_CALL = re.compile(r"\[?\s*[A-Za-z_][\w.]*\(.*\)\s*\]?", re.DOTALL)


def calls_in(text: str) -> list[CallLiteral]:
    """The calls that `text` makes, in any of the known spellings; an empty list for none.

    >>> calls_in('{"name": "add", "arguments": {"a": 1}}') == calls_in("[add(a=1)]")
    True
    """
    text = text.replace("\\_", "_")  # Markdown's spelling of an underscore
    if "<tool_call>" in text:
        return [c for body in _TAGGED.findall(text) for c in _as_calls(_values(body))]
    if action := _ACTION.search(text) if "Action:" in text else None:
        arguments = (_values(action[2]) or [None])[0]
        return [
            CallLiteral(action[1], arguments if isinstance(arguments, dict) else {"0": arguments})
        ]
    for body in _bodies(text):
        if calls := _as_calls(_values(body)):
            return calls
    return []


def _bodies(text: str) -> Iterator[str]:
    """The parts of a text that may be calls: all of it, blocks of code, JSON within a sentence."""
    if text[:1] in "[{" or _CALL.fullmatch(text):
        yield text
    if "```" in text:
        yield from FENCE.findall(text)
    if found := _NAMED.search(text):
        yield text[found.start() :]


def _values(text: str) -> list[Any]:
    """The literals that a text begins with, as far as they follow each other."""
    out: list[Any] = []
    at = 0
    try:
        while len(out) < MAX_CALLS:
            value, at = parse_at(text, at)
            out.append(value)
            at = _BETWEEN.match(text, at).end()  # type: ignore[union-attr]
    except NotLiteral:
        pass
    return out


def _as_calls(value: Any) -> list[CallLiteral]:
    """Calls in a parsed value; an empty list when any part of it is something else."""
    if isinstance(value, CallLiteral):
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
        return [CallLiteral(name, arguments)]
    only = next(iter(value.items())) if len(value) == 1 else None
    return [CallLiteral(str(only[0]), only[1])] if only and isinstance(only[1], dict) else []


_ARGUMENTS = ("arguments", "parameters", "input", "args", "tool_input")


def parsed(text: str) -> Any:
    """The value of a literal, None for anything else."""
    try:
        return parse(text)
    except NotLiteral:
        return None
