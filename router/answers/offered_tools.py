"""The tools that a request offers, by name, and JSON Schemas that are safe to check against.

Definitions are taken in OpenAI's shape, in Anthropic's, and bare (`name` with `parameters`). They
come from outside: a schema may be wrong, refer to itself, to the web, or double at every level. So
each is copied first: keywords that a call can be checked by, local references put in place, at
most 400 parts; what is left out allows anything, and nothing is ever fetched.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import isfinite
from typing import TYPE_CHECKING, Any

from router.answers.constants import MAX_SCHEMA_DEPTH, MAX_SCHEMA_PARTS, SCHEMAS_REMEMBERED
from router.answers.literals import canonical, tool_name

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

# What definitions in the wild write for JSON Schema's types: Python's, Java's and TypeScript's.
_TYPES = {
    "dict": "object",
    "map": "object",
    "hashmap": "object",
    "record": "object",
    "float": "number",
    "double": "number",
    "decimal": "number",
    "int": "integer",
    "long": "integer",
    "short": "integer",
    "byte": "integer",
    "bool": "boolean",
    "str": "string",
    "char": "string",
    "list": "array",
    "tuple": "array",
    "arraylist": "array",
    "set": "array",
    **{t: t for t in ("object", "number", "integer", "boolean", "string", "array", "null")},
}
_BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_SIZES = ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties")
_POINTER = re.compile(r"~[01]")


@dataclass(frozen=True)
class OfferedTool:
    """One tool: its name as defined, what it says it does, and its arguments' schema, as JSON."""

    name: str
    description: str
    schema: str

    @cached_property
    def arguments(self) -> "Arguments":
        """What its arguments must be."""
        return _compiled(self.schema)


@dataclass(frozen=True)
class Arguments:
    """What the arguments of a tool must be.

    `names` and `required` as defined; `parts`: the number of sub-schemas, which bounds what a check
    costs. `schema`: safe to check against.
    """

    schema: Mapping[str, Any]
    names: frozenset[str]
    required: frozenset[str]
    parts: int

    @cached_property
    def validator(self) -> "Validator":
        """Names what is wrong with arguments; it fetches nothing and knows no references."""
        return _validator_class()(self.schema)


def offered_tools(definitions: Sequence[Any]) -> dict[str, OfferedTool]:
    """The tools of `definitions` by the spelling that names are compared in; others are left out.

    >>> list(offered_tools([{"type": "function", "function": {"name": "maths.add"}}]))
    ['maths_add']
    """
    found = (_tool(d) for d in definitions)
    return {tool_name(tool.name): tool for tool in found if tool is not None}


def _tool(definition: Any) -> OfferedTool | None:
    inner = definition.get("function") if isinstance(definition, Mapping) else None
    given = inner if isinstance(inner, Mapping) else definition
    if not isinstance(given, Mapping) or not isinstance(given.get("name"), str):
        return None
    schemas = (given[k] for k in _SCHEMAS if isinstance(given.get(k), Mapping))
    schema: Mapping[str, Any] = next(schemas, {})
    described = given.get("description")
    try:
        written = json.dumps(schema)
    except (TypeError, ValueError, RecursionError):
        written = "{}"
    return OfferedTool(given["name"], described if isinstance(described, str) else "", written)


_SCHEMAS = ("parameters", "input_schema", "inputSchema")


@lru_cache(maxsize=SCHEMAS_REMEMBERED)
def _compiled(schema: str) -> Arguments:
    """`schema` (JSON) copied into what is safe; remembered, as each request offers it again."""
    root = json.loads(schema)
    copier = _Copier(root)
    copied = copier.copy(root, 0)
    properties = copied.get("properties", {})
    if properties:
        # Most definitions do not say so, and mean it: a function takes the arguments it has.
        copied.setdefault("additionalProperties", False)
    required = frozenset(copied.get("required", ())) & frozenset(properties)
    return Arguments(copied, frozenset(properties), required, copier.parts)


