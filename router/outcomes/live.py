"""What a person watches of the log while it grows: every question ends early, however long it is.

Each goes along an index and has a limit or sums a span; spans are [since, until) in Unix seconds,
money is in US dollars. Words are read where they were kept and never of a private request, whatever
the log holds.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import ColumnElement, Engine, Select, and_, case, func, null, or_, select

from router.outcomes.constants import PARAMETERS, PARSED_CHARS, SHOWN_CHARS
from router.outcomes.queries import LEARNED_RULES, within
from router.outcomes.tables import decisions, feedback

_d, _f = decisions.c, feedback.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """Requests of a span in bars of equal width, by who answered; `usd`: spent, of each bar."""

    since: float
    width_s: float
    local: list[int]
    cloud: list[int]
    none: list[int]
    usd: list[float]


def traffic(engine: Engine, since: float, until: float, bars: int) -> Traffic:
    """How many requests came when, and who answered them."""
    width = (until - since) / bars
    # Rounding is what both databases agree on; of floor and casts each has its own idea.
    bar = func.round((_d.at - since) / width - 0.5).label("bar")
    who = case((_d.status == 200, _d.tier), else_=None).label("who")
    counted = (func.count(), func.coalesce(func.sum(_d.cost_usd), 0.0))
    query = select(bar, who, *counted).where(within(since, until)).group_by("bar", "who")
    out = Traffic(
        since=since,
        width_s=width,
        local=[0] * bars,
        cloud=[0] * bars,
        none=[0] * bars,
        usd=[0.0] * bars,
    )
    of = {"local": out.local, "cloud": out.cloud}
    with engine.connect() as connection:
        for number, tier, count, usd in connection.execute(query):
            at = min(max(int(number), 0), bars - 1)
            of.get(tier, out.none)[at] += count
            out.usd[at] += float(usd)
    return out


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One request as a person looks at it; the fields are columns of `decisions` but for the last.

    `request` is JSON, whole or None; answers are cut at their end. `kept`: whether there are words
    of the request that may be shown, see `requests_of`. `rating`: the last that a person gave,
    0..1; `rated_as`: its source.
    """

    id: str
    at: float
    api: str
    key: str | None
    kind: str | None
    stream: bool
    rule: str
    reason: str
    trail: str | None
    tier: str | None
    model: str | None
    local_model: str | None
    router_version: str | None
    p_local: float | None
    p_cloud: float | None
    gain: float | None
    threshold: float | None
    propensity: float | None
    explored: bool
    audited: bool | None
    private_kinds: str | None
    cascade: str | None
    checks: str | None
    p_local_after: float | None
    p_cloud_after: float | None
    held_chars: int | None
    held_s: float | None
    held_until: str | None
    second_model: str | None
    escalated: bool
    status: int
    error: str | None
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None
    cloud_usd: float | None
    latency_s: float | None
    first_token_s: float | None
    request: str | None
    answer: str | None
    second_answer: str | None
    local_answer: str | None
    kept: bool
    rating: float | None = None
    rated_as: str | None = None


_WORDS = ("request", "answer", "second_answer", "local_answer")
_MADE = ("kept", "rating", "rated_as")
_NUMBERS = tuple(f.name for f in fields(Seen) if f.name not in (*_WORDS, *_MADE))


def last_seen(engine: Engine, limit: int, key: str | None = None) -> list[Seen]:
    """The last requests, the newest first, without words; of one API key where one is given."""
    words = [null().label(name) for name in _WORDS]
    query = select(*(_d[name] for name in _NUMBERS), _shows().label("kept"), *words)
    if key is not None:
        query = query.where(_d.key == key)
    return _seen(engine, query.order_by(_d.at.desc(), _d.id.desc()).limit(limit))


def seen(engine: Engine, decision: str) -> Seen | None:
    """One request with what was kept of its words; None where the log has no such decision."""
    request = case((_shows(), _d.request), else_=null()).label("request")
    others = [
        case((_d.private_kinds.is_(None), func.substr(_d[name], 1, SHOWN_CHARS)), else_=null())
        for name in _WORDS[1:]
    ]
    words = [request, *(c.label(name) for c, name in zip(others, _WORDS[1:], strict=True))]
    query = select(*(_d[name] for name in _NUMBERS), _shows().label("kept"), *words)
    query = query.where(_d.id == decision)
    return next(iter(_seen(engine, query)), None)


def requests_of(engine: Engine, names: Sequence[str]) -> dict[str, str]:
    """The words of these requests, JSON, where they may be shown: kept and of none that is private.

    `names`: of decisions, some hundreds at most.
    """
    query = select(_d.id, _d.request).where(_d.id.in_(names), _shows())
    with engine.connect() as connection:
        return {row.id: row.request for row in connection.execute(query)}


