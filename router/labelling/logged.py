"""Logged requests as calls, and in the order in which labels of them are worth most."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Engine

from router.decide.router import Router
from router.engine.call import Call
from router.labelling.choosing import Best, effort, most_informative, worth, worth_of_study
from router.labelling.constants import CONSIDERED, KINDS_READ, TOKEN_CHARS
from router.outcomes import queries
from router.outcomes.constants import WORDS_ROWS
from router.outcomes.pieces import pieces
from router.outcomes.queries import Askable, Logged
from router.text.asks import asks_for
from router.types import FloatArray, Request

_AUDITED_FIRST = 1e6  # far above every other value


def call_of(one: Logged, most_tokens: int | None = None) -> Call:
    """The call that asks a logged request again, its answer limited as the client limited it.

    `most_tokens`: the limit where the client set none.
    """
    limit = one.max_tokens or most_tokens
    return Call.of(one.api, {**one.body, "max_tokens": limit} if limit else one.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Considered:
    """A request as choosing sees it: no word of it.

    `worth`: of a label, 0..1. `kind`: what it asks for. `effort`: of asking about it. `vector`:
    its embedding, (d,).
    """

    id: str
    audited: bool
    explored: bool
    worth: float
    kind: str
    effort: float
    vector: FloatArray


def considered(router: Router, found: Iterable[Logged]) -> list[Considered]:
    """Requests without their words, which are in memory for a piece of them at a time."""
    return [one for piece in pieces(found, WORDS_ROWS) for one in _considered(router, piece)]


def _considered(router: Router, found: Sequence[Logged]) -> Iterator[Considered]:
    value = worth(*np.array([(x.p_local, x.p_cloud, x.threshold) for x in found]).T)
    cost = effort(
        np.array([_to_read(one.request) for one in found], dtype=np.float64),
        np.array([_to_write(one) for one in found], dtype=np.float64),
    )
    vectors = router.extractor.extract([one.request for one in found]).embedding
    for number, one in enumerate(found):
        yield Considered(
            id=one.id,
            audited=one.audited,
            explored=one.explored,
            worth=float(value[number]),
            kind=asks_for(one.request),
            effort=float(cost[number]),
            vector=vectors[number].copy(),
        )


def ordered(found: Sequence[Considered], value: FloatArray, count: int) -> list[str]:
    """The names of `count` of them: audited ones, then those of most `value` (n,), unlike ones
    first.
    """
    if not found:
        return []
    order = most_informative(value, np.array([one.vector for one in found]), count)
    return [found[i].id for i in sorted(order, key=lambda i: not found[i].audited)]


def by_worth(router: Router, found: Iterable[Logged], count: int) -> list[str]:
    """`count` of them: audited ones, then where a label moves a decision most."""
    every = considered(router, found)
    return ordered(every, np.array([one.worth for one in every]), count)


def to_study(found: Sequence[Considered], labels: Mapping[str, int]) -> list[str]:
    """The order in which to ask about them; `labels`: how many there are of each kind.

    Audited ones; then where a label changes most for the time that it takes: near the cut, where
    the other tier was tried, of kinds with few labels, and cheap ones first.
    """
    value = worth_of_study(
        np.array([one.worth for one in found]),
        np.array([one.explored for one in found], dtype=np.float64),
        [one.kind for one in found],
        labels,
    )
    return ordered(found, value / np.array([one.effort for one in found]), len(found))


@dataclass(frozen=True, slots=True)
class Waiting:
    """Requests without a second opinion: `first` to ask about, in order, and how many in all.

    `looked_at`: those that `first` was chosen from; some of them nobody can read any more.
    """

    first: list[str]
    looked_at: list[str]
    count: int


def waiting(engine: Engine, router: Router, passed: Collection[str]) -> Waiting:
    """What to study of a log of any length; `passed`: names of those to leave out.

    By the numbers of all, the CONSIDERED that promise most are read and put in order.
    """
    best, count = Best(CONSIDERED), 0
    for piece in queries.unstudied(engine):
        kept = np.array([name not in passed for name in piece.ids])
        count += int(kept.sum())
        best.add(
            [name for name, keep in zip(piece.ids, kept, strict=True) if keep],
            _promise(piece)[kept],
        )
    found = considered(router, queries.with_words(engine, best.names))
    labels = Counter(asks_for(one.request) for one in queries.last_studied(engine, KINDS_READ))
    return Waiting(to_study(found, labels), best.names, count)


def _promise(piece: Askable) -> FloatArray:
    """What numbers alone say of the order in which to ask, (n,)."""
    read, written = (piece.tokens * TOKEN_CHARS).T
    value = worth(piece.p_local, piece.p_cloud, piece.threshold)
    value = worth_of_study(value, piece.explored * 1.0, [""] * len(value), {})
    out: FloatArray = value / effort(np.nan_to_num(read), written) + piece.audited * _AUDITED_FIRST
    return out


def _to_read(request: Request) -> int:
    return request.chars + request.unjudged_chars


def _to_write(one: Logged) -> float:
    """Characters that an opinion is about to have, as the answer has; the local one where it is not
    there yet as well.
    """
    if one.local is not None:
        return float(len(one.local)) * (one.second is None)
    return 2.0 * len(one.cloud) if one.cloud is not None else float("nan")
