"""What a program can tell of an answer's tool calls: are they valid, is what they say given.

Checked are the names and arguments against the tools that the request offers, and the values
against its words. Where no tool was offered every check is 0.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from math import log1p
from typing import Any

import numpy as np

from router.answers.constants import MAX_COMPARISONS, MAX_FAULTS
from router.answers.literals import CallLiteral, canonical, is_sequence, tool_name
from router.answers.offered_tools import Arguments, OfferedTool, offered_tools
from router.answers.tool_fit import Fit, ToolFit, nothing_fits
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
    "numbers of the request used",
    "names of the request used",
    "best fit: words",
    "best fit: meaning",
    "fit of the calls: words",
    "fit of the calls: meaning",
    "calls, nothing fits",
    "calls nothing, something fits",
    "calls nothing, nothing fits",
    "better fit not called",
)
NOTHING_CHECKED = np.zeros(len(CHECKS))
_NAME = re.compile(r"(?<=[a-z,;:] )[A-Z][\w-]+")
_WORD = re.compile(r"\w+")
_NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?|\.\d+")
_FAULTS = {
    "required": "argument missing",
    "additionalProperties": "argument too many",
    "type": "argument of another type",
    "anyOf": "argument of another type",
    "allOf": "argument of another type",
}


@dataclass(frozen=True, slots=True)
class Offered:
    """What calls are checked against: tools by name, the words of the request, each tool's fit.

    `words` None and `fits` empty: what was asked is not known.
    """

    tools: Mapping[str, OfferedTool]
    words: "Words | None" = None
    fits: Mapping[str, Fit] = field(default_factory=dict)

    @classmethod
    def of(cls, offer: Offer, fit: ToolFit) -> "Offered":
        """Read once, for all answers to one request."""
        tools = offered_tools(offer.tools)
        if not offer.prompt:
            return cls(tools)
        return cls(tools, Words.of(offer.prompt), fit.of(tools, offer.prompt))


def checks(calls: Sequence[CallLiteral], beside: str, offered: Offered | None) -> FloatArray:
    """The numbers named in CHECKS, shape (len(CHECKS),); `beside`: the text around the calls.

    Faults are shares of the calls that have them. Never raises, whatever the tools look like.
    """
    if offered is None or not offered.tools:
        return NOTHING_CHECKED
    tools = offered.tools
    found = dict.fromkeys(CHECKS, 0.0)
    found["tools offered"] = 1.0
    found["number of tools offered"] = log1p(len(tools))
    if offered.fits:
        found |= _fit(calls, offered.fits)
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
    if len(calls) > 1:
        found["same call twice"] = float(len({canonical(c) for c in calls}) < len(calls))
    found["text beside calls"] = log1p(len(beside.strip()))
    if offered.words:
        found |= _grounds(calls, offered.words)
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


def _grounds(calls: Sequence[CallLiteral], asked: "Words") -> dict[str, float]:
    """How much of what is called stands in the words of the request, and the other way round."""
    used = Words()
    shares = []
    for call in calls:
        for value in _leaves(call):
            said = Words.of(value)
            used |= said
            if said.words or said.numbers:
                shares.append(asked.share_of(said))
    return {
        "words known": 1.0,
        "values in the request": sum(shares) / len(shares) if shares else 1.0,
        "numbers of the request used": used.numbers_of(asked),
        "names of the request used": used.names_of(asked),
    }


@dataclass
class Words:
    """The words, numbers and names (words with a capital within a sentence) of a text or value."""

    words: set[str] = field(default_factory=set)
    numbers: set[float] = field(default_factory=set)
    names: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, value: Any) -> "Words":
        """Those of a text, or of a number; nothing else has any."""
        if isinstance(value, float):
            return cls(numbers={value})
        if not isinstance(value, str):
            return cls()
        numbers = {float(n.replace(",", "")) for n in _NUMBER.findall(value)}
        words = {w for w in _WORD.findall(value.casefold()) if not w.isdecimal()}
        return cls(words, numbers, {n.casefold() for n in _NAME.findall(value)})

    def __ior__(self, other: "Words") -> "Words":
        self.words |= other.words
        self.numbers |= other.numbers
        return self

    def share_of(self, said: "Words") -> float:
        """The share of the words and numbers `said` that stand here."""
        numbers = sum(self._holds(n) for n in said.numbers)
        return (len(said.words & self.words) + numbers) / (len(said.words) + len(said.numbers))

    def _holds(self, number: float) -> bool:
        # 5 % may be called as 0.05, and what is lost or owed as a negative number
        return bool({number, -number, number * 100, round(number * 100, 6)} & self.numbers)

    def numbers_of(self, asked: "Words") -> float:
        """The share of the numbers in `asked` that stand here."""
        held = {n for n in asked.numbers if {n, -n, n / 100, round(n / 100, 6)} & self.numbers}
        return len(held) / len(asked.numbers) if asked.numbers else 1.0

    def names_of(self, asked: "Words") -> float:
        """The share of the names in `asked` that stand here."""
        return len(asked.names & self.words) / len(asked.names) if asked.names else 1.0


def _fit(calls: Sequence[CallLiteral], fits: Mapping[str, Fit]) -> dict[str, float]:
    """How well the best tool, and those that are called, fit the request."""
    words, meaning = (max(getattr(f, k) for f in fits.values()) for k in ("words", "meaning"))
    best = {"best fit: words": words, "best fit: meaning": meaning}
    none = nothing_fits(Fit(words, meaning))
    if not calls:
        return best | {
            "calls nothing, something fits": 1 - none,
            "calls nothing, nothing fits": none,
        }
    best["calls, nothing fits"] = none
    called = [fits.get(tool_name(c.name), Fit(0.0, 0.0)) for c in calls]
    own = sum(f.words for f in called) / len(called)
    return best | {
        "fit of the calls: words": own,
        "fit of the calls: meaning": sum(f.meaning for f in called) / len(called),
        "better fit not called": words - own,
    }
