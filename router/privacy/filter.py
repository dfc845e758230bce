"""Scanning whole requests, and the clearance without which nothing goes to the cloud."""

import hashlib
import json
import re
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from router.errors import RequestRefused
from router.privacy.constants import (
    LARGEST_HARMLESS_NUMBER,
    MAX_NESTING,
    TURN_END,
    TURNS_JOINED,
    TURNS_REMEMBERED,
)
from router.privacy.detectors import Detector
from router.privacy.found import Found
from router.privacy.masking import NAMES, StandIns, chosen, masked, parts
from router.text.request import without_surrogates

PRIVATE_HEADER = "x-router-privacy"
_SEAL = object()
_PART = re.compile(r"[0-9@]")  # nothing that is found across turns is without


@dataclass(frozen=True, slots=True)
class Finding:
    """What kind of private content is where, such as `email` in `messages[3]`; never the text."""

    kind: str
    where: str


class Clearance:
    """A request that may leave the machine, as bytes that nobody can change any more.

    Only a `PrivacyFilter` makes one. The cloud backend sends nothing else. `stand_ins`: what its
    stand-ins mean, if it has any, for the answer.
    """

    __slots__ = ("_payload", "stand_ins")

    def __init__(self, payload: bytes, seal: object, stand_ins: StandIns | None = None) -> None:
        if seal is not _SEAL:
            raise TypeError("Only the privacy filter clears requests.")
        self._payload, self.stand_ins = payload, stand_ins

    def body(self) -> dict[str, Any]:
        """The request as it was scanned, a fresh copy."""
        body: dict[str, Any] = json.loads(self._payload)
        return body


@dataclass(frozen=True, slots=True)
class Screening:
    """What the privacy filter found in a request."""

    findings: tuple[Finding, ...]
    _payload: bytes
    _masked: Clearance | None = None

    @property
    def private(self) -> bool:
        """Whether there is private content in it."""
        return bool(self.findings)

    @property
    def masked(self) -> bool:
        """Whether it may leave with stand-ins for all that is private in it."""
        return self._masked is not None

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds found, without repeats."""
        return tuple(dict.fromkeys(f.kind for f in self.findings))

    def clear(self) -> Clearance:
        """The clearance to leave. Raises RequestRefused for a private request not masked."""
        if self._masked is not None:
            return self._masked
        if self.findings:
            raise RequestRefused(
                403, "private_content", f"Private content ({', '.join(self.kinds)}) stays here."
            )
        return Clearance(self._payload, _SEAL)


class PrivacyFilter:
    """Scans requests with all of `detectors`.

    `mask`: private requests may leave with stand-ins for their values, where that is certain; what
    `also` finds is masked along, though it makes no request private.

    >>> from router.privacy.detectors import Builtin
    >>> found = PrivacyFilter([Builtin()])
    >>> found.screen(b'{"messages": [{"role": "user", "content": "I am ann@example.org"}]}').kinds
    ('email',)
    """

    def __init__(
        self,
        detectors: Sequence[Detector],
        mask: bool = False,
        also: Sequence[Detector] = (),
    ) -> None:
        self._detectors, self._mask, self._also = tuple(detectors), mask, tuple(also)
        self._known: OrderedDict[bytes, tuple[str, ...]] = OrderedDict()

    def screen(
        self,
        payload: bytes,
        declared: str | None = None,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Screening:
        """Scan a request: every turn, tool, argument, result, name and number in it.

        `payload`: its JSON. `declared`: what the header x-router-privacy says. `body`: `payload`
        parsed, if that was done already. `headers`: that would be sent along.
        """
        body = json.loads(payload) if body is None else body
        findings = []
        if declared is not None and "private" in (d.strip().lower() for d in declared.split(",")):
            findings.append(Finding("declared", PRIVATE_HEADER))
        findings += self._findings(body)
        if not findings and not headers:
            return Screening((), payload)
        others = [
            Finding(kind, where)
            for where, text in (headers or {}).items()
            for kind in self._kinds(text)
        ]
        clearance = None
        if self._mask and findings and not others:
            clearance = self._masked(body, findings)
        return Screening((*findings, *others), payload, clearance)

    def _findings(self, body: Mapping[str, Any]) -> list[Finding]:
        units = [*_units(body)]
        found = [Finding(kind, where) for where, text in units for kind in self._kinds(text)]
        for pieces in _split(body):
            found += [Finding(kind, "messages") for kind in self._across(pieces)]
        return found

    def _across(self, pieces: Sequence[str]) -> Iterator[str]:
        """The kinds of values that begin in one turn and end in another."""
        for joined in ("".join(pieces), " ".join(pieces)):
            for kind, value in self._found(without_surrogates(joined)):
                if value is not None and not any(value in piece for piece in pieces):
                    yield kind

    def _masked(self, body: Mapping[str, Any], findings: Sequence[Finding]) -> Clearance | None:
        """The clearance with stand-ins for all values, or None where one might be left.

        With stand-ins that are mere names nothing is found any more: that is what makes it certain.
        """
        if any(f.kind.split(":")[0] not in NAMES for f in findings) or _has_image(body):
            return None
        everything = _text(dict(body))
        found = [f for _, text in _units(body) for f in self._found(without_surrogates(text))]
        named = chosen(found, everything, shaped=False)
        shaped = chosen(found, everything, shaped=bool(body.get("tools")))
        if not named or not shaped:
            return None
        checked = masked(body, named)
        left = _text(checked)
        telling = (part for value, stand_in in named.items() for part in parts(value, stand_in))
        if self._findings(checked) or any(part in left for part in telling):
            return None
        payload = json.dumps(masked(body, shaped), ensure_ascii=False).encode()
        return Clearance(payload, _SEAL, StandIns({s: v for v, s in shaped.items()}))

    def _found(self, text: str) -> Iterator[Found]:
        for detector in (*self._detectors, *self._also):
            yield from detector(text)

    def kinds(self, text: str) -> tuple[str, ...]:
        """The kinds of private content in one text."""
        found: dict[str, None] = {}
        for detector in self._detectors:
            found |= dict.fromkeys(f.kind for f in detector(text))
        return tuple(found)

    def _kinds(self, text: str) -> tuple[str, ...]:
        """`kinds`, remembered by hash: a conversation brings its old turns along every time."""
        key = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).digest()
        known = self._known.get(key)
        if known is None:
            known = self.kinds(without_surrogates(text))
            self._known[key] = known
            if len(self._known) > TURNS_REMEMBERED:
                self._known.popitem(last=False)
        return known


def _units(body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The request in parts that are scanned, and remembered, one by one."""
    rest = {}
    for key, value in body.items():
        if key in ("messages", "system", "tools", "input") and isinstance(value, list):
            for position, item in enumerate(value):
                if text := _text(item):
                    yield f"{key}[{position}]", text
        else:
            rest[key] = value
    if text := _text(rest):
        yield "request", text


