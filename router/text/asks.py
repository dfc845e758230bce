"""What kind of answer a request asks for."""

import re

from router.text.constants import MIN_OPTIONS
from router.text.structure import clip
from router.types import Request

ASKS: tuple[str, ...] = ("text", "choice", "number", "data", "code")
# Line by line: `\s*` would run over blank lines from each of them, in squares of their number.
_OPTIONS = re.compile(r"(?m)^[^\S\n]*\(?([A-J])[.):]\s")
_DATA = re.compile(r"\b(?:JSON|YAML|as a list of objects)\b")
# What is looked for before a pattern is, in half the time: one of these stands in what it finds.
_MAKE = ("write", "implement", "create", "fix", "refactor", "complete")
_RECKON = ("how ", "calculate", "compute", "what percent", "what is the ", "find the ")
_CODE = re.compile(
    rf"\b(?:{'|'.join(_MAKE)})\b.{{0,60}}"
    r"\b(?:function|script|program|class|query|regex|code|method|unit tests?)\b"
)
_NUMBER = re.compile(
    r"\bhow (?:many|much|far|long|old|tall|fast)\b|\bcalculate\b|\bcompute\b|\bwhat percent"
    r"|\bwhat is the (?:value|sum|product|total|number|probability|area|volume|average|mean"
    r"|remainder|smallest|largest|least|greatest)\b|\bfind the (?:value|sum|number|area|smallest"
    r"|largest|least|greatest|remainder)\b"
)


def asks_for(request: Request) -> str:
    """One of ASKS, by marks in the routing text; `text` where none stands.

    >>> asks_for(Request(text="How many legs have seven spiders?", chars=33))
    'number'
    """
    text = clip(request.text)
    if len(_OPTIONS.findall(text)) >= MIN_OPTIONS:
        return "choice"
    if request.json_schema or _DATA.search(text):
        return "data"
    lower = text.lower()
    if any(word in lower for word in _MAKE) and _CODE.search(lower):
        return "code"
    reckons = any(words in lower for words in _RECKON) and _NUMBER.search(lower)
    return "number" if reckons else "text"
