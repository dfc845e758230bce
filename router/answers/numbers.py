r"""Numbers as people and models write them: separators, fractions, LaTeX, percent, units."""

import re
from typing import NamedTuple

from router.answers.constants import MAX_QUANTITY_CHARS, MAX_UNIT_WORDS


class Quantity(NamedTuple):
    """A number and its unit in lower case, singular ('' where none is written)."""

    value: float
    unit: str


_LATEX = re.compile(r"\\[,!;: ]|\\(?:left|right|displaystyle)\b|\\[()\[\]]|\{,\}")
_TEXT = re.compile(r"\\(?:text|mathrm|mbox|textbf|mathbf)\{([^{}]*)\}")
_FRACTION = re.compile(r"\\[dt]?frac\s*\{?\s*(-?[\d.]+)\s*\}?\s*\{?\s*([\d.]+)\s*\}?")
_POWER = re.compile(r"\s*(?:\\times|\\cdot|×|x|\*)\s*10\s*\^\s*\{?\s*([-+]?\d+)\s*\}?")
_GROUPS = re.compile(r"(?<=\d)[,'_\u00a0\u202f ](?=\d{3}(?!\d))")
_NUMBER = re.compile(
    r"(?P<sign>[-+\u2212]?)\s*(?P<currency>[$€£¥])?\s*(?P<sign2>[-\u2212]?)"
    r"(?:(?P<whole>\d+)\s+)?(?P<value>\d+(?:[.,]\d+)?|\.\d+)(?P<exponent>e[-+]?\d+)?"
    r"(?:\s*/\s*(?P<below>\d+(?:\.\d+)?))?\s*(?P<unit>[%°€£¥$]|[a-zµ°/²³^0-9 .]*[a-z²³.]|)\s*",
    re.I,
)
_SYNONYMS = {
    "$": "dollar",
    "usd": "dollar",
    "€": "euro",
    "eur": "euro",
    "£": "pound",
    "¥": "yen",
    "percent": "%",
    "degree": "°",
}


def quantity(text: str) -> Quantity | None:
    r"""The number that all of `text` writes, else None.

    >>> quantity("$1,234.50")
    Quantity(value=1234.5, unit='dollar')
    >>> quantity(r"\frac{3}{4}") == quantity("0.75"), quantity("1 1/2 cups").unit
    (True, 'cup')
    >>> quantity("three")
    """
    if len(text) > MAX_QUANTITY_CHARS or not any(c.isdigit() for c in text):
        return None
    bare = _plain(text)
    found = _NUMBER.fullmatch(bare)
    if not found:
        return None
    unit = _unit(found["unit"] or found["currency"] or "")
    if unit is None:
        return None
    try:
        value = float(found["value"].replace(",", ".") + (found["exponent"] or ""))
        if found["below"]:
            value /= float(found["below"])
    except (ValueError, ZeroDivisionError):
        return None
    if found["whole"]:
        if not found["below"]:
            return None
        value += float(found["whole"])
    if found["sign"] in ("-", "\u2212") or found["sign2"]:
        value = -value
    return Quantity(value + 0.0, unit)


def _plain(text: str) -> str:
    bare = text.strip().strip("`*\"'").strip()
    if "\\" in bare or "{" in bare:
        bare = _TEXT.sub(r" \1", _LATEX.sub("", bare))
        bare = bare.replace("\\%", "%").replace("\\$", "$").replace("^\\circ", "°")
        bare = _FRACTION.sub(r" \1/\2", bare).strip()
    if len(bare) > 1 and bare.startswith("$") and bare.endswith("$"):
        bare = bare[1:-1].strip()  # mathematics, not money
    bare = _POWER.sub(r"e\1", bare)
    return _GROUPS.sub("", bare).strip().rstrip(".")


def _unit(written: str) -> str | None:
    words = written.lower().strip(" .").split()
    if len(words) > MAX_UNIT_WORDS:
        return None
    singular = (w[:-1] if len(w) > 3 and w.endswith("s") else w for w in words)
    return " ".join(_SYNONYMS.get(w, w) for w in singular)
