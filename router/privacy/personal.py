"""Personal data: payment cards, IBAN, national numbers, phone numbers and e-mail addresses.

Checksums come from python-stdnum, phone numbers from phonenumbers (Google's libphonenumber).
"""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import import_module
from typing import Any

# Local part and domain as people write them (RFC 5321 allows more). git@host is a login, and nobody
# reads noreply@, which coding agents have in their instructions.
_EMAIL = re.compile(
    r"(?<![\w.+-])(?!(?:git|no-?reply)@)[\w.+-]{1,64}@(?:[\w-]{1,63}\.)+[A-Za-z]{2,24}(?![\w@])"
)
_CARD = re.compile(r"(?<![\d.,])[3-6](?:[ -]?\d){12,18}(?!\d)|(?<![\d.,])2(?:[ -]?\d){15}(?!\d)")
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]){11,30}(?![A-Za-z0-9])")
# Nothing that follows is shorter than seven digits, or has letters beside two of them.
_DIGITS = re.compile(r"[0-9](?:[ ./()-]{0,3}[0-9]){6}")
_PAIR = re.compile(r"[0-9]{2,}")
_PHONE = re.compile(
    r"(?<![\w.])(?:\+|00)\d[\d ./()-]{6,18}\d|"
    r"(?<![\w.,/-])\(?0?\d{2,4}[)./ -]{1,3}[\d ./-]{4,12}\d(?![\w-])"
)
_NORTH_AMERICAN = re.compile(r"(?<![\w.-])\(?[2-9]\d{2}\)?[-. ]\s?[2-9]\d{2}[-. ]\d{4}(?![\w-])")

_BARE = re.compile(r"(?<![\w.+-])\d{8,12}(?![\w.])")
_CALLED = re.compile(r"(?i)\b(?:call|phone|tel|telefon|mobile|cell|handy|whatsapp|sms|fax)\b")
_DATE = re.compile(
    r"(?<!\d)\d{4}([-/.])\d{1,2}\1\d{1,2}(?:[T ]\d{1,2}(?::\d{2}){1,2}[.,\d]*)?(?!\d)"
)

# (module of python-stdnum, how it is written, whether digits alone need a word beside them that
# says what they are: one number in ten or so passes such a checksum by chance).
_NATIONAL: tuple[tuple[str, str, bool], ...] = (
    ("us.ssn", r"(?<!\d)\d{9}(?!\d)", True),
    ("it.codicefiscale", r"(?i)\b[A-Z]{6}\d{2}[A-Z]\d{2}[A-Z]\d{3}[A-Z]\b", False),
    ("es.dni", r"(?i)(?<![\w-])\d{8}[- ]?[A-Z](?![\w-])", False),
    ("es.nie", r"(?i)\b[XYZ][- ]?\d{7}[- ]?[A-Z]\b", False),
    ("fr.nir", r"(?<!\d)[12](?: ?\d){12} ?(?:\d ?){2}(?!\d)", False),
    ("in_.pan", r"\b[A-Z]{3}[ABCFGHLJPTK][A-Z]\d{4}[A-Z]\b", False),
    ("in_.aadhaar", r"(?<!\d)[2-9]\d{3} \d{4} \d{4}(?!\d)", False),
    ("in_.aadhaar", r"(?<!\d)[2-9]\d{11}(?!\d)", True),
    ("br.cpf", r"(?<!\d)\d{3}\.\d{3}\.\d{3}-\d{2}(?!\d)", False),
    ("br.cpf", r"(?<!\d)\d{11}(?!\d)", True),
    ("mx.curp", r"\b[A-Z]{4}\d{6}[HM][A-Z]{5}[A-Z0-9]\d\b", False),
    ("fi.hetu", r"\b\d{6}[-+A-F]\d{3}[0-9A-Y]\b", False),
    ("se.personnummer", r"(?<!\d)(?:\d{2})?\d{6}[-+]\d{4}(?!\d)", False),
    ("dk.cpr", r"(?<!\d)\d{6}-\d{4}(?!\d)", True),
    ("be.nn", r"(?<!\d)\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2}(?!\d)", False),
    ("ch.ssn", r"(?<!\d)756\.?\d{4}\.?\d{4}\.?\d{2}(?!\d)", False),
    ("kr.rrn", r"(?<!\d)\d{6}-[1-4]\d{6}(?!\d)", False),
    ("cn.ric", r"(?<!\d)\d{17}[\dXx](?!\d)", False),
    ("de.idnr", r"(?<!\d)[1-9]\d (?:\d{3} ){2}\d{3}(?!\d)", False),
    ("de.idnr", r"(?<!\d)[1-9]\d{10}(?!\d)", True),
    ("nl.bsn", r"(?<!\d)\d{9}(?!\d)", True),
    ("no.fodselsnummer", r"(?<!\d)\d{6} ?\d{5}(?!\d)", True),
    ("pl.pesel", r"(?<!\d)\d{11}(?!\d)", True),
    ("gb.nhs", r"(?<!\d)\d{3} ?\d{3} ?\d{4}(?!\d)", True),
    ("ca.sin", r"(?<!\d)\d{3}[- ]?\d{3}[- ]?\d{3}(?!\d)", True),
    ("au.tfn", r"(?<!\d)\d{3} ?\d{3} ?\d{3}(?!\d)", True),
    ("at.vnr", r"(?<!\d)\d{4} ?\d{6}(?!\d)", True),
    ("za.idnr", r"(?<!\d)\d{13}(?!\d)", True),
    ("tr.tckimlik", r"(?<!\d)[1-9]\d{10}(?!\d)", True),
)
# Written like this it is meant as one, even if it was never given out.
_AMERICAN = re.compile(r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])")
_SAYS_SO = re.compile(
    r"(?i)\b(?:ssn|social (?:security|insurance)|tax[- ]?(?:id|number|file)|tin|tfn|nhs|sin|bsn|"
    r"burgerservicenummer|steuer-?(?:id|identifikation)\w*|idnr|pesel|cpf|cpr|aadhaar|personnummer|"
    r"f[oø]dselsnummer|kimlik|id[- ]?(?:no|number|card)|national (?:id|number)|versicherungsnummer|"
    r"svnr|passport|patient)\b"
)


