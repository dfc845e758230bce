"""National numbers of people: by checksums of python-stdnum, by form, or by what they are called.

A form that says what it is needs nothing beside it. Of digits alone one number in ten or so passes
such a checksum by chance; these need a word that says what they are.
"""

import re
from collections.abc import Iterator
from datetime import date
from functools import cache
from importlib import import_module
from typing import Any

from router.privacy.cues import anywhere, said_to_be
from router.privacy.found import Found

# (module of python-stdnum, how it is written): the form is rare in other text.
_FORMS: tuple[tuple[str, str], ...] = (
    ("it.codicefiscale", r"(?i)\b[A-Z]{6}\d{2}[A-Z]\d{2}[A-Z]\d{3}[A-Z]\b"),
    ("es.dni", r"(?i)(?<![\w-])\d{8}[- ]?[A-Z](?![\w-])"),
    ("es.nie", r"(?i)\b[XYZ][- ]?\d{7}[- ]?[A-Z]\b"),
    ("fr.nir", r"(?<!\d)(?<!\d )[12] ?\d\d ?\d\d ?\d[\dAB] ?\d{3} ?\d{3} ?\d\d(?! ?\d)"),
    ("in_.pan", r"\b[A-Z]{3}[ABCFGHLJPTK][A-Z]\d{4}[A-Z]\b"),
    ("in_.aadhaar", r"(?<!\d)(?<!\d )[2-9]\d{3} \d{4} \d{4}(?! ?\d)"),
    ("br.cpf", r"(?<!\d)\d{3}\.\d{3}\.\d{3}-\d{2}(?!\d)"),
    ("mx.curp", r"\b[A-Z]{4}\d{6}[HM][A-Z]{5}[A-Z0-9]\d\b"),
    ("fi.hetu", r"\b\d{6}[-+A-F]\d{3}[0-9A-Y]\b"),
    ("se.personnummer", r"(?<!\d)(?:\d{2})?\d{6}[-+]\d{4}(?!\d)"),
    ("be.nn", r"(?<!\d)\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2}(?!\d)"),
    ("ch.ssn", r"(?<!\d)756\.?\d{4}\.?\d{4}\.?\d{2}(?!\d)"),
    ("de.idnr", r"(?<!\d)[1-9]\d (?:\d{3} ){2}\d{3}(?!\d)"),
    ("cz.rc", r"(?<![\d/])\d{6}/\d{3,4}(?![\d/])"),
    ("cl.rut", r"(?<!\d)\d{1,2}\.\d{3}\.\d{3}-[\dkK](?!\w)"),
    ("cn.ric", r"(?<!\d)(?:[1-6]\d|71|8[1-3]|91)\d{15}[\dXx](?!\w)"),
    ("kr.rrn", r"(?<![\d-])\d{6}-[1-8]\d{6}(?![\d-])"),
    ("us.ssn", r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])"),
    ("gb.nino", r"(?<!\w)[A-Z]{2} \d{2} ?\d{2} ?\d{2} ?[A-DFMPT](?!\w)"),
    ("gb.nino", r"(?<!\w)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]\d{6}[A-D](?!\w)"),
    ("ru.snils", r"(?<!\d)\d{3}-\d{3}-\d{3} \d{2}(?!\d)"),
    ("th.pin", r"(?<!\d)\d-\d{4}-\d{5}-\d{2}-\d(?!\d)"),
    ("pk.cnic", r"(?<!\d)\d{5}-\d{7}-\d(?!\d)"),
    ("za.idnr", r"(?<!\d)\d{6} \d{4} \d{2} \d(?!\d)"),
)
# Digits alone: (module, form), told by a word beside them; which of them it is names the kind.
_DIGITS: tuple[tuple[str, str], ...] = (
    ("us.ssn", r"\d{9}"),
    ("in_.aadhaar", r"[2-9]\d{11}"),
    ("br.cpf", r"\d{11}"),
    ("de.idnr", r"[1-9]\d{10}"),
    ("nl.bsn", r"\d{9}"),
    ("no.fodselsnummer", r"\d{6} ?\d{5}"),
    ("pl.pesel", r"\d{11}"),
    ("tr.tckimlik", r"[1-9]\d{10}"),
    ("dk.cpr", r"\d{6}-?\d{4}"),
    ("gb.nhs", r"\d{3} ?\d{3} ?\d{4}"),
    ("ca.sin", r"\d{3}[- ]?\d{3}[- ]?\d{3}"),
    ("au.tfn", r"\d{3} ?\d{3} ?\d{3}"),
    ("at.vnr", r"\d{4} ?\d{6}"),
    ("za.idnr", r"\d{13}"),
    ("jp.in_", r"\d{4} ?\d{4} ?\d{4}"),
)
_NAMED = re.compile(r"(?<![\w.,+-])[A-Z]{0,4}-?\d(?:[ ./-]?[\dA-Z]){5,19}(?!\w|[.,]\d)", re.ASCII)
_PASSPORT = re.compile(
    r"(?<![\w.,+-])(?:(?=[A-Z0-9]{0,7}\d{3}|[A-Z0-9]*\d[A-Z0-9]*\d[A-Z0-9]*\d)[A-Z0-9]{7,10}"
    r"|[A-Z]{1,3} ?\d{6,8}|\d{2,4} \d{6,7})(?!\w)",
    re.ASCII,
)
_DATE = re.compile(r"\d{4}([-/. ])\d{1,2}\1\d{1,2}|\d{1,2}([-/. ])\d{1,2}\2\d{2,4}")
_CHINESE_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def national(text: str) -> Iterator[Found]:
    """The national and passport numbers in `text`.

    >>> [found.kind for found in national("DNI 12345678Z")]
    ['national-number:es.dni']
    """
    known = set()
    for name, pattern in _patterns(_FORMS):
        for match in pattern.finditer(text):
            if _valid(name, match[0]):
                known.add(match[0])
                yield Found(_kind(name), match[0])
    if anywhere("national", text):
        yield from (found for found in _told(text) if found.value not in known)
    if anywhere("passport", text):
        for match in _PASSPORT.finditer(text):
            if said_to_be("passport", text, *match.span()):
                yield Found("passport", match[0])


