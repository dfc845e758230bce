"""When two final answers are the same."""

import re

from router.answers.final import EXACT, Final, bare
from router.answers.numbers import quantity

_WORDS = re.compile(r"\w+")
_AMOUNT = re.compile(r"[-−]?\d+(?:,\d{3})*(?:\.\d+)?")


def same(a: Final, b: Final) -> bool | None:
    """Whether two final answers are equal; None where they cannot be compared.

    Numbers of different units differ; a unit that only one of them writes does not count. A short
    answer equals a sentence or two that hold it ("Paris", "The capital is Paris."); sentences
    that hold one number each, but not the same, differ.
    """
    if a.kind not in EXACT or b.kind not in EXACT:
        if _within(a, b) or _within(b, a):
            return True
        return False if _other_amount(a, b) else None
    if a.kind == b.kind == "number":
        return a.key == b.key and (a.unit == b.unit or not a.unit or not b.unit)
    return a.key == b.key or bare(a.text) == bare(b.text) != ""


def _within(answer: Final, sentence: Final) -> bool:
    """Whether a short answer stands, as whole words, in another's sentence or two.

    Of a number the sentence may hold no other.
    """
    if sentence.kind != "prose" or not sentence.text:
        return False
    if answer.kind == "number":
        amounts = {quantity(n) for n in _AMOUNT.findall(sentence.text)}
        return len(amounts) == 1 and {f"{n.value:.10g}" for n in amounts if n} == {answer.key}
    if answer.kind not in ("short", "date"):
        return False
    words, inside = (_WORDS.findall(t.casefold()) for t in (answer.text, sentence.text))
    n = len(words)
    return n > 0 and any(inside[i : i + n] == words for i in range(len(inside) - n + 1))


def _other_amount(a: Final, b: Final) -> bool:
    """Whether two sentences hold one number each, and not the same."""
    if a.kind != "prose" or b.kind != "prose" or not (a.text and b.text):
        return False
    one, two = ({quantity(n) for n in _AMOUNT.findall(f.text)} for f in (a, b))
    return len(one) == len(two) == 1 and one != two
