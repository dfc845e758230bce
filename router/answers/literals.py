"""A forgiving reader of literals: JSON, Python's, and calls such as `f(x=1, y="b")`.

Small models write JSON with raw line breaks, Python's quotes or `None`; strict parsers give up on
them, and `eval` would trust them. This reader takes all of it as data and runs nothing.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from router.answers.constants import MAX_FINAL_CHARS, MAX_LITERAL_DEPTH

_TOKEN = re.compile(
    r"""\s*(?:(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    |(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)(?![\w.])
    |(?P<name>[A-Za-z_][\w.\-]*)
    |(?P<mark>[\[\](){}:,=]))""",
    re.S | re.X,
)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.S)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_CONSTANTS = {"true": True, "false": False, "null": None, "none": None}
_CLOSING = {"[": "]", "(": ")", "{": "}"}


@dataclass(frozen=True, slots=True)
class CallLiteral:
    """A function's name and its arguments; unnamed ones are called `0`, `1`, ..."""

    name: str
    arguments: Mapping[str, Any]


class NotLiteral(ValueError):
    """The text is no literal of the kinds read here."""


def parse(text: str) -> Any:
    """The value that all of `text` denotes.

    Raises NotLiteral for anything else, over 20,000 characters, or over 32 levels deep.

    >>> parse("{'a': [1, true, None]}")
    {'a': [1.0, True, None]}
    >>> parse("add(a=1, b=2)").arguments
    {'a': 1.0, 'b': 2.0}
    """
    value, end = parse_at(text, 0)
    if text[end:].strip():
        raise NotLiteral
    return value


def parse_at(text: str, start: int) -> tuple[Any, int]:
    """The value that begins at `start`, and where it ends. Raises NotLiteral."""
    if len(text) - start > MAX_FINAL_CHARS:
        text = text[: start + MAX_FINAL_CHARS]
    reader = _Reader(text, start)
    return reader.value(0), reader.at


def canonical(value: Any) -> str:
    """One spelling for equal values: keys in order, numbers by value, strings without case.

    Types stay apart: the number 5 and 5.0 are one, the string "5" is another.

    >>> canonical(parse('{"b": 1.0, "a": "X y"}')) == canonical(parse("{'a': 'x  Y', 'b': 1}"))
    True
    """
    if isinstance(value, bool) or value is None:
        return "null" if value is None else str(value).lower()
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, str):
        return '"' + " ".join(value.split()).casefold() + '"'
    if isinstance(value, CallLiteral):
        return f"{tool_name(value.name)}({canonical(value.arguments)})"
    if isinstance(value, Mapping):
        items = sorted((str(k).casefold(), canonical(v)) for k, v in value.items())
        return "{" + ",".join(f"{k}:{v}" for k, v in items) + "}"
    return "[" + ",".join(map(canonical, value)) + "]"


def tool_name(name: str) -> str:
    """One spelling for a tool's name: no case, no quotes, dots as underscores.

    Models and servers that allow no dot in a name write an underscore for it.

    >>> tool_name("Weather.get") == tool_name("weather_get")
    True
    """
    return name.strip("'\"` ").replace(".", "_").casefold()


class _Reader:
    """One pass over the tokens of a text."""

    def __init__(self, text: str, at: int) -> None:
        self.text, self.at = text, at

    def token(self) -> tuple[str, str]:
        found = _TOKEN.match(self.text, self.at)
        if not found or not found.lastgroup:
            raise NotLiteral
        self.at = found.end()
        return found.lastgroup, found[found.lastgroup]

    def peek(self) -> str:
        found = _TOKEN.match(self.text, self.at)
        return found["mark"] or "" if found else ""

    def value(self, depth: int) -> Any:
        if depth > MAX_LITERAL_DEPTH:
            raise NotLiteral
        kind, token = self.token()
        if kind == "string":
            return _unescaped(token[1:-1])
        if kind == "number":
            return float(token)
        if kind == "name":
            if token.lower() in _CONSTANTS:
                return _CONSTANTS[token.lower()]
            if self.peek() != "(":
                raise NotLiteral
            self.token()
            return self.call(token, depth)
        if token not in _CLOSING:
            raise NotLiteral
        return self.collection(_CLOSING[token], depth)

    def collection(self, closing: str, depth: int) -> Any:
        items: list[Any] = []
        pairs: dict[str, Any] = {}
        while self.peek() != closing:
            item = self.value(depth + 1)
            if closing == "}" and self.peek() == ":":
                self.token()
                pairs[item if isinstance(item, str) else canonical(item)] = self.value(depth + 1)
            else:
                items.append(item)
            self.separator(closing)
        self.token()
        if pairs or (closing == "}" and not items):
            if items:
                raise NotLiteral
            return pairs
        return items

    def call(self, name: str, depth: int) -> CallLiteral:
        arguments: dict[str, Any] = {}
        while self.peek() != ")":
            start = self.at
            kind, token = self.token()
            if kind == "name" and self.peek() == "=":
                self.token()
                arguments[token] = self.value(depth + 1)
            else:
                self.at = start
                arguments[str(len(arguments))] = self.value(depth + 1)
            self.separator(")")
        self.token()
        return CallLiteral(name, arguments)

    def separator(self, closing: str) -> None:
        if self.peek() == ",":
            self.token()
        elif self.peek() != closing:
            raise NotLiteral


def _unescaped(body: str) -> str:
    if "\\" not in body:
        return body
    return _ESCAPE.sub(_character, body)


def _character(found: re.Match[str]) -> str:
    code = found[1]
    if len(code) == 5:
        return chr(int(code[1:], 16))
    # Before any other letter stands LaTeX that was not escaped, as in "\sqrt{2}".
    return _ESCAPED.get(code, code if not code.isalpha() else f"\\{code}")


def is_sequence(value: Any) -> bool:
    """Whether a parsed value is a list (or tuple, or set)."""
    return isinstance(value, Sequence) and not isinstance(value, str)
