"""Stand-ins for private values, so that a cloud model can work without seeing them.

The same value has the same stand-in through a request, counted in the order of the request; since
a conversation brings its earlier turns along, it has the same one through the conversation too. The
map is made anew for each request and lives in memory only.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

from stdnum import luhn

from router.privacy.constants import LEAST_PART, LONGEST_STAND_IN
from router.privacy.found import Found

# Kind, or its part before the colon -> what a stand-in is called. What is not here is not masked:
# of a credential nobody knows where it ends.
NAMES = {
    "email": "EMAIL",
    "phone": "PHONE",
    "card": "CARD",
    "iban": "IBAN",
    "national-number": "ID",
    "passport": "PASSPORT",
    "address": "ADDRESS",
    "name": "PERSON",
    "own-word": "WORD",
    "own-pattern": "WORD",
    "presidio": "PERSON",
}


class StandIns:
    """Which stand-in means which value. `values`: stand-in -> value, none part of another."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = dict(values)

    def __repr__(self) -> str:  # what it holds must not get into a log
        return f"StandIns({len(self._values)})"

    def restored(self, text: str, in_json: bool = False) -> str:
        """`text` with values for stand-ins; `in_json`: it is JSON, in which a value is escaped.

        >>> StandIns({"<EMAIL_1>": "ann@example.org"}).restored("Mail <EMAIL_1>.")
        'Mail ann@example.org.'
        """
        if not self._values:
            return text
        return self._pattern.sub(lambda m: self._value(m[0], in_json), text)

    def begun(self, text: str) -> int:
        """Where in `text` a stand-in begins that is not whole yet; its length if there is none."""
        for at in range(max(0, len(text) - LONGEST_STAND_IN), len(text)):
            if text[at] not in self._firsts:
                continue
            rest = _bare(text[at:])
            if any(s != rest and s.startswith(rest) for s in self._bare):
                return at
        return len(text)

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile("|".join(map(_spaced, sorted(self._values, key=len, reverse=True))))

    @cached_property
    def _bare(self) -> dict[str, str]:
        return {_bare(stand_in): value for stand_in, value in self._values.items()}

    @cached_property
    def _firsts(self) -> frozenset[str]:
        return frozenset(stand_in[0] for stand_in in self._values)

    def _value(self, written: str, in_json: bool) -> str:
        value = self._bare[_bare(written)]
        return _escaped(value) if in_json else value


class Restorer:
    """One run of text that comes in pieces, a stand-in perhaps in two of them."""

    def __init__(self, stand_ins: StandIns, in_json: bool = False) -> None:
        self._stand_ins, self._in_json, self._held = stand_ins, in_json, ""

    def feed(self, piece: str) -> str:
        """What can be said for certain so far."""
        text = self._held + piece
        at = self._stand_ins.begun(text)
        self._held = text[at:]
        return self._stand_ins.restored(text[:at], self._in_json)

    def end(self) -> str:
        """What was held back."""
        text, self._held = self._held, ""
        return self._stand_ins.restored(text, self._in_json)


def chosen(found: Iterable[Found], text: str, shaped: bool) -> dict[str, str] | None:
    """A stand-in for each value (value -> stand-in), or None where one cannot be had.

    `text`: all of the request; no stand-in occurs in it. `shaped`: in the form of what they stand
    for, since a tool may want that, and not only by name.
    """
    out: dict[str, str] = {}
    counts: dict[str, int] = {}
    for kind, value in found:
        name = NAMES.get(kind.split(":")[0])
        if name is None or value is None or not value.strip():
            return None
        if value in out:
            continue
        while True:
            counts[name] = counts.get(name, 0) + 1
            stand_in = _stand_in(name, counts[name], shaped)
            if stand_in not in text:
                break
        out[value] = stand_in
    return out


def parts(value: str, stand_in: str) -> tuple[str, ...]:
    """What of a value would still tell it, were it left somewhere else; itself first.

    Of an e-mail address what stands before the @, of names and own words nothing more, of all else
    each half.

    >>> parts("ann.lee@example.org", "<EMAIL_1>"), parts("Ann Lee", "<PERSON_1>")
    (('ann.lee@example.org', 'ann.lee'), ('Ann Lee',))
    """
    half = len(value) // 2
    found: tuple[str, ...] = (value[:half].strip(), value[-half:].strip())
    if stand_in.startswith("<EMAIL_"):
        found = (value.partition("@")[0],)
    elif stand_in.startswith(("<PERSON_", "<WORD_")):
        found = ()
    return (value, *(part for part in found if len(part) >= LEAST_PART))


def masked(value: Any, stand_ins: Mapping[str, str]) -> Any:
    """A JSON value with stand-ins in all of its strings; keys and numbers stay as they are."""
    longest_first = sorted(stand_ins, key=len, reverse=True)
    pattern = re.compile("|".join(map(re.escape, longest_first)))

    def walk(inner: Any) -> Any:
        if isinstance(inner, str):
            return pattern.sub(lambda m: stand_ins[m[0]], inner)
        if isinstance(inner, list):
            return [walk(v) for v in inner]
        if isinstance(inner, dict):
            return {k: walk(v) for k, v in inner.items()}
        return inner

    return walk(value)


def _stand_in(name: str, number: int, shaped: bool) -> str:
    if shaped and name in _SHAPES:
        return _SHAPES[name](number)
    return f"<{name}_{number}>"


def _card(number: int) -> str:
    first = f"400000999{number:06}"  # Visa's range for tests
    return first + str(luhn.calc_check_digit(first))


# A valid-looking value each, of ranges that nobody is given: RFC 2606, and numbers for fiction.
_SHAPES = {
    "EMAIL": lambda number: f"masked-{number}@person.example",
    "PHONE": lambda number: f"+1 202 555 {100 + number % 100:04}{'' if number < 100 else number}",
    "CARD": _card,
}


def _spaced(stand_in: str) -> str:
    """A pattern for it; digits may be grouped by who answers."""
    if stand_in.lstrip("+").replace(" ", "").isdigit():
        return r"[ -]?".join(re.escape(c) for c in _bare(stand_in))
    return re.escape(stand_in)


def _bare(written: str) -> str:
    """What makes it that stand-in: of a number, its digits."""
    if written.lstrip("+")[:1].isdigit():
        return written.replace(" ", "").replace("-", "")
    return written


def _escaped(value: str) -> str:
    import json

    return json.dumps(value, ensure_ascii=False)[1:-1]
