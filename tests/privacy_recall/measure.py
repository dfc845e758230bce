"""How much the privacy filter finds, and how often it is wrong."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from math import sqrt
from random import Random

from tests.privacy_recall.sentences import sentence
from tests.privacy_recall.values import KINDS, LOCALES, Values

Kinds = Callable[[str], tuple[str, ...]]


@dataclass(slots=True)
class Share:
    """So many of so many, with what was missed or wrong."""

    found: int = 0
    of: int = 0
    others: list[str] = field(default_factory=list)

    def add(self, found: bool, text: str) -> None:
        self.found += found
        self.of += 1
        if not found:
            self.others.append(text)

    @property
    def share(self) -> float:
        return self.found / self.of if self.of else 0.0

    def interval(self, z: float = 1.96) -> tuple[float, float]:
        """Wilson's, at 95 %."""
        n, p = max(self.of, 1), self.share
        middle, half = p + z * z / (2 * n), z * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)


def recall(
    kinds_of: Kinds,
    seed: int,
    each: int,
    kinds: Iterable[str] = KINDS,
    locales: Iterable[str] = tuple(LOCALES),
) -> dict[str, dict[str, Share]]:
    """By kind and locale: `each` values in sentences, of which the kind itself is found."""
    out: dict[str, dict[str, Share]] = defaultdict(dict)
    wanted = tuple(kinds)
    for number, locale in enumerate(locales):
        rng = Random(seed * 1000 + number)
        values = Values(locale, rng.randrange(2**31))
        for kind in values.kinds:
            if kind not in wanted:
                continue
            share = out[kind][locale] = Share()
            for _ in range(each):
                text = sentence(rng, values.language, kind, values.draw(kind))
                share.add(bool(kinds_of(text)), text)
    return out


def together(shares: Iterable[Share]) -> Share:
    """Many shares as one."""
    out = Share()
    for share in shares:
        out.found += share.found
        out.of += share.of
        out.others += share.others
    return out


def alarms(kinds_of: Kinds, prompts: Iterable[str]) -> tuple[Share, Counter[str]]:
    """How many prompts are called private, with those, and the kinds that they were called."""
    share, counted = Share(), Counter[str]()
    for prompt in prompts:
        found = kinds_of(prompt)
        share.add(not found, prompt)
        counted.update(found)
    share.found = share.of - share.found
    return share, counted
