"""Whether an answer passes: programs, not opinions.

A check is a mapping with `type` and what that needs:

- number: the last number of the answer is `value`, within `tolerance` (default 0)
- text: the answer holds one of `any`, and none of `none`; case and punctuation do not count
- exact: the answer, apart from case and closing punctuation, is one of `any`
- json: the answer is JSON (in a fence or not) equal to `equals`; with `bare`, without a fence
- schema: the answer is a JSON object whose `types` (name -> JSON type) all fit, with no other name
- regex: the whole answer matches `pattern`
- words, lines: their number is `count`, or lies from `min` to `max`
- count: `text` occurs `times` times
- only: the case of its letters is `upper` or `lower`; without: the letter `letter` is missing
- code: its code passes `tests`, run in a sandbox
- all: every one of `checks` passes
"""

import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

from router.labelling.probes import sandbox

Check = Mapping[str, Any]
_NUMBER = re.compile(r"(?<![\w.])[-−]?\d[\d,]*(?:\.\d+)?")
_FENCE = re.compile(r"```[\w+-]*\n(.*?)(?:```|\Z)", re.DOTALL)
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}


def passed(check: Check, answer: str) -> bool:
    """Whether `answer` passes `check`.

    Raises KeyError for a check of unknown type, NoSandbox where code would run unconfined.

    >>> passed({"type": "number", "value": 391}, "17 times 23 is **391**.")
    True
    >>> passed({"type": "text", "any": ["Bonjour"]}, "bonjour !")
    True
    """
    return _CHECKS[check["type"]](check, answer.strip())


def runs_code(check: Check) -> bool:
    """Whether the check runs what a model wrote.

    >>> runs_code({"type": "all", "checks": [{"type": "code", "tests": ""}]})
    True
    """
    return check["type"] == "code" or any(map(runs_code, check.get("checks", ())))


def _number(check: Check, answer: str) -> bool:
    found = _NUMBER.findall(re.sub(r"(?<=\d)[ ](?=\d{3}\b)", "", answer))
    if not found:
        return False
    last = float(found[-1].replace(",", "").replace("−", "-"))
    return abs(last - float(check["value"])) <= float(check.get("tolerance", 0)) + 1e-9


def _plain(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(re.sub(r"[^\w\s]", " ", folded).split())


def _holds(text: str, wanted: str) -> bool:
    return f" {_plain(wanted)} " in f" {text} "


def _text(check: Check, answer: str) -> bool:
    plain = _plain(answer)
    wanted = any(_holds(plain, w) for w in check["any"])
    return wanted and not any(_holds(plain, w) for w in check.get("none", ()))


def _exact(check: Check, answer: str) -> bool:
    return _plain(answer) in {_plain(w) for w in check["any"]}


def _loaded(answer: str, bare: bool) -> Any:
    fence = _FENCE.search(answer)
    try:
        return json.loads(fence[1] if fence and not bare else answer)
    except ValueError:
        return ...


def _json(check: Check, answer: str) -> bool:
    equal: bool = _loaded(answer, check.get("bare", False)) == check["equals"]
    return equal


def _schema(check: Check, answer: str) -> bool:
    found, types = _loaded(answer, check.get("bare", False)), check["types"]
    if not isinstance(found, dict) or set(found) != set(types):
        return False
    return all(
        isinstance(found[name], _TYPES[kind])
        and (kind == "boolean") == isinstance(found[name], bool)
        for name, kind in types.items()
    )


def _regex(check: Check, answer: str) -> bool:
    return re.fullmatch(check["pattern"], answer, re.DOTALL) is not None


def _counted(count: Callable[[str], int]) -> Callable[[Check, str], bool]:
    def counted(check: Check, answer: str) -> bool:
        low, high = (check.get(side, check.get("count")) for side in ("min", "max"))
        n = count(answer)
        return (low is None or n >= low) and (high is None or n <= high)

    return counted


def _times(check: Check, answer: str) -> bool:
    times: int = check["times"]
    return answer.casefold().count(check["text"].casefold()) == times


def _only(check: Check, answer: str) -> bool:
    wanted = answer.upper() if check["case"] == "upper" else answer.lower()
    return any(c.isalpha() for c in answer) and answer == wanted


def _without(check: Check, answer: str) -> bool:
    return bool(answer) and check["letter"] not in answer.casefold()


def _code(check: Check, answer: str) -> bool:
    fences = _FENCE.findall(answer)
    return sandbox.passes("\n".join(fences) if fences else answer, check["tests"])


def _all(check: Check, answer: str) -> bool:
    return all(passed(part, answer) for part in check["checks"])


_CHECKS: dict[str, Callable[[Check, str], bool]] = {
    "number": _number,
    "text": _text,
    "exact": _exact,
    "json": _json,
    "schema": _schema,
    "regex": _regex,
    "count": _times,
    "only": _only,
    "without": _without,
    "code": _code,
    "all": _all,
    "words": _counted(lambda a: len(a.split())),
    "lines": _counted(lambda a: sum(1 for line in a.splitlines() if line.strip())),
}