class _Copier:
    """Copies one schema, counting its parts."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self.parts = 0

    def copy(self, raw: Any, depth: int) -> dict[str, Any]:
        """What of `raw` calls are checked by; {} allows anything."""
        self.parts += 1
        if self.parts > MAX_SCHEMA_PARTS or depth > MAX_SCHEMA_DEPTH or not isinstance(raw, dict):
            return {}
        if isinstance(raw.get("$ref"), str):
            return self.copy(self._target(raw["$ref"]), depth + 1)
        out: dict[str, Any] = {**_types(raw), **_limits(raw)}
        properties = raw.get("properties")
        if isinstance(properties, dict):
            out["properties"] = {k: self.copy(v, depth + 1) for k, v in properties.items()}
            required = raw.get("required")
            if isinstance(required, list):
                # A name that no property has would make every call invalid.
                out["required"] = [r for r in required if isinstance(r, str) and r in properties]
            if raw.get("additionalProperties") is False:
                out["additionalProperties"] = False
            elif "additionalProperties" in raw:
                out["additionalProperties"] = self.copy(raw["additionalProperties"], depth + 1)
        if isinstance(raw.get("items"), dict):
            out["items"] = self.copy(raw["items"], depth + 1)
        for several, kept in (("anyOf", "anyOf"), ("oneOf", "anyOf"), ("allOf", "allOf")):
            if isinstance(raw.get(several), list) and raw[several] and kept not in out:
                out[kept] = [self.copy(one, depth + 1) for one in raw[several]]
        return out

    def _target(self, reference: str) -> Any:
        """The part of the root that a local reference points to; None for any other."""
        if not reference.startswith("#"):
            return None
        at = self._root
        for step in _steps(reference):
            at = at.get(step) if isinstance(at, dict) else None
        return at


def _steps(reference: str) -> Iterator[str]:
    for step in reference.removeprefix("#").split("/")[1:]:
        yield _POINTER.sub(lambda found: "~" if found[0] == "~0" else "/", step)


def _types(raw: Mapping[str, Any]) -> dict[str, Any]:
    given = raw.get("type")
    names = given if isinstance(given, list) else [given]
    known = [_TYPES.get(n.lower()) for n in names if isinstance(n, str)]
    if not known or None in known:
        return {}
    if raw.get("nullable") is True:
        known.append("null")
    return {"type": known}


def _limits(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Enumerations and bounds, where they are what they should be."""
    out = {k: raw[k] for k in _BOUNDS if _number(raw.get(k))}
    out |= {k: raw[k] for k in _SIZES if _number(raw.get(k)) and raw[k] >= 0}
    values = raw.get("enum")
    if isinstance(values, list) and values:
        out["enum"] = _spellings(values)
    elif "const" in raw:
        out["enum"] = _spellings([raw["const"]])
    return out


def _spellings(values: list[Any]) -> list[str]:
    return [spelling(v) for v in values]


def spelling(value: Any) -> str:
    """Equal for values that no grader tells apart: 5 and 5.0, "Celsius" and "celsius".

    >>> spelling(5) == spelling(5.0), spelling("Celsius") == spelling(" celsius")
    (True, True)
    """
    try:
        return canonical(_floats(value))
    except RecursionError:
        return ""


def _floats(value: Any) -> Any:
    """`value` with its whole numbers as floats, as literals in answers are read."""
    if isinstance(value, int) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            return float("inf")
    if isinstance(value, list):
        return [_floats(v) for v in value]
    if isinstance(value, dict):
        return {k: _floats(v) for k, v in value.items()}
    return value


def _number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return isinstance(value, int) or isfinite(value)


@lru_cache(maxsize=1)
def _validator_class() -> "type[Validator]":
    """JSON Schema as a grader of calls reads it; imported here, as most requests offer no tool."""
    from jsonschema import Draft202012Validator, ValidationError, validators

    def enumeration(_: Any, values: list[str], instance: Any, __: Any) -> Iterator[ValidationError]:
        if spelling(instance) not in values:
            yield ValidationError("another value")

    extended: type[Validator] = validators.extend(Draft202012Validator, {"enum": enumeration})
    return extended
