"""What a log can give, counted before it is read: no count takes a word of any request.

Spans are [since, until) in Unix seconds, as in `queries`.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Engine, and_, case, exists, func, not_, or_, select

from router.outcomes.queries import legible, within
from router.outcomes.tables import decisions, feedback, opinions

_SURE = 1 - 1e-9  # a propensity from here on is certainty
_d, _f = decisions.c, feedback.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What speaks of the answers of a span, counted; only requests with words or features count.

    `feedback`, `opinions`: rows. `faulty`: answers that a check found fault with.
    """

    requests: int
    feedback: int
    opinions: int
    faulty: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """Requests that a model decided on, with propensity and with words or features, counted.

    `labelled`: those of them with feedback on the answer given, a second opinion or a fault.
    `explored`: those where the other tier had a chance. `by_hand`: answers of the cloud that a
    client named it for, whoever decided.
    """

    requests: int
    labelled: int
    explored: int
    by_hand: int


def requests(engine: Engine, since: float, until: float) -> int:
    """Count all requests of a span, with words or without."""
    query = select(func.count()).select_from(decisions).where(within(since, until))
    with engine.connect() as connection:
        return connection.execute(query).scalar_one()


def evidence(engine: Engine, since: float, until: float, *, faults: Sequence[str]) -> Evidence:
    """Count what there is to learn from; `faults`: words of `router.outcomes.faults`."""
    ours = and_(within(since, until), legible())
    answered = select(func.count(), _number(and_(_answered(), _found(faults)))).where(ours)
    with engine.connect() as connection:
        count, faulty = connection.execute(answered).one()
        said, second = (
            connection.execute(
                select(func.count())
                .join_from(table, decisions, table.c.decision_id == _d.id)
                .where(ours)
            ).scalar_one()
            for table in (feedback, opinions)
        )
    return Evidence(requests=count, feedback=said, opinions=second, faulty=faulty)


def decided(
    engine: Engine, since: float, until: float, *, rules: Sequence[str], faults: Sequence[str]
) -> Decided:
    """Count what another policy could be judged on; `rules`: those that log a propensity."""
    ours = and_(within(since, until), legible(), _by_model(rules))
    about = or_(_f.tier.is_(None), _f.tier == _d.tier)
    labelled = or_(
        exists().where(_f.decision_id == _d.id, about),
        exists().where(opinions.c.decision_id == _d.id),
        and_(_answered(), _found(faults)),
    )
    by_hand = and_(within(since, until), _answered(), _d.rule == "explicit", _d.tier == "cloud")
    query = select(func.count(), _number(labelled), _number(_d.propensity < _SURE)).where(ours)
    with engine.connect() as connection:
        count, known, explored = connection.execute(query).one()
        named = connection.execute(select(func.count()).where(by_hand)).scalar_one()
    return Decided(requests=count, labelled=known, explored=explored, by_hand=named)


def decided_otherwise(
    engine: Engine, since: float, until: float, *, rules: Sequence[str], threshold: float
) -> int:
    """Requests with a second opinion that `threshold` on the logged gain would send elsewhere."""
    to_cloud = and_(_d.tier == "cloud", _d.escalated.is_(False))
    other = or_(and_(_d.gain > threshold, not_(to_cloud)), and_(_d.gain <= threshold, to_cloud))
    query = select(func.count()).where(
        within(since, until),
        legible(),
        _by_model(rules),
        exists().where(opinions.c.decision_id == _d.id),
        other,
    )
    with engine.connect() as connection:
        return connection.execute(query).scalar_one()


def _by_model(rules: Sequence[str]) -> ColumnElement[bool]:
    return and_(
        _d.rule.in_(rules), _d.propensity.is_not(None), _d.tier.is_not(None), _d.gain.is_not(None)
    )


def _answered() -> ColumnElement[bool]:
    return and_(_d.status == 200, _d.tier.is_not(None))


def _found(faults: Sequence[str]) -> ColumnElement[bool]:
    """Whether `checks`, a JSON list, holds one of these words."""
    return or_(*(_d.checks.contains(json.dumps(word), autoescape=True) for word in faults))


def _number(condition: ColumnElement[bool]) -> ColumnElement[int]:
    """How many rows meet a condition; 0 where there are no rows."""
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)
