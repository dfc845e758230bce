"""Names of people and postal addresses, by a small linear tagger of our own.

Each token has a few hashed features: the word, its beginning and end, its shape. Weights for the
token itself and for three neighbours on either side add up to a score for each class, so that one
gather and a few sums read a whole prompt. `python -m training people` learns the weights.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import as_file, files
from itertools import pairwise
from pathlib import Path
from threading import Lock
from typing import NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from router.privacy.codes import codes
from router.privacy.constants import (
    ADDRESS_AFTER,
    ADDRESS_BEFORE,
    ADDRESS_PRICE,
    MOST_NUMBERS,
    PEOPLE_BUCKETS,
    PEOPLE_REACH,
    TOKENS_KNOWN,
)
from router.privacy.cues import said_to_be
from router.privacy.found import Found

Floats = NDArray[np.float32]

CLASSES = ("other", "name", "address")
# Scripts without spaces are read sign by sign.
_SIGN = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3\u0e00-\u0e7f"
# Vowel signs of Indian scripts belong to their letter, though they are none.
_LETTER = rf"(?:[^\W\d_{_SIGN}]|[\u0900-\u0dff\u200c\u200d])"
_TOKEN = re.compile(rf"[{_SIGN}]|[0-9]+|{_LETTER}+(?:['’.-](?=[^\W\d_]){_LETTER}+)*|[^\w\s]|\n")
_DIGIT = re.compile(r"[0-9]+")
_WIDE = re.compile(rf"[{_SIGN}]")
# House, postcode and town as most of Europe writes them after a street: 12b, 50968 Köln.
_HOUSE = re.compile(
    r"(?<= )[0-9]{1,3} ?[A-Za-z]?(?:/[0-9]{1,3})?(?:, ?|\n| )[0-9]{4,5}(?: [A-Z]{2})?(?:, ?|\n| )"
    r"([^\W\d_][\w'’-]+)"
)
_STREET = re.compile(r"[^\s,;:()]{3,40} $")
_CAPITAL = re.compile(r"[^\W\d_]")


class Token(NamedTuple):
    """A word, number or sign, and where it stands."""

    text: str
    start: int
    end: int


class _Memory:
    """What frequent tokens say of themselves and their neighbours. Threads may share one.

    `weights`: see `Tagger`. A row is written before its token is known, and where there is no room
    both begin anew together, so whoever reads meanwhile reads what is true.
    """

    def __init__(self, weights: Floats) -> None:
        self._weights, self._adding = weights, Lock()
        self._known = self._empty()

    def of(self, tokens: Sequence[str]) -> Floats:
        """Shape (tokens, 2 * PEOPLE_REACH + 1, classes)."""
        places, rows = self._known
        at = [places.get(token, -1) for token in tokens]
        said = rows.take(at, axis=0, mode="wrap")
        for i, place in enumerate(at):
            if place < 0:
                said[i] = self._added(_usual(tokens[i]))
        return said

    def _added(self, token: str) -> Floats:
        with self._adding:
            if len(self._known[0]) == TOKENS_KNOWN:
                self._known = self._empty()
            places, rows = self._known
            place = places.get(token, len(places))
            if place == len(places):
                rows[place] = self._weights[_hashed(token)].sum(axis=0)
                places[token] = place
            said: Floats = rows[place]
            return said

    def _empty(self) -> tuple[dict[str, int], Floats]:
        return {}, np.zeros((TOKENS_KNOWN, *self._weights.shape[1:]), dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Tagger:
    """`weights` has shape (PEOPLE_BUCKETS, 2 * PEOPLE_REACH + 1, classes), `bias` (classes,).

    `cuts`: what the scores of a span must add up to, for a name and for an address (rows), without
    and with a word beside it that says what it is (columns).
    """

    weights: Floats
    bias: Floats
    cuts: Floats

    @cached_property
    def _memory(self) -> _Memory:
        return _Memory(self.weights)

    def scores(self, tokens: Sequence[str]) -> Floats:
        """Of each token for each class, as logits; shape (tokens, classes)."""
        said = self._memory.of(tokens)
        out = np.tile(self.bias, (len(tokens), 1))
        for at in range(said.shape[1]):  # what a neighbour says of the token `shift` before it
            shift = at - PEOPLE_REACH
            if abs(shift) < len(tokens):
                mine, theirs = _overlap(len(tokens), shift)
                out[mine] += said[theirs, at]
        return out

    def spans(self, tokens: Sequence[str]) -> Iterator[tuple[str, int, int, float]]:
        """Class, first and last token plus one, and score of each run of a class."""
        if not tokens:
            return
        scores = self.scores(tokens)
        best = scores.argmax(axis=1)
        if not best.any():
            return
        margin = scores - scores[:, :1]
        best = _joined(best)
        edges = np.flatnonzero(np.diff(best, prepend=0, append=0))
        for start, end in pairwise(edges):
            if kind := int(best[start]):
                total = float(margin[start:end, kind].sum())
                if CLASSES[kind] == "address":
                    total -= ADDRESS_PRICE * float(end - start)
                yield CLASSES[kind], int(start), int(end), total


def people(text: str, names: bool, addresses: bool) -> Iterator[Found]:
    """The addresses, and if wanted the names of people, in `text`.

    An address is private by its house number and postcode, or where a person says that it is where
    someone lives or where something goes.

    >>> [f.kind for f in people("Ship it to 4122 Rose Street, Denver, CO 80203.", False, True)]
    ['address']
    """
    for found, score, cued in spans_of(tagger(), text, names):
        cut = tagger().cuts[CLASSES.index(found.kind) - 1, int(cued)]
        if score >= cut and (names if found.kind == "name" else addresses):
            yield found
    if addresses:
        yield from _posted(text)


def spans_of(tagger: Tagger, text: str, names: bool) -> Iterator[tuple[Found, float, bool]]:
    """What could be addresses, and with `names` names, each with its score.

    The last says whether a word such as "live" or "Dear" stands close by.
    """
    zones = [(0, len(text))] if names else _near_digits(text)
    for start, end in zones:
        spans = list(tagger.spans(_TOKEN.findall(text, start, end)))
        if not spans:
            continue
        tokens = [Token(m[0], *m.span()) for m in _TOKEN.finditer(text, start, end)]
        for kind, first, last, score in spans:
            run = [t.text for t in _without_codes(text, tokens[first:last])]
            if _full(run) if kind == "name" else _exact(run):
                a, b = tokens[first].start, tokens[last - 1].end
                yield Found(kind, text[a:b]), score, said_to_be(kind, text, a, b)


def _posted(text: str) -> Iterator[Found]:
    """Addresses by their form alone: the tagger knows no street and no town that nobody made up.

    Only where a person says that it is one, since `Chapter 12, 2010 Edition` has the same form.
    """
    for match in _HOUSE.finditer(text):
        street = _STREET.search(text, max(match.start() - 42, 0), match.start())
        if street is None or not (street[0][0].isupper() and match[1][0].isupper()):
            continue
        if said_to_be("address", text, street.start(), match.end()):
            yield Found("address", text[street.start() : match.end()])


@cache
def tagger() -> Tagger:
    """The tagger that comes along."""
    with as_file(files("router.privacy") / "people.safetensors") as path:
        return load(path)


def load(path: Path) -> Tagger:
    """The tagger in a file of arrays."""
    from safetensors.numpy import load_file

    arrays = load_file(path)
    return Tagger(
        *(np.asarray(arrays[name], dtype=np.float32) for name in ("weights", "bias", "cuts"))
    )


def tokens_of(text: str) -> list[Token]:
    """All tokens of `text`."""
    return [Token(m[0], *m.span()) for m in _TOKEN.finditer(text)]


def hashed(token: str) -> NDArray[np.intp]:
    """The buckets of a token's features."""
    return _hashed(_usual(token))


