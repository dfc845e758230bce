"""Telephone numbers: by the numbering plans of phonenumbers, or because a word says so."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from router.privacy.cues import said_to_be

_EXTENSION = r"(?:[ ,]{0,2}(?:x|ext\.?|extension|poste|durchwahl|доб\.?)[ .]?\d{1,6})?"
_WRITTEN = re.compile(
    r"(?<![\w.,+/-])(?<!\d:)(?:\+ ?|\(\+?)?\d(?:[ \u00a0()./-]{0,3}\d){6,14}"
    + _EXTENSION
    + r"(?!\w|[-/.,:]\d)",
    re.IGNORECASE | re.ASCII,
)
_EXTENDED = re.compile(_EXTENSION + "$", re.IGNORECASE)
_NORTH_AMERICAN = re.compile(
    r"(?<![\w.+-])(?:1[-. ])?\(?[2-9]\d{2}\)?[-. ]\s?[2-9]\d{2}[-. ]\d{4}(?![\w-])",
    re.ASCII,
)
# No telephone numbers, however a sentence goes on: dates with times, addresses of the internet,
# decimal numbers, thousands that end in noughts.
_OTHER = re.compile(
    r"""\d{4}([-/. ])\d{1,2}\1\d{1,2}(?:[T ].*)?     # 2024-01-31 12
    | \d{1,2}([-/. ])\d{1,2}\2(?:19|20)\d{2}(?:[ ].*)?  # 31.01.2024
    | \d{1,2}([-/.])\d{1,2}\3\d{2}(?:[ ].*)?  # 31.01.24 12
    | (?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:\d{4}|\d{6})?
    | (?:19|20|25)\d\d[-/ ](?:19|20|25)\d\d  # years
    | \d{1,3}(?:\.\d{1,3}){3}
    | (?!0\d)(?:\d{1,3}\.\d+|\d+\.\d{1,3}|\d+\.\d{5,})
    | \d{1,3}(?:[ .]\d{3})*[ .]000
    """,
    re.VERBOSE,
)
# Something else that has a number, in the words of shops.
_NUMBERED = re.compile(
    r"(?:order|invoice|ticket|bestell\w*|rechnung\w*|commande|facture|pedido|factura|ordine|заказ\w*"
    r"|注文\w*|订单\w*|주문\w*|n°|no\.|#|\bid)\W{0,4}$",
    re.IGNORECASE,
)
_AROUND = re.compile(r"\d[ ,;]{1,2}$")
_THOUSANDS = re.compile(r"\d{1,2}(?: \d{3})+")
# Whose local numbers begin with a nought: written in groups they are hardly anything else.
_NOUGHT = ("DE", "FR", "GB", "IT", "NL", "SE", "AT", "CH", "BE", "JP", "KR", "AU", "TR", "FI", "TH")
_LOCAL = re.compile(r"\(?0\d{1,5}\)?[ /-]{1,3}\d{2,8}(?:[ -]\d{2,4}){0,4}|0\d(?:\.\d\d){4}")
_NOUGHT_FIRST = re.compile(r"0[1-9]\d{8,9}")
_CHINESE_MOBILE = re.compile(r"1[3-9]\d{9}")
_BRACKETED = re.compile(r"\((?!19|20)0?\d{2,4}\)[ /-]?\d{3,4}(?:[ -]?\d{2,4}){1,2}")
_SCRIPTS = (
    (re.compile(r"[\u3040-\u30ff]"), ("JP",)),
    (re.compile(r"[\uac00-\ud7a3]"), ("KR",)),
    (re.compile(r"[\u4e00-\u9fff]"), ("CN", "TW", "HK", "JP")),
    (re.compile(r"[\u0400-\u04ff]"), ("RU", "UA", "KZ")),
    (re.compile(r"[\u0370-\u03ff]"), ("GR",)),
    (re.compile(r"[\u0900-\u097f]"), ("IN",)),
    (re.compile(r"[\u0590-\u05ff]"), ("IL",)),
    (re.compile(r"[\u0600-\u06ff]"), ("SA", "EG", "AE")),
    (re.compile(r"[\u0e00-\u0e7f]"), ("TH",)),
)


def phones(text: str, regions: Sequence[str]) -> Iterator[str]:
    """The telephone numbers in `text`, as they are written.

    `regions`: countries (ISO 3166, two letters) whose numbers count without a + in front.

    >>> list(phones("You can call me on 797-386-9073x6625.", ["US"]))
    ['797-386-9073x6625']
    """
    if "US" in regions:  # also the numbers kept for fiction, which no plan holds for valid
        yield from (m[0] for m in _NORTH_AMERICAN.finditer(text) if not _listed(text, m))
    for match in _WRITTEN.finditer(text):
        written = match[0]
        if _OTHER.fullmatch(written) is not None:
            continue
        if said_to_be("phone", text, *match.span()) or (
            not _listed(text, match)
            and _NUMBERED.search(text, max(match.start() - 16, 0), match.start()) is None
            and _planned(written, text, regions)
        ):
            yield written


def _listed(text: str, match: re.Match[str]) -> bool:
    """Whether it stands in a list of numbers."""
    before = text[max(match.start() - 3, 0) : match.start()]
    after = text[match.end() : match.end() + 3]
    return bool(_AROUND.search(before) or _AROUND.search(after[::-1]))


def _planned(written: str, text: str, regions: Sequence[str]) -> bool:
    """Whether a numbering plan knows it; local ones only where they are written in groups."""
    bare = _EXTENDED.sub("", written)
    if bare.lstrip("(").startswith(("+", "00")):
        return _fits(bare.replace("00", "+", 1) if "+" not in bare else bare, None)
    if bare != written or _BRACKETED.fullmatch(bare):
        return True
    if bare.isdigit():
        return _bare(bare, text)
    if _THOUSANDS.fullmatch(bare) or ("." in bare and bare[0] != "0"):
        return False
    # North American ones have one way of being written, which was looked for already.
    asked = [r for r in (*regions, *_written_in(text)) if r not in ("US", "CA")]
    if _LOCAL.fullmatch(bare) is not None:
        asked += _NOUGHT
    return any(_fits(bare, region) for region in dict.fromkeys(asked))


def _bare(digits: str, text: str) -> bool:
    """Digits alone: with one nought in front, or a Chinese mobile's in Chinese text."""
    if _NOUGHT_FIRST.fullmatch(digits):
        asked: Sequence[str] = ("IN", *_NOUGHT, *_written_in(text))
        return digits not in "0123456789" and any(_fits(digits, region) for region in asked)
    return _CHINESE_MOBILE.fullmatch(digits) is not None and "CN" in _written_in(text)


def _written_in(text: str) -> list[str]:
    """The countries whose script it is in."""
    if text.isascii():
        return []
    return [region for script, theirs in _SCRIPTS if script.search(text) for region in theirs]


def _fits(written: str, region: str | None) -> bool:
    import phonenumbers  # here, as few texts have digits and its tables take a while to load

    try:
        number: Any = phonenumbers.parse(written, region)
    except phonenumbers.NumberParseException:
        return False
    valid: bool = phonenumbers.is_valid_number(number)
    return valid or (region is None and bool(phonenumbers.is_possible_number(number)))