def _split(body: Mapping[str, Any]) -> Iterator[list[str]]:
    """The ends of the user's last turns, where a value could be given piece by piece."""
    said = body.get("messages")
    turns = [m for m in said if isinstance(m, dict)] if isinstance(said, list) else []
    texts = [_said(m) for m in turns if m.get("role") == "user"][-TURNS_JOINED:]
    pieces = [
        t if len(t) <= 2 * TURN_END else f"{t[:TURN_END]}\n\n{t[-TURN_END:]}" for t in texts if t
    ]
    if len(pieces) > 1 and _PART.search("".join(pieces)):
        yield pieces


def _said(turn: Mapping[str, Any]) -> str:
    content = turn.get("content")
    if isinstance(content, str):
        return content.strip()
    blocks = content if isinstance(content, list) else ()
    return "".join(b["text"] for b in blocks if isinstance(b, dict) and _is_text(b)).strip()


def _text(value: Any) -> str:
    """Every string, key and long number in `value`; neighbouring text blocks also joined up."""
    strings: list[str] = []
    _collect(value, strings, 0)
    return "\n".join(strings)


def _collect(value: Any, out: list[str], depth: int) -> None:
    if depth > MAX_NESTING:
        raise RequestRefused(400, "too_deep", f"The request is nested over {MAX_NESTING} deep.")
    if isinstance(value, str):
        out.append(_without_image(value))
    elif isinstance(value, dict):
        image = _is_image(value)
        for key, inner in value.items():
            out.append(key)
            if not (image and key == "data"):
                _collect(inner, out, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            _collect(inner, out, depth + 1)
        pieces = [b["text"] for b in value if isinstance(b, dict) and _is_text(b)]
        if len(pieces) > 1:
            out.append("".join(pieces))
    elif _is_number(value) and abs(value) > LARGEST_HARMLESS_NUMBER:
        out.append(f"{value:.0f}" if isinstance(value, float) else str(value))


def _has_image(value: Any) -> bool:
    """Whether it holds pixels, sound or a PDF, in which a value may stand once more."""
    if isinstance(value, str):
        return _without_image(value) != value
    if isinstance(value, list):
        return any(_has_image(inner) for inner in value)
    if isinstance(value, dict):
        kind = value.get("type")
        pictured = kind in ("image", "image_url", "input_image", "input_audio", "document", "file")
        return pictured or _is_image(value) or any(_has_image(v) for v in value.values())
    return False


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_text(block: dict[str, Any]) -> bool:
    return isinstance(block.get("text"), str)


def _is_image(source: dict[str, Any]) -> bool:
    """Whether `data` holds pixels or a PDF, in which these detectors find nothing."""
    kind = source.get("media_type")
    return isinstance(kind, str) and kind.startswith(("image/", "application/pdf", "audio/"))


def _without_image(text: str) -> str:
    """A data: URL of an image without its pixels."""
    if text.startswith(("data:image/", "data:application/pdf", "data:audio/")):
        return text.partition(",")[0]
    return text
