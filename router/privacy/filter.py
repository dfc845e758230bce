"""Scanning whole requests, and the clearance without which nothing goes to the cloud."""

import hashlib
import json
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from router.errors import RequestRefused
from router.privacy.constants import LARGEST_HARMLESS_NUMBER, MAX_NESTING, TURNS_REMEMBERED
from router.privacy.detectors import Detector
from router.text.request import without_surrogates

PRIVATE_HEADER = "x-router-privacy"
_SEAL = object()


@dataclass(frozen=True, slots=True)
class Finding:
    """What kind of private content is where, such as `email` in `messages[3]`; never the text."""

    kind: str
    where: str


class Clearance:
    """A request that may leave the machine, as bytes that nobody can change any more.

    Only a `PrivacyFilter` makes one. The cloud backend sends nothing else.
    """

    __slots__ = ("_payload",)

    def __init__(self, payload: bytes, seal: object) -> None:
        if seal is not _SEAL:
            raise TypeError("Only the privacy filter clears requests.")
        self._payload = payload

    def body(self) -> dict[str, Any]:
        """The request as it was scanned, a fresh copy."""
        body: dict[str, Any] = json.loads(self._payload)
        return body


@dataclass(frozen=True, slots=True)
class Screening:
    """What the privacy filter found in a request."""

    findings: tuple[Finding, ...]
    _payload: bytes

    @property
    def private(self) -> bool:
        """Whether the request must stay."""
        return bool(self.findings)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds found, without repeats."""
        return tuple(dict.fromkeys(f.kind for f in self.findings))

    def clear(self) -> Clearance:
        """The clearance to leave. Raises RequestRefused for a private request."""
        if self.findings:
            raise RequestRefused(
                403, "private_content", f"Private content ({', '.join(self.kinds)}) stays here."
            )
        return Clearance(self._payload, _SEAL)


class PrivacyFilter:
    """Scans requests with all of `detectors`.

    >>> from router.privacy.detectors import Builtin
    >>> found = PrivacyFilter([Builtin()])
    >>> found.screen(b'{"messages": [{"role": "user", "content": "I am ann@example.org"}]}').kinds
    ('email',)
    """

    def __init__(self, detectors: Sequence[Detector]) -> None:
        self._detectors = tuple(detectors)
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
        if declared is not None and declared.strip().lower() == "private":
            findings.append(Finding("declared", PRIVATE_HEADER))
        for where, text in (*_units(body), *(headers or {}).items()):
            findings += [Finding(kind, where) for kind in self._kinds(text)]
        return Screening(tuple(findings), payload)

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