def _usual(token: str) -> str:
    """The token, of a long number only how long it is."""
    if len(token) > 2 and token.isdigit():
        return ("0" if token[0] == "0" else "9") + "9" * (min(len(token), 9) - 1)
    return token


def _hashed(token: str) -> NDArray[np.intp]:
    low = token.lower()
    shape = _shape(token)
    features = [f"w{low}", f"s{shape}"]
    if not token.isdigit():
        features += [f"p{low[:n]}" for n in (1, 2, 3) if len(low) > n]
        features += [f"e{low[-n:]}" for n in (1, 2, 3, 4) if len(low) > n]
        features.append(f"c{shape[0]}{low[-3:]}")
    return np.array([crc32(f.encode("utf-8", "replace")) % PEOPLE_BUCKETS for f in features])


def _shape(token: str) -> str:
    if token.isdigit():
        return f"9{min(len(token), 9)}" + ("0" if token[0] == "0" else "")
    if not token[0].isalpha():
        return token
    if _WIDE.match(token):
        return "w" + str(ord(token) >> 8)
    case = "A" if token.isupper() else "T" if token[0].isupper() else "a"
    return f"{case}{min(len(token), 6)}{'L' if token.isascii() else ord(token[0]) >> 7}"


def _overlap(count: int, shift: int) -> tuple[slice, slice]:
    """Where a token and its neighbour `shift` further on both are."""
    mine = slice(max(-shift, 0), count - max(shift, 0))
    return mine, slice(max(shift, 0), count + min(shift, 0))


def _joined(classes: NDArray[np.intp]) -> NDArray[np.intp]:
    """Runs of one class that a sign or a word parts, as one."""
    out = classes.copy()
    for gap in (1, 2):
        for at in range(1, len(out) - gap):
            before, after = out[at - 1], out[at + gap]
            if before == after != 0 and (out[at : at + gap] == 0).all():
                out[at : at + gap] = before
    return out


def _near_digits(text: str) -> Iterator[tuple[int, int]]:
    """Where an address could stand: around numbers, where there are letters with capitals."""
    start = end = -1
    for match in _DIGIT.finditer(text):
        a, b = max(match.start() - ADDRESS_BEFORE, 0), match.end() + ADDRESS_AFTER
        if a > end:
            if end > 0:
                yield start, end
            start = a
        end = b
    if end > 0:
        yield start, min(end, len(text))


def _without_codes(text: str, span: Sequence[Token]) -> Iterator[Token]:
    """What of a span is no part of an id: half a hash may look like an address."""
    found = codes(text, span[0].start, span[-1].end)
    return (t for t in span if not any(a <= t.start < b for a, b in found))


def _full(run: Sequence[str]) -> bool:
    """Whether it is more than a first name."""
    words = [t for t in run if t[0].isalpha()]
    return len(words) >= 2


def _exact(run: Sequence[str]) -> bool:
    """Whether it says a house: a number, and words beside it; a list of numbers is none."""
    words = [t for t in run if t[0].isalpha()]
    numbers = sum(t.isdigit() for t in run)
    return (
        len(words) >= 2
        and 0 < numbers <= MOST_NUMBERS
        and any(len(t) > 2 or _WIDE.match(t) for t in words)
    )
