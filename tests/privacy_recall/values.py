"""Values drawn anew: made by faker for a locale, checksums included, or by the rules themselves."""

import string
from collections.abc import Callable
from functools import cached_property
from random import Random

from faker import Faker
from stdnum import luhn, verhoeff
from stdnum.gr import amka
from stdnum.us import ssn as us_ssn

# Locale -> language of its sentences.
LOCALES = {
    "en_US": "en",
    "en_GB": "en",
    "en_IN": "en",
    "en_CA": "en",
    "en_AU": "en",
    "de_DE": "de",
    "de_AT": "de",
    "de_CH": "de",
    "fr_FR": "fr",
    "es_ES": "es",
    "es_MX": "es",
    "it_IT": "it",
    "nl_NL": "nl",
    "nl_BE": "nl",
    "pt_BR": "pt",
    "pt_PT": "pt",
    "pl_PL": "pl",
    "sv_SE": "sv",
    "no_NO": "no",
    "da_DK": "da",
    "fi_FI": "fi",
    "cs_CZ": "cs",
    "tr_TR": "tr",
    "ru_RU": "ru",
    "uk_UA": "uk",
    "el_GR": "el",
    "ja_JP": "ja",
    "ko_KR": "ko",
    "zh_CN": "zh",
    "hi_IN": "hi",
}
KINDS = ("email", "iban", "card", "national", "phone", "passport", "address", "name")
CARDS = (
    "maestro",
    "mastercard",
    "visa16",
    "visa13",
    "visa19",
    "amex",
    "discover",
    "diners",
    "jcb15",
    "jcb16",
)
# Where faker has the national number with its own rules; elsewhere it repeats the American one.
_OWN_NATIONAL = {
    *("en_US", "en_CA", "de_AT", "de_CH", "fr_FR", "es_MX", "it_IT", "nl_NL", "nl_BE", "pt_BR"),
    *("pl_PL", "sv_SE", "no_NO", "fi_FI", "tr_TR", "ru_RU", "uk_UA", "el_GR", "ko_KR", "zh_CN"),
}


