"""Logged requests as calls, and in the order in which labels of them are worth most."""

import numpy as np

from router.decide.router import Router
from router.engine.call import Call
from router.labelling.choosing import most_informative, worth
from router.outcomes.queries import Logged


def call_of(one: Logged) -> Call:
    """The call that asks a logged request again."""
    return Call.of(one.api, one.body)


def ordered(router: Router, found: list[Logged], count: int | None = None) -> list[Logged]:
    """`count` of `found` (default: all): audited ones, then where a label moves a decision most."""
    if not found:
        return []
    p_local, p_cloud, threshold = np.array(
        [(one.p_local, one.p_cloud, one.threshold) for one in found]
    ).T
    vectors = router.extractor.extract([one.request for one in found]).embedding
    wanted = len(found) if count is None else count
    order = most_informative(worth(p_local, p_cloud, threshold), vectors, wanted)
    return sorted((found[i] for i in order), key=lambda one: not one.audited)