def personal(text: str, regions: Sequence[str]) -> Iterator[str]:
    """The kinds of personal data in `text`.

    `regions`: countries (ISO 3166, two letters) whose phone numbers count without a + in front.

    >>> list(personal("Write to ann@example.org or call +44 20 7946 0958.", ["US"]))
    ['email', 'phone']
    """
    if "@" in text and _EMAIL.search(text):
        yield "email"
    if _DIGITS.search(text) is None and not _mixed(text):
        return
    if any(_iban(m[0]) for m in _IBAN.finditer(text)):
        yield "iban"
    if any(_card(m[0]) for m in _CARD.finditer(text)):
        yield "card"
    yield from _national(text)
    if _phone(text, regions):
        yield "phone"


def _mixed(text: str) -> bool:
    """Whether letters and digits stand side by side."""
    spans = (m.span() for m in _PAIR.finditer(text))
    return any(text[max(a - 1, 0) : a].isalpha() or text[b : b + 1].isalpha() for a, b in spans)


def _card(written: str) -> bool:
    digits = re.sub(r"[ -]", "", written)
    valid: bool = _stdnum("luhn").is_valid(digits)
    return valid and 13 <= len(digits) <= 19 and len(set(digits)) > 1


def _iban(written: str) -> bool:
    """Whether it begins with an IBAN: what follows one may look like more of it."""
    words = re.split(r"[ -]", written)
    return any(_stdnum("iban").is_valid("".join(words[:n])) for n in range(1, len(words) + 1))


def _national(text: str) -> Iterator[str]:
    says_so: bool | None = None
    found = set()
    if _AMERICAN.search(text):
        found.add("us.ssn")
        yield "national-number:us.ssn"
    for name, pattern, needs_word in _patterns():
        for match in pattern.finditer(text):
            if name in found or not _stdnum(name).is_valid(match[0]):
                continue
            if needs_word and says_so is None:
                says_so = _SAYS_SO.search(text) is not None
            if not needs_word or says_so:
                found.add(name)
                yield f"national-number:{name.replace('in_', 'in')}"


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str], bool], ...]:
    return tuple((name, re.compile(pattern), word) for name, pattern, word in _NATIONAL)


@cache
def _stdnum(name: str) -> Any:
    return import_module(f"stdnum.{name}")


def _phone(text: str, regions: Sequence[str]) -> bool:
    import phonenumbers  # here, as few texts have digits and its tables take a while to load

    if "US" in regions and _NORTH_AMERICAN.search(text):
        return True  # also the numbers reserved for fiction, which no plan holds for valid
    text = _DATE.sub("_", text)
    candidates = [m[0] for m in _PHONE.finditer(text)]
    if _CALLED.search(text):
        candidates += [m[0] for m in _BARE.finditer(text)]
    for written in candidates:
        if written.startswith("00"):
            written = "+" + written[2:]
        for region in [None] if written.startswith("+") else regions:
            try:
                number = phonenumbers.parse(written, region)
            except phonenumbers.NumberParseException:
                continue
            if phonenumbers.is_valid_number(number):
                return True
    return False
