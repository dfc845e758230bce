"""Payment cards: ranges of issuers with their lengths, and Luhn's check."""

import re
from collections.abc import Iterator

from stdnum import luhn

from router.privacy.codes import codes

_HEX = re.compile(r"[0-9a-fA-F-]+")
_WRITTEN = re.compile(r"(?<![\d.,])(?:\d[ -]?){11,18}\d(?!\d)")
# ISO/IEC 7812: first digits -> lengths. Maestro is issued from 12 digits on, JCB's old ranges and
# American Express have 15, Visa 13, 16 or 19.
_ISSUERS: tuple[tuple[re.Pattern[str], frozenset[int]], ...] = tuple(
    (re.compile(prefix), frozenset(lengths))
    for prefix, lengths in (
        (r"4", (13, 16, 19)),  # Visa
        (r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720", (16,)),  # Mastercard
        (r"3[47]", (15,)),  # American Express
        (r"30[0-5]|3095|36|38|39", (14, 16)),  # Diners Club
        (r"6011|64[4-9]|65", (16,)),  # Discover
        (r"35", (16,)),  # JCB
        (r"2131|1800", (15,)),
        (r"5[0678]|6304|6759|676[1-37]|6390|0604", range(12, 17)),  # Maestro
        (r"62|81", range(16, 20)),  # UnionPay
        (r"220[0-4]", range(16, 20)),  # Mir
        (r"60|82|508|9792|50[67]|6363|636[789]", (16,)),  # RuPay, Troy, Verve, Elo
    )
)
_GROUPED = re.compile(r"\d{4}(?:([ -])\d{4})(?:\1\d{4})*(?:\1\d{1,4})?|\d{4}([ -])\d{6}\2\d{4,5}")


def cards(text: str) -> Iterator[str]:
    """The card numbers in `text`, as they are written.

    >>> list(cards("It is 4242 4242 4242 4242."))
    ['4242 4242 4242 4242']
    """
    for match in _WRITTEN.finditer(text):
        if is_card(match[0]) and not _by_chance(text, match):
            yield match[0]


def _by_chance(text: str, match: re.Match[str]) -> bool:
    """Whether it is a part of an id that may look like a card's number by chance.

    Of hexadecimal ids .3 to .6 in 1,000 do; of those with other letters none of 100,000 does where
    the digits stand in a row.
    """
    start, end = match.span()
    around = [text[a:b] for a, b in codes(text, start, end) if a <= start and end <= b]
    return any(_HEX.fullmatch(code) or not match[0].isdigit() for code in around)


def is_card(written: str) -> bool:
    """Whether an issuer gives out such a number, in its length and grouped as cards are."""
    digits = written.replace(" ", "").replace("-", "")
    if len(digits) != len(written) and _GROUPED.fullmatch(written) is None:
        return False
    issued = any(p.match(digits) and len(digits) in lengths for p, lengths in _ISSUERS)
    return issued and len(set(digits)) > 1 and bool(luhn.is_valid(digits))
