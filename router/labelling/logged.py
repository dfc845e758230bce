"""Logged requests as calls, and in the order in which labels of them are worth most."""

from collections import Counter
from collections.abc import Collection, Sequence

import numpy as np

from router.decide.router import Router
from router.engine.call import Call
from router.labelling.choosing import effort, most_informative, worth, worth_of_study
from router.outcomes.queries import Logged
from router.text.asks import asks_for
from router.types import FloatArray, Request


def call_of(one: Logged, most_tokens: int | None = None) -> Call:
    """The call that asks a logged request again, its answer limited as the client limited it.

    `most_tokens`: the limit where the client set none.
    """
    limit = one.max_tokens or most_tokens
    return Call.of(one.api, {**one.body, "max_tokens": limit} if limit else one.body)


def ordered(router: Router, found: Sequence[Logged], count: int | None = None) -> list[Logged]:
    """`count` of `found` (default: all): audited ones, then where a label moves a decision most."""
    return _ordered(router, found, _worth(found), len(found) if count is None else count)


def to_study(router: Router, answered: Sequence[Logged], studied: Collection[str]) -> list[Logged]:
    """Those of `answered` that are not `studied` (ids), in the order in which to ask about them.

    Audited ones; then where a label changes most for the time that it takes: near the cut, where
    the other tier was tried, of kinds with few labels, and cheap ones first.
    """
    labels = Counter(asks_for(one.request) for one in answered if one.id in studied)
    waiting = [one for one in answered if one.id not in studied]
    value = worth_of_study(
        _worth(waiting),
        np.array([one.explored for one in waiting], dtype=np.float64),
        [asks_for(one.request) for one in waiting],
        labels,
    )
    cost = effort(
        np.array([_to_read(one.request) for one in waiting], dtype=np.float64),
        np.array([_to_write(one) for one in waiting], dtype=np.float64),
    )
    return _ordered(router, waiting, value / cost, len(waiting))


def _to_read(request: Request) -> int:
    return request.chars + request.unjudged_chars


def _to_write(one: Logged) -> float:
    """Characters that an opinion is about to have, as the answer has; the local one where it is not
    there yet as well.
    """
    if one.local is not None:
        return float(len(one.local)) * (one.second is None)
    return 2.0 * len(one.cloud) if one.cloud is not None else float("nan")


def _worth(found: Sequence[Logged]) -> FloatArray:
    p = np.array([(one.p_local, one.p_cloud, one.threshold) for one in found]).reshape(-1, 3)
    return worth(*p.T)


def _ordered(
    router: Router, found: Sequence[Logged], value: FloatArray, count: int
) -> list[Logged]:
    if not found:
        return []
    vectors = router.extractor.extract([one.request for one in found]).embedding
    order = most_informative(value, vectors, count)
    return sorted((found[i] for i in order), key=lambda one: not one.audited)
