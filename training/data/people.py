"""Names and addresses in sentences, made up, and prompts that have none: what the tagger learns.

Values come from mimesis, what stands around them from `people.toml`, in the languages of its
locales. The tests measure with another maker of values and with other sentences.
"""

import re
import tomllib
from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import files
from random import Random
from typing import Any, NamedTuple

from mimesis import Generic
from mimesis.locales import Locale

_LANGUAGES = {
    "en": ("en", "en-au", "en-ca", "en-gb"),
    "de": ("de", "de-at", "de-ch"),
    "es": ("es", "es-mx"),
    "nl": ("nl", "nl-be"),
    "pt": ("pt", "pt-br"),
    "cs": ("cs", "sk"),
    "ar": ("ar-eg", "ar-sa", "ar-ma"),
    "hi": (),  # mimesis has none
    **{
        name: (name,)
        for name in (
            *("fr", "it", "pl", "sv", "no", "da", "fi", "tr", "ru", "uk", "el", "ja", "ko", "zh"),
            *("hu", "hr", "et", "fa"),
        )
    },
}
# English has the most forms, and signs must be learnt one by one.
_DRAWN = (*_LANGUAGES, *("en",) * 6, *("zh", "ja", "ko") * 2, *("de", "nl", "hi") * 2)
_WORD = re.compile(r"\b[^\W\d_]{3,}\b")
_FIRST_NAMES = 3000  # chosen: draws a locale, after which hardly a new one comes
_REGIONS = ("CA", "NY", "TX", "WA", "IL", "OH", "ON", "QC", "NSW", "VIC")
_LETTERS = "ABCDEFGHJKLMNPRSTUWXYZ"


class Example(NamedTuple):
    """A text, and in it a value of `kind` ("name", "address" or "other" for none)."""

    text: str
    kind: str
    start: int
    end: int


class Maker:
    """Makes examples by a seed; `prompts` are texts without names and addresses."""

    def __init__(self, prompts: Sequence[str], seed: int) -> None:
        self._rng, self._prompts = Random(seed), tuple(prompts)
        self._makers = {
            language: [Generic(locale=Locale(name), seed=seed) for name in names]
            for language, names in _LANGUAGES.items()
        }

    def name(self) -> Example:
        """A name in a sentence."""
        language = self._rng.choice(_DRAWN)
        return self._around("name", language, self._name_in(language))

    def address(self) -> Example:
        """An address in a sentence."""
        language = self._rng.choice(_DRAWN)
        return self._around("address", language, self._address_in(language))

    def other(self) -> Example:
        """A prompt, or a line with numbers of work."""
        rng = self._rng
        if self._prompts and rng.random() < 0.7:
            return Example(rng.choice(self._prompts), "other", 0, 0)
        return Example(rng.choice(_WORK)(rng), "other", 0, 0)

    def without_names(self, prompts: Sequence[str]) -> list[str]:
        """The prompts in which no first name stands: those with one may hold a name after all."""
        makers = [maker for many in self._makers.values() for maker in many]
        known = {str(m.person.first_name()) for m in makers for _ in range(_FIRST_NAMES)}
        return [p for p in prompts if known.isdisjoint(_WORD.findall(p))]

    def _around(self, kind: str, language: str, value: str) -> Example:
        rng = self._rng
        before, _, after = rng.choice(_parts()[kind][language]).partition("{}")
        if self._prompts and rng.random() < 0.5:  # anywhere: its own words must tell it
            words = rng.choice(self._prompts)[:300].split(" ")
            at = rng.randint(0, len(words))
            before = " ".join(words[:at]) + rng.choice((" ", " ", "\n", ": ", " (", ', "'))
            after = rng.choice((" ", " ", "\n", ", ", ". ", ") ", '" ')) + " ".join(words[at:])
        return Example(before + value + after, kind, len(before), len(before) + len(value))

    def _name_in(self, language: str) -> str:
        rng = self._rng
        if not self._makers[language]:
            return " ".join(rng.choice(_parts()["hindi"][part]) for part in ("first", "last"))
        person = rng.choice(self._makers[language]).person
        first, last = person.first_name(), person.last_name()
        if language in ("zh", "ja", "ko"):
            return f"{last}{' ' if language == 'ja' and rng.random() < 0.6 else ''}{first}"
        forms = [f"{first} {last}"] * 4 + [f"{first} {person.first_name()} {last}"]
        forms += [f"{first} {last}-{person.last_name()}", f"{first} {last} {person.last_name()}"]
        if language in ("ru", "uk", "hu"):
            forms += [f"{last} {first}"] * 4
        title = rng.choice(_parts()["title"].get(language, ("",))) if rng.random() < 0.15 else ""
        return f"{title} {rng.choice(forms)}".strip()

    def _address_in(self, language: str) -> str:
        rng = self._rng
        numbers = [str(rng.randint(1, 99)), str(rng.randint(1, 999))]
        house = rng.choice((*numbers, numbers[0] + rng.choice("abcABCDEFGH")))
        if not self._makers[language]:
            return _hindi(rng, house)
        return _FORMS.get(language, _continental)(rng, rng.choice(self._makers[language]), house)


