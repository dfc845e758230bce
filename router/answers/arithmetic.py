"""Calculations that an answer writes out, checked."""

import re

from router.answers.constants import MAX_CALCULATIONS

_CHAIN = re.compile(
    r"(?<![\d.)\w^/*+-])\$?(\d[\d,]*(?:\.\d+)?(?:\s*[-+*/×÷x]\s*\$?\d[\d,]*(?:\.\d+)?){1,6})"
    r"\s*=\s*\$?(-?\d[\d,]*(?:\.\d+)?)(?![\d.]*\s*[-+*/×÷^(/])"
)
_TERM = re.compile(r"([-+*/×÷x]?)\s*\$?(\d[\d,]*(?:\.\d+)?)")


def check_calculations(text: str) -> tuple[int, int]:
    """How many written calculations could be checked, and how many of them are wrong.

    A result that was rounded as written is right.

    >>> check_calculations("12 + 30 = 42, and 42 * 2 = 85. 1 / 3 = 0.33")
    (3, 1)
    """
    shown = wrong = 0
    if "=" not in text:
        return 0, 0
    for steps, result in _CHAIN.findall(text)[:MAX_CALCULATIONS]:
        value = _evaluate(steps)
        if value is None:
            continue
        written = result.replace(",", "")
        places = len(written.partition(".")[2])
        shown += 1
        wrong += abs(value - float(written)) > 0.51 * 10.0**-places + 1e-9 * abs(value)
    return shown, wrong


def _evaluate(written: str) -> float | None:
    """The value of a chain of + - * / in the usual order of operations."""
    total = product = 0.0
    for sign, number in _TERM.findall(written):
        value = float(number.replace(",", ""))
        if sign and sign in "*×x":
            product *= value
        elif sign and sign in "/÷":
            if value == 0:
                return None
            product /= value
        else:
            total, product = total + product, -value if sign == "-" else value
    return total + product
