"""What a program can tell of an answer's tool calls: are they valid, is what they say given.

Checked are the names and arguments against the tools that the request offers, and the values
against its words. Where no tool was offered every check is 0.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from math import log1p
from typing import Any

import numpy as np

from router.answers.constants import MAX_COMPARISONS, MAX_FAULTS
from router.answers.literals import CallLiteral, canonical, is_sequence, tool_name
from router.answers.offered_tools import Arguments, OfferedTool, offered_tools
from router.answers.tool_fit import Fit
from router.types import FloatArray, Offer

CHECKS: tuple[str, ...] = (
    "tools offered",
    "number of tools offered",
    "calls nothing",
    "number of calls",
    "several calls",
    "valid",
    "unknown function",
    "argument missing",
    "argument too many",
    "argument of another type",
    "argument out of range",
    "same call twice",
    "optional arguments given",
    "optional arguments null",
    "text beside calls",
    "words known",
    "values in the request",
    "all values in the request",
    "numbers of the request used",
    "best fit: words",
    "best fit: meaning",
    "fit of the calls: words",
    "fit of the calls: meaning",
    "best fit, calls nothing: words",
    "best fit, calls nothing: meaning",
    "better fit not called",
)
NOTHING_CHECKED = np.zeros(len(CHECKS))
_WORD = re.compile(r"\w+")
_NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?|\.\d+")
_FAULTS = {
    "required": "argument missing",
    "additionalProperties": "argument too many",
    "type": "argument of another type",
    "anyOf": "argument of another type",
    "allOf": "argument of another type",
}


def checks(
    calls: Sequence[CallLiteral],
    beside: str,
    offer: Offer | None,
    fits: Mapping[str, Fit] | None = None,
) -> FloatArray:
    """The numbers named in CHECKS, shape (len(CHECKS),).

    `beside`: the text around the calls. `fits`: how well each tool fits the request.

    Faults are shares of the calls that have them. Never raises, whatever the tools look like.
    """
    if offer is None or not offer.tools:
        return NOTHING_CHECKED
    found = dict.fromkeys(CHECKS, 0.0)
    tools = offered_tools(offer.tools)
    found["tools offered"] = 1.0
    found["number of tools offered"] = log1p(len(tools))
    if fits:
        found |= _fit(calls, fits)
    if not calls:
        found["calls nothing"] = 1.0
        return np.array(list(found.values()))
    faults: Counter[str] = Counter()
    for call in calls:
        faults.update(faults_of(call, tools.get(tool_name(call.name))))
    for name, count in faults.items():
        found[name] = count / len(calls)
    found["valid"] = float(not any(name in faults for name in _BAD))
    found["number of calls"] = log1p(len(calls))
    found["several calls"] = float(len(calls) > 1)
    found["same call twice"] = float(len({canonical(c) for c in calls}) < len(calls))
    found["text beside calls"] = log1p(len(beside.strip()))
    if offer.prompt:
        found |= _grounds(calls, offer.prompt)
    return np.array(list(found.values()))


_BAD = (*dict.fromkeys(_FAULTS.values()), "unknown function", "argument out of range")


def faults_of(call: CallLiteral, tool: OfferedTool | None) -> set[str]:
    """Which CHECKS speak of one call; `tool` None: nothing of its name was offered."""
    if tool is None:
        return {"unknown function"}
    wanted = tool.arguments
    given = {k: v for k, v in call.arguments.items() if v is not None or k in wanted.required}
    found = set()
    if len(given) < len(call.arguments):
        found.add("optional arguments null")
    if wanted.names and given.keys() & (wanted.names - wanted.required):
        found.add("optional arguments given")
    return found | _invalid(given, wanted)


def _invalid(given: Mapping[str, Any], wanted: Arguments) -> set[str]:
    if wanted.parts * sum(1 for _ in _leaves(given)) > MAX_COMPARISONS:
        surplus = wanted.names and given.keys() - wanted.names
        missing = wanted.required - given.keys()
        return {"argument too many"} & {surplus and "argument too many"} | (
            {"argument missing"} if missing else set()
        )
    errors = islice(wanted.validator.iter_errors(dict(given)), MAX_FAULTS)
    return {_FAULTS.get(str(e.validator), "argument out of range") for e in errors}


def _leaves(value: Any) -> Iterator[Any]:
    """The values that an argument is made of."""
    if isinstance(value, CallLiteral):
        value = value.arguments
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from _leaves(inner)
    elif is_sequence(value):
        for inner in value:
            yield from _leaves(inner)
    else:
        yield value


def _grounds(calls: Sequence[CallLiteral], prompt: str) -> dict[str, float]:
    """How much of what is called stands in the words of the request, and the other way round."""
    words = set(_WORD.findall(prompt.casefold()))
    numbers = {float(n.replace(",", "")) for n in _NUMBER.findall(prompt)}
    shares: list[float] = []
    used: set[float] = set()
    for call in calls:
        for leaf in _leaves(call):
            if isinstance(leaf, str):
                parts = _WORD.findall(leaf.casefold())
                if parts:
                    shares.append(sum(p in words for p in parts) / len(parts))
                used |= {float(n.replace(",", "")) for n in _NUMBER.findall(leaf)}
            elif isinstance(leaf, float):
                shares.append(float(bool({leaf, -leaf, leaf * 100} & numbers)))
                used |= {leaf, -leaf, leaf * 100}
    return {
        "words known": 1.0,
        "values in the request": sum(shares) / len(shares) if shares else 1.0,
        "all values in the request": float(all(s == 1.0 for s in shares)),
        "numbers of the request used": len(numbers & used) / len(numbers) if numbers else 1.0,
    }


def _fit(calls: Sequence[CallLiteral], fits: Mapping[str, Fit]) -> dict[str, float]:
    """How well the best tool, and those that are called, fit the request."""
    words, meaning = (max(getattr(f, k) for f in fits.values()) for k in ("words", "meaning"))
    best = {"best fit: words": words, "best fit: meaning": meaning}
    if not calls:
        nothing = {f"{k.replace(':', ', calls nothing:')}": v for k, v in best.items()}
        return best | nothing
    called = [fits.get(tool_name(c.name), Fit(0.0, 0.0)) for c in calls]
    own = sum(f.words for f in called) / len(called)
    return best | {
        "fit of the calls: words": own,
        "fit of the calls: meaning": sum(f.meaning for f in called) / len(called),
        "better fit not called": words - own,
    }