_Form = Callable[[Random, Generic, str], str]


def _english(rng: Random, maker: Generic, house: str) -> str:
    person, place = maker.person, maker.address
    house = rng.choice((house, str(rng.randint(100, 99_999))))
    named = rng.choice((place.street_name(), person.last_name(), person.first_name()))
    road = f"{named} {place.street_suffix()}" + rng.choice(("", "", "", "s"))
    kind = rng.choice(("Apt. ", "Suite ", "Flat ", "Unit ", "#", "Studio "))
    flat = kind + str(rng.randint(1, 999))
    gap = rng.choice((", ", "\n", " "))
    street = rng.choice(
        (
            *(f"{house} {road}",) * 6,
            *(f"{house} {road}, {flat}", f"{house} {road} {flat}"),
            *(f"{flat}{gap}{house} {road}", f"{flat}{gap}{road}"),
        )
    )
    town, region = _english_town(rng, maker), rng.choice(_REGIONS)
    code = rng.choice((_digits(rng, 5), f"{_digits(rng, 5)}-{_digits(rng, 4)}", _digits(rng, 4)))
    british = _letters(rng, rng.randint(1, 2)) + f"{rng.randint(1, 99)} {rng.randint(0, 9)}"
    british += _letters(rng, 2)
    canadian = "".join(rng.choice(_LETTERS if i % 2 == 0 else "0123456789") for i in range(6))
    canadian = rng.choice((canadian, f"{canadian[:3]} {canadian[3:]}"))
    tail = rng.choice(
        (
            *(f"{town}, {region} {code}",) * 3,
            *(f"{town} {region} {code}", f"{town}, {region}, {code}", town),
            *(f"{town}, {british}", f"{town} {british}", f"{town}\n{british}"),
            *(f"{town}, {region} {canadian}",) * 2,
            *(f"{town} {_digits(rng, 6)}", f"{town}-{_digits(rng, 6)}"),
        )
    )
    return rng.choice((", ", ", ", "\n", " ")).join((street, tail))


def _english_town(rng: Random, maker: Generic) -> str:
    """Towns are called after people, and after other towns."""
    town = str(maker.address.city())
    if rng.random() < 0.4:
        endings = ("ville", "town", "burgh", "port", "bury", "mouth", "ford", "haven", "shire")
        town = str(maker.person.last_name()) + rng.choice(endings)
    before = ("North ", "South ", "East ", "West ", "New ", "Port ", "Lake ")
    return rng.choice(before) + town if rng.random() < 0.25 else town


def _german(rng: Random, maker: Generic, house: str) -> str:
    person = maker.person
    kind = rng.choice(("Straße", "Weg", "Allee", "Gasse", "Platz", "Ring", "Strasse", "Steig"))
    street = rng.choice(
        (
            maker.address.street_name(),
            f"{person.first_name()}-{person.last_name()}-{kind}",
            f"{person.last_name()}{kind.lower()}",
            f"{person.last_name()}er {kind}",
        )
    )
    written = f"{street} {house}" + rng.choice(("", "", f"/{rng.randint(1, 40)}"))
    town, code = maker.address.city(), _digits(rng, rng.choice((4, 5)))
    tail = rng.choice((f"{code} {town}", f"{code} {town}", f"{code}, {town}", f"D-{code} {town}"))
    return rng.choice((", ", "\n", " ")).join((written, rng.choice((tail, tail, tail, town))))


def _continental(rng: Random, maker: Generic, house: str) -> str:
    place = maker.address
    street = f"{place.street_name()} {house}"
    written = rng.choice((place.address(), street, f"{street}/{rng.randint(1, 60)}"))
    code, town = place.postal_code(), place.city()
    tails = (f"{code} {town}", f"{code} {town}", f"{code}, {town}", f"{town}, {code}", town)
    return rng.choice((", ", ", ", "\n", " ")).join((written, rng.choice(tails)))