def _shows() -> ColumnElement[bool]:
    """The condition that a request's words are there, to be shown, and read in a moment."""
    return and_(
        _d.private_kinds.is_(None),
        _d.request.is_not(None),
        func.coalesce(func.length(_d.request), 0) < PARSED_CHARS,
    )


def _seen(engine: Engine, query: Select[Any]) -> list[Seen]:
    with engine.connect() as connection:
        rows = connection.execute(query).mappings().all()
        said = select(_f.decision_id, _f.score, _f.source).where(
            _f.decision_id.in_([row["id"] for row in rows]), _f.source != "judge", _given()
        )
        by = {row[0]: (row[1], row[2]) for row in connection.execute(said.order_by(_f.id))}
    nothing = (None, None)
    return [
        Seen(
            **{**row, "kept": bool(row["kept"])},
            rating=by.get(row["id"], nothing)[0],
            rated_as=by.get(row["id"], nothing)[1],
        )
        for row in rows
    ]


def _given() -> ColumnElement[bool]:
    """The condition that feedback is of the answer that was given, whoever that was of."""
    return _f.tier.is_(None)


@dataclass(frozen=True, slots=True)
class Took:
    """How long one answer took, in seconds; `first_s`: until the first event of a stream."""

    tier: str
    latency_s: float
    first_s: float | None


def took(engine: Engine, limit: int) -> list[Took]:
    """The times of the last answers."""
    query = (
        select(_d.tier, _d.latency_s, _d.first_token_s)
        .where(_d.status == 200, _d.tier.is_not(None), _d.latency_s.is_not(None))
        .order_by(_d.at.desc())
        .limit(limit)
    )
    with engine.connect() as connection:
        return [Took(*row) for row in connection.execute(query)]


@dataclass(frozen=True, slots=True)
class RatedAnswer:
    """What was said of one tier's answer, 0..1, beside the probability that it is good."""

    decision: str
    tier: str
    p: float
    score: float


def rated_answers(engine: Engine, since: float, limit: int) -> list[RatedAnswer]:
    """The last ratings of answers that a model decided on, `limit` at most; one an answer."""
    tier = func.coalesce(_f.tier, _d.tier)
    p = case((tier == "cloud", _d.p_cloud), else_=_d.p_local)
    query = (
        select(_f.decision_id, tier, p, _f.score)
        .join(decisions, _d.id == _f.decision_id)
        .where(_f.at >= since, _d.p_local.is_not(None), tier.is_not(None))
        .order_by(_f.id.desc())
        .limit(limit)
    )
    with engine.connect() as connection:
        found = [RatedAnswer(*row) for row in connection.execute(query)]
    return list({(one.decision, one.tier): one for one in reversed(found)}.values())


@dataclass(frozen=True, slots=True)
class Choice:
    """A request that the model chose a tier for; what another threshold would have done is asked.

    `cost_usd`: paid; `cloud_usd`: the price of the cloud's answer, expected or paid.
    """

    id: str
    at: float
    key: str | None
    tier: str
    escalated: bool
    gain: float
    propensity: float
    p_local: float
    p_cloud: float
    cost_usd: float
    cloud_usd: float


def choices(engine: Engine, since: float, limit: int) -> list[Choice]:
    """The last `limit` answered requests that the model chose a tier for, the newest first."""
    query = (
        select(
            *(_d.id, _d.at, _d.key, _d.tier, _d.escalated, _d.gain, _d.propensity),
            *(_d.p_local, _d.p_cloud),
            func.coalesce(_d.cost_usd, 0.0),
            func.coalesce(_d.cloud_usd, 0.0),
        )
        .where(
            _d.at >= since,
            _d.rule.in_(LEARNED_RULES),
            _d.status == 200,
            *(c.is_not(None) for c in (_d.tier, _d.gain, _d.propensity, _d.p_local, _d.p_cloud)),
        )
        .order_by(_d.at.desc())
        .limit(limit)
    )
    with engine.connect() as connection:
        return [Choice(*row) for row in connection.execute(query)]


def scores_of(engine: Engine, names: Sequence[str]) -> dict[str, float]:
    """The mean rating, 0..1, of the answers given to these decisions, where there is one."""
    out: dict[str, float] = {}
    about = or_(_f.tier.is_(None), _f.tier == _d.tier)
    with engine.connect() as connection:
        for start in range(0, len(names), PARAMETERS):
            mine = _f.decision_id.in_(names[start : start + PARAMETERS])
            query = (
                select(_f.decision_id, func.avg(_f.score))
                .join(decisions, _d.id == _f.decision_id)
                .where(mine, about)
                .group_by(_f.decision_id)
            )
            out |= {name: float(score) for name, score in connection.execute(query)}
    return out
