"""Personal data: payment cards, IBAN, national numbers, passports, phone numbers, e-mail addresses.

Checksums come from python-stdnum, phone numbers from phonenumbers (Google's libphonenumber).
"""

import re
from collections.abc import Iterator, Sequence

from router.privacy.found import Found

# Local part and domain as people write them (RFC 5321 allows more). git@host is a login, and nobody
# reads noreply@, which coding agents have in their instructions.
_EMAIL = re.compile(
    r"(?<![\w.+-])(?!(?:git|no-?reply)@)[\w.+-]{1,64}@(?:[\w-]{1,63}\.)+[A-Za-z]{2,24}(?![\w@])"
)
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]){11,30}(?![A-Za-z0-9])")
# Nothing that follows is shorter than six digits in a row of sorts, or has letters beside two.
_DIGITS = re.compile(r"[0-9](?:[ ./()-]{0,3}[0-9]){5}")
_PAIR = re.compile(r"[0-9]{2,}")


def personal(text: str, regions: Sequence[str]) -> Iterator[Found]:
    """The personal data in `text`, value by value.

    `regions`: countries (ISO 3166, two letters) whose phone numbers count without a + in front.

    >>> [f.kind for f in personal("Write to ann@example.org or call +44 20 7946 0958.", ["US"])]
    ['email', 'phone']
    """
    if "@" in text:
        yield from (Found("email", m[0]) for m in _EMAIL.finditer(text))
    if _DIGITS.search(text) is None and not _mixed(text):
        return
    # Here, as few texts have such digits and these bring tables along.
    from router.privacy.cards import cards
    from router.privacy.national import national
    from router.privacy.phones import phones

    for match in _IBAN.finditer(text):
        if (written := _iban(match[0])) is not None:
            yield Found("iban", written)
    yield from (Found("card", written) for written in cards(text))
    yield from national(text)
    yield from (Found("phone", written) for written in phones(text, regions))


def _mixed(text: str) -> bool:
    """Whether letters and digits stand side by side."""
    spans = (m.span() for m in _PAIR.finditer(text))
    return any(text[max(a - 1, 0) : a].isalpha() or text[b : b + 1].isalpha() for a, b in spans)


def _iban(written: str) -> str | None:
    """The IBAN that it begins with, if any: what follows one may look like more of it."""
    from stdnum import iban

    for end in (*(m.start() for m in re.finditer(r"[ -]", written)), len(written)):
        if iban.is_valid(written[:end].replace("-", " ")):
            return written[:end]
    return None