def _romance(rng: Random, maker: Generic, house: str) -> str:
    place = maker.address
    kind, street = place.street_suffix(), place.street_name()
    first = rng.choice((f"{kind} {street}", f"{kind} de {street}", street))
    forms = (f"{first}, {house}", f"{first} {house}", f"{house} {first}", f"{house}, {first}")
    n = rng.randint(1, 99)
    written = rng.choice(forms) + rng.choice(("", "", "", f" Apt. {n}", f" {n % 9}º", f" piso {n}"))
    code, town = _digits(rng, rng.choice((5, 5, 8))), place.city()
    state = place.state()[:2].upper()
    dashed = (f"{code[:4]}-{_digits(rng, 3)}", f"{code[:5]}-{_digits(rng, 3)}")
    code = rng.choice((code, code, *dashed))
    tail = rng.choice(
        (
            *(f"{code} {town}", f"{code}, {town}", f"{town}, {code}"),
            *(f"{code} {town} / {state}", f"{code}, {town} ({state})"),
            f"{town}\n{code} {place.city()} / {state}",
        )
    )
    return rng.choice((", ", ", ", "\n", " ")).join((written, tail))


def _dutch(rng: Random, maker: Generic, house: str) -> str:
    person, place = maker.person, maker.address
    endings = (
        "straat",
        "laan",
        "weg",
        "plein",
        "hof",
        "pad",
        "dreef",
        "baan",
        "lei",
        "kade",
        "dijk",
    )
    named = rng.choice((place.street_name(), person.first_name(), person.last_name()))
    street = rng.choice((place.street_name(), named + rng.choice(endings)))
    code = _digits(rng, 4) + rng.choice((f" {_letters(rng, 2)}", ""))
    gap = rng.choice((", ", " ", "\n"))
    return f"{street} {house}{gap}{code}{rng.choice((' ', ', ', gap))}{place.city()}"


def _slavic(rng: Random, maker: Generic, house: str) -> str:
    place = maker.address
    street, n = f"{place.street_suffix()} {place.street_name()}", rng.randint(1, 200)
    forms = (f"{street}, д. {house}", f"{street}, буд. {house}", f"{street} {house}")
    written = rng.choice(forms) + rng.choice(("", f" к. {n}", f" кв. {n}", f", кв. {n}"))
    town = rng.choice(("", "г. ", "м. ", "с. ", "д. ")) + place.city()
    code = _digits(rng, rng.choice((5, 6)))
    orders = ((town, written, code), (code, town, written), (written, town, code))
    return ", ".join(rng.choice(orders))


def _hindi(rng: Random, house: str) -> str:
    parts = _parts()["hindi"]
    flat = rng.choice((house, f"{house}/{rng.randint(1, 99)}", f"मकान नंबर {house}"))
    last = rng.choice(parts["last"])
    who = rng.choice((last, f"{rng.choice(parts['first'])} {last}"))
    road = who + rng.choice(("", " नगर", " मार्ग", " कॉलोनी"))
    town = f"{rng.choice(parts['town'])}{rng.choice(' -')}{rng.randint(110_001, 855_999)}"
    return f"{flat}{rng.choice((' ', ', '))}{road}{rng.choice((', ', ' ', chr(10)))}{town}"


def _japanese(rng: Random, maker: Generic, house: str) -> str:
    parts = _parts()["japanese"]
    a, b, c = (rng.randint(1, 40) for _ in range(3))
    block = rng.choice((f"{a}丁目{b}番{c}号", f"{a}-{b}-{c}"))
    name, room = rng.choice(parts["house"]), rng.randint(101, 909)
    flat = rng.choice(
        ("", "", f" ハイツ{room}", f" コーポ{name}{room}", f" {name}マンション{room}号室")
    )
    code = rng.choice(("", "", f"〒{_digits(rng, 3)}-{_digits(rng, 4)} "))
    where = f"{rng.choice(parts['prefecture'])}{maker.address.city()}{rng.choice(parts['part'])}"
    return f"{code}{where}{block}{flat}"


def _korean(rng: Random, maker: Generic, house: str) -> str:
    parts, street = _parts()["korean"], maker.address.street_name()
    road = rng.choice((street, f"{street}로", f"{street}길", f"{street}{rng.randint(1, 90)}길"))
    n, m = rng.randint(1, 999), rng.randint(1, 99)
    number = rng.choice((str(n), f"{n}-{m}", f"지하{n}"))
    district = rng.choice(("", f"{rng.choice(parts['district'])} "))
    flat = rng.choice(("", "", f" ({rng.choice(parts['quarter'])})", f" {100 + m}동 {n}호"))
    where = f"{rng.choice(parts['province'])} {maker.address.city()}"
    return f"{where} {district}{road} {number}{flat}"