class Values:
    """Values of one locale, drawn by a seed."""

    def __init__(self, locale: str, seed: int) -> None:
        self.locale, self.language = locale, LOCALES[locale]
        self._seed, self._fake = seed, _faker(locale, seed)
        self._rng = Random(seed)

    def draw(self, kind: str) -> str:
        """A value of `kind`."""
        made: Callable[[], str] = getattr(self, f"_{kind}")
        return made()

    def _email(self) -> str:
        return str(self._fake.ascii_email())

    def _iban(self) -> str:
        # Where faker has no IBAN of the country it makes a British one of a wrong length.
        own = self.locale not in ("en_IN", "es_MX", "zh_CN")
        iban = str((self._fake if own else self._british).iban())
        spaced = " ".join(iban[i : i + 4] for i in range(0, len(iban), 4))
        return self._rng.choice((iban, spaced))

    def _card(self) -> str:
        return _grouped(self._rng, self.card(self._rng.choice(CARDS)))

    @cached_property
    def _american(self) -> Faker:
        return _faker("en_US", self._seed)

    @cached_property
    def _british(self) -> Faker:
        return _faker("en_GB", self._seed)

    def card(self, brand: str) -> str:
        """Digits of a card of one brand."""
        return str(self._american.credit_card_number(card_type=brand))

    def _national(self) -> str:
        rng = self._rng
        if self.locale in ("hi_IN", "en_IN"):
            digits = f"{rng.randint(2, 9)}" + "".join(rng.choices(string.digits, k=10))
            digits += str(verhoeff.calc_check_digit(digits))
            spaced = f"{digits[:4]} {digits[4:8]} {digits[8:]}"
            return rng.choice((digits, spaced))
        made = _NATIONAL.get(self.locale)
        if made is not None:
            return made(rng)
        if self.locale not in _OWN_NATIONAL:
            raise KeyError(self.locale)
        return str(self._fake.ssn())

    def _phone(self) -> str:
        return str(self._fake.phone_number())

    def _passport(self) -> str:
        return str(self._fake.passport_number())

    def _address(self) -> str:
        if self.locale == "tr_TR":  # faker's are American
            return _turkish_address(self._rng, self._fake)
        written = str(self._fake.address())
        return self._rng.choice((written, written.replace("\n", ", ")))

    def _name(self) -> str:
        return str(self._fake.name())

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds that can be drawn for this locale."""
        has = self.locale in _OWN_NATIONAL or self.locale in _NATIONAL or self.locale[-2:] == "IN"
        return KINDS if has else tuple(k for k in KINDS if k != "national")


def _faker(locale: str, seed: int) -> Faker:
    fake = Faker(locale)
    fake.seed_instance(seed)
    return fake


def _grouped(rng: Random, digits: str) -> str:
    sizes = (4, 6, 5) if len(digits) == 15 else (4,) * 5
    parts, at = [], 0
    for size in sizes:
        parts.append(digits[at : at + size])
        at += size
    return rng.choice((digits, " ".join(p for p in parts if p), "-".join(p for p in parts if p)))


def _birth(rng: Random) -> tuple[int, int, int]:
    return rng.randint(1930, 1999), rng.randint(1, 12), rng.randint(1, 28)


def _spanish(rng: Random) -> str:
    number = rng.randint(10_000_000, 99_999_999)
    return f"{number}{rng.choice(('', '-'))}{'TRWAGMYFPDXBNJZSQVHLCKE'[number % 23]}"


def _british(rng: Random) -> str:
    letters = rng.choice("ABCEGHJKLMNPRSTWXYZ") + rng.choice("ABCEGHJKLMNPRSTWXYZ")
    digits = "".join(rng.choices(string.digits, k=6))
    pairs = " ".join(digits[i : i + 2] for i in (0, 2, 4))
    last = rng.choice("ABCD")
    return rng.choice((f"{letters} {pairs} {last}", f"{letters}{digits}{last}"))


def _danish(rng: Random) -> str:
    year, month, day = _birth(rng)
    return f"{day:02}{month:02}{year % 100:02}-{rng.randint(0, 3999):04}"


def _czech(rng: Random) -> str:
    while True:
        year, month, day = _birth(rng)
        if year >= 1954:
            first = (
                f"{year % 100:02}{month + rng.choice((0, 50)):02}{day:02}{rng.randint(0, 999):03}"
            )
            if (check := int(first) % 11) < 10:
                return f"{first[:6]}/{first[6:]}{check}"


def _german(rng: Random) -> str:
    """A tax number: of the first ten digits one comes twice or thrice, then ISO 7064."""
    from stdnum.iso7064 import mod_11_10

    digits = rng.sample(string.digits, 9)
    digits.insert(rng.randrange(1, 9), rng.choice(digits))
    first = "".join(digits)
    if first[0] == "0" or any(
        a == b == c for a, b, c in zip(first, first[1:], first[2:], strict=False)
    ):
        return _german(rng)
    whole = first + mod_11_10.calc_check_digit(first)
    return rng.choice((whole, f"{whole[:2]} {whole[2:5]} {whole[5:8]} {whole[8:]}"))


def _portuguese(rng: Random) -> str:
    first = rng.choice("123") + "".join(rng.choices(string.digits, k=7))
    rest = 11 - sum((9 - i) * int(d) for i, d in enumerate(first)) % 11
    return first + str(rest if rest < 10 else 0)


def _australian(rng: Random) -> str:
    while True:
        digits = "".join(rng.choices("123456789", k=9))
        weights = (1, 4, 3, 7, 5, 8, 6, 9, 10)
        if sum(w * int(d) for w, d in zip(weights, digits, strict=True)) % 11 == 0:
            return rng.choice((digits, f"{digits[:3]} {digits[3:6]} {digits[6:]}"))


def _japanese(rng: Random) -> str:
    from stdnum.jp import in_

    first = "".join(rng.choices(string.digits, k=11))
    whole = first + in_.calc_check_digit(first)
    return rng.choice((whole, f"{whole[:4]} {whole[4:8]} {whole[8:]}"))


def _american(rng: Random) -> str:
    while True:
        digits = "".join(rng.choices(string.digits, k=9))
        if us_ssn.is_valid(digits):
            return rng.choice((digits, f"{digits[:3]}-{digits[3:5]}-{digits[5:]}"))


def _greek(rng: Random) -> str:
    year, month, day = _birth(rng)
    first = f"{day:02}{month:02}{year % 100:02}{rng.randint(0, 9999):04}"
    whole = first + luhn.calc_check_digit(first)
    assert amka.is_valid(whole)
    return whole


_NATIONAL: dict[str, Callable[[Random], str]] = {
    "en_US": _american,
    "en_GB": _british,
    "en_AU": _australian,
    "de_DE": _german,
    "es_ES": _spanish,
    "pt_PT": _portuguese,
    "da_DK": _danish,
    "cs_CZ": _czech,
    "el_GR": _greek,
    "ja_JP": _japanese,
}


def _turkish_address(rng: Random, fake: Faker) -> str:
    street = f"{fake.last_name()} {rng.choice(('Cad.', 'Sok.', 'Caddesi', 'Sokak'))}"
    town = rng.choice(("Kadıköy/İstanbul", "Çankaya/Ankara", "Bornova/İzmir", "Nilüfer/Bursa"))
    house, flat = rng.randint(1, 250), rng.randint(1, 30)
    return f"{street} No: {house} D: {flat}, {rng.randint(10, 81)}{rng.randint(0, 999):03} {town}"
