"""Reading a tool loop: how many steps, and whether it goes wrong."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from router.text.constants import RESULT_HEAD_CHARS
from router.types import Loop

# How tools say that they failed, where no field does: at the start, or in a shell's report.
_ERROR = re.compile(
    r"\s*(?:<tool_use_error>|\[?error\b|traceback \(most recent|exception\b|fatal:"
    r"|exit code:? *-?[1-9]|command failed|failed to\b)"
    r"|(?s:.{0,200})\bprocess exited with code -?[1-9]",
    re.IGNORECASE,
)
# And that nothing could be done with the call at all.
_NO_CALL = re.compile(
    r"\s*(?:<tool_use_error>)?\s*(?:error:? *)?"
    r"(?:InputValidationError|no such tool|unknown tool|tool not found|invalid arguments"
    r"|failed to parse (?:function )?arguments|unsupported call)",
    re.IGNORECASE,
)


@dataclass(slots=True)
class _Step:
    """A turn with calls, and what came of them."""

    calls: list[str] = field(default_factory=list)  # name and arguments, in one form
    broken: bool = False
    failed: bool = False


def loop_of(turns: Sequence[Mapping[str, Any]]) -> Loop | None:
    """The loop of the turns after a person's request; None where they end with no result.

    >>> turns = [{"role": "assistant", "tool_calls": [{"function": {"name": "ls"}}]},
    ...          {"role": "tool", "content": "Error: no such folder"}]
    >>> loop_of(turns)
    Loop(steps=1, failed=1, repeats=0, malformed=0)
    """
    steps: list[_Step] = []
    ended = False
    for turn in turns:
        called = list(_calls(turn))
        if called:
            steps.append(_Step(calls=[text for text, _ in called]))
            steps[-1].broken = any(broken for _, broken in called)
            ended = False
        for failed, text in _results(turn):
            ended = True
            if steps:
                head = text[:RESULT_HEAD_CHARS]
                steps[-1].broken |= _NO_CALL.match(head) is not None
                steps[-1].failed |= failed or _ERROR.match(head) is not None
    if not steps or not ended:
        return None
    return Loop(
        steps=len(steps),
        failed=_in_a_row([s.failed for s in steps]),
        repeats=_in_a_row([a.calls == b.calls for a, b in pairwise(steps)]),
        malformed=_in_a_row([s.broken for s in steps]),
    )


def _in_a_row(marks: Sequence[bool]) -> int:
    """How many marks at the end are true."""
    return next((i for i, mark in enumerate(reversed(marks)) if not mark), len(marks))


def _calls(turn: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
    """The calls of a turn: name with arguments, and whether the arguments are broken."""
    for call in turn.get("tool_calls") or ():
        function = call.get("function") if isinstance(call, Mapping) else None
        if isinstance(function, Mapping):
            yield _call(function.get("name"), function.get("arguments"))
    content = turn.get("content")
    for block in content if isinstance(content, list) else ():
        if isinstance(block, Mapping) and block.get("type") == "tool_use":
            yield _call(block.get("name"), block.get("input"))


def _call(name: Any, arguments: Any) -> tuple[str, bool]:
    given = arguments
    if isinstance(given, str):
        try:
            given = json.loads(given or "{}")
        except (ValueError, RecursionError):
            return f"{name} {arguments}", True
    written = json.dumps(given, sort_keys=True, default=str)
    return f"{name} {written}", not isinstance(given, Mapping | None)


def _results(turn: Mapping[str, Any]) -> Iterator[tuple[bool, str]]:
    """The results in a turn: whether a field says that the tool failed, and how they begin."""
    content = turn.get("content")
    if turn.get("role") in ("tool", "function"):
        yield False, _head(content)
        return
    for block in content if isinstance(content, list) else ():
        if isinstance(block, Mapping) and block.get("type") == "tool_result":
            yield block.get("is_error") is True, _head(block.get("content"))


def _head(content: Any) -> str:
    if isinstance(content, str):
        return content
    for block in content if isinstance(content, list) else ():
        if isinstance(block, Mapping) and isinstance(block.get("text"), str):
            return str(block["text"])
    return ""