def _chinese(rng: Random, maker: Generic, house: str) -> str:
    parts = _parts()["chinese"]
    a, b, c = rng.randint(1, 999), rng.randint(1, 30), rng.randint(101, 3003)
    letter = rng.choice("abcdefghijklmnopqrstuvwxyzABCD")
    number = rng.choice((f"{a}号", f"{letter}座", f"{b}栋{b % 7 + 1}单元{c}室", f"{b}弄{a}号"))
    code = rng.choice(("", f" {_digits(rng, 6)}", f" {_digits(rng, 6)}"))
    road = maker.address.street_name().rstrip("0123456789号")
    where = f"{rng.choice(parts['province'])}{maker.address.city()}{rng.choice(parts['district'])}"
    return f"{where}{road}{rng.choice(('路', '街', '大道', '巷', ''))}{number}{code}"


_FORMS: dict[str, _Form] = {
    "en": _english,
    "de": _german,
    **dict.fromkeys(("fr", "es", "it", "pt"), _romance),
    "nl": _dutch,
    **dict.fromkeys(("ru", "uk"), _slavic),
    "ja": _japanese,
    "ko": _korean,
    "zh": _chinese,
}


def _digits(rng: Random, count: int) -> str:
    return "".join(rng.choices("0123456789", k=count))


def _letters(rng: Random, count: int) -> str:
    return "".join(rng.choices(_LETTERS, k=count))


# Lines with numbers and capitals in which nothing is private


def _n(rng: Random, top: int = 9999) -> int:
    return rng.randrange(int(10 ** rng.uniform(1, len(str(top)))))


def _pick(rng: Random, part: str) -> str:
    return str(rng.choice(_parts()["work"][part]))


def _id(rng: Random) -> str:
    sizes = rng.choice(((8, 4, 4, 4, 12), (7,), (40,), (3, 7, 7), (12,)))
    parts = ["".join(rng.choices("0123456789abcdef", k=size)) for size in sizes]
    bill = f"INV-{rng.randint(2020, 2030)}-{_n(rng, 99_999)}"
    return rng.choice(("-".join(parts), bill, f"#{_n(rng, 10**8)}"))


def _asked(rng: Random) -> str:
    return _pick(rng, "asked").format(_id(rng))


def _dated(rng: Random) -> str:
    day, year = rng.randint(1, 28), rng.randint(1900, 2030)
    when = rng.choice(
        (f"{day} {_pick(rng, 'month')} {year}", f"{_pick(rng, 'month')} {day}, {year}")
    )
    return f"{rng.choice(('On', 'Since', 'By'))} {when} {_n(rng)} {_pick(rng, 'thing')}"


def _counted(rng: Random) -> str:
    a, b, c = (_pick(rng, "capitalised") for _ in range(3))
    return (
        f"{a} {b} has {_n(rng)} {_pick(rng, 'thing')}, {c} {_n(rng)} {_pick(rng, 'thing')}; "
        f"Step {_n(rng, 99)}: compare."
    )


def _versioned(rng: Random) -> str:
    a, b = _pick(rng, "capitalised"), _pick(rng, "capitalised")
    return f"{a} {_n(rng)}.{rng.randint(0, 30)}.{rng.randint(0, 99)} on {b} {_n(rng)} fails, why?"


def _reckoned(rng: Random) -> str:
    return (
        f"What is {_n(rng, 10**8)} {rng.choice('+-*/')} {_n(rng, 10**8)}, to {_n(rng, 9)} digits?"
    )


def _placed(rng: Random) -> str:
    kinds = (
        "Table",
        "Figure",
        "Section",
        "Chapter",
        "Room",
        "Flight",
        "Gate",
        "Article",
        "Trip to",
    )
    a, b = _pick(rng, "capitalised"), _pick(rng, "capitalised")
    return f"{rng.choice(kinds)} {_n(rng, 99)} {a}, {b} {_n(rng)}"


def _coded(rng: Random) -> str:
    name = _pick(rng, "capitalised").replace(" ", "")
    return f"def f{_n(rng, 99)}(x, y={_n(rng)}):\n    return {name}[{_n(rng)}] + {_n(rng)}"


_WORK: tuple[Callable[[Random], str], ...] = (
    *(_asked, _asked, _dated, _counted, _versioned, _reckoned, _placed, _coded),
)


@cache
def _parts() -> Any:
    """What stands in `people.toml`."""
    return tomllib.loads(files("training.data").joinpath("people.toml").read_text("utf-8"))