def _told(text: str) -> Iterator[Found]:
    """Numbers that a word beside them calls national: their kind where a checksum tells it."""
    for match in _NAMED.finditer(text):
        written = match[0].strip()
        if sum(c.isdigit() for c in written) < 6 or _DATE.fullmatch(written):
            continue
        if said_to_be("national", text, *match.span()):
            yield Found(_kind(next(_of_digits(written), "")), written)


def _of_digits(written: str) -> Iterator[str]:
    for name, pattern in _patterns(_DIGITS):
        if pattern.fullmatch(written) and _valid(name, written):
            yield name


def _kind(name: str) -> str:
    return f"national-number:{name.replace('in_', 'in')}" if name else "national-number"


def _valid(name: str, written: str) -> bool:
    own = _OWN.get(name)
    if own is not None:
        return own(written)
    valid: bool = _stdnum(name).is_valid(written)
    return valid


def _as_meant(written: str) -> bool:
    """Written like this it is meant as one, even if it was never given out."""
    return True


def _chinese(written: str) -> bool:
    """GB 11643: a date of birth and a check digit, whichever district it names."""
    digits = written.upper()
    total = sum(int(d) * w for d, w in zip(digits, _CHINESE_WEIGHTS, strict=False))
    return digits[17] == "10X98765432"[total % 11] and _born(digits[6:10], digits[10:14])


def _korean(written: str) -> bool:
    """Those given out since October 2020 have no check digit, only the date of birth."""
    century = "18" if written[7] in "90" else "19" if written[7] in "1256" else "20"
    return _born(century + written[:2], written[2:6])


def _russian(written: str) -> bool:
    """SNILS: the weighted sum of nine digits, modulo 101."""
    digits = [int(c) for c in written if c.isdigit()]
    total = sum((9 - i) * d for i, d in enumerate(digits[:9])) % 101
    return total % 100 == digits[9] * 10 + digits[10]


def _born(year: str, month_day: str) -> bool:
    try:
        return date(int(year), int(month_day[:2]), int(month_day[2:])).year >= 1880
    except ValueError:
        return False


_OWN = {
    "us.ssn": _as_meant,
    "gb.nino": _as_meant,
    "cn.ric": _chinese,
    "kr.rrn": _korean,
    "ru.snils": _russian,
}


@cache
def _patterns(table: tuple[tuple[str, str], ...]) -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((name, re.compile(pattern, re.ASCII)) for name, pattern in table)


@cache
def _stdnum(name: str) -> Any:
    return import_module(f"stdnum.{name}")
