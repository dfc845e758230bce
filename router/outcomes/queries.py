"""What is asked of the outcome log, and what is added to it beside the gateway's own rows.

Grouped by who asks. Times are Unix seconds, probabilities and scores 0 to 1, money US dollars.
No statement is built outside of this package.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from time import time
from typing import Any

import numpy as np
from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Select,
    and_,
    case,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)

from router.decide.after import AgreementLabel
from router.outcomes.constants import NUMBERS_ROWS, SAID_ROWS, WORDS_ROWS
from router.outcomes.export import body_of, group_of, local_answer_of, request_of
from router.outcomes.tables import decisions, feedback, opinions, probes, shadow
from router.types import BoolArray, Decision, FloatArray, Request
from router.wire import Api, Json

# Beside the measures of agreement: both probabilities without the opinion, and as of a stranger's.
_OF_PAIR = ("p_local alone", "p_cloud alone", "p_local, strangers", "p_cloud, strangers")
_d, _f = decisions.c, feedback.c
Work = Callable[[Connection], None]  # what stores something, in a transaction of somebody else's


# Labelling: which requests can be asked again, and what was found out about them


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """One answered request whose words were kept, ready to be asked again.

    `body`: messages, tools and response format, in the dialect `api`. `local`: the local answer,
    None where the cloud was asked at once; `cloud`: its answer, None where it was not the one
    given. `second`: an opinion that the gateway asked `second_model` for. `max_tokens`: the limit
    that the client set on the answer, None where it set none. `explored`: the other tier was tried.
    """

    id: str
    api: Api
    body: Json
    request: Request
    local_model: str
    local: str | None
    cloud: str | None
    second_model: str | None
    second: str | None
    max_tokens: int | None
    audited: bool
    explored: bool
    p_local: float
    p_cloud: float
    threshold: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Askable:
    """Some requests that could be asked again, the numbers of each at one place: arrays (n,).

    `ids` (n). Booleans: `audited`, `explored`. `tokens`: read and written, (n, 2), NaN where
    nobody counted them.
    """

    ids: list[str]
    p_local: FloatArray
    p_cloud: FloatArray
    threshold: FloatArray
    audited: BoolArray
    explored: BoolArray
    tokens: FloatArray


def unstudied(engine: Engine) -> Iterator[Askable]:
    """Requests that can be asked again and have no second opinion, the oldest first, in pieces."""
    has = exists().where(opinions.c.decision_id == _d.id)
    return _numbers(engine, and_(_askable(), ~has))


def unjudged(engine: Engine, source: str) -> Iterator[Askable]:
    """Those that have a local answer and no feedback of one source, in pieces as `unstudied`."""
    has = exists().where(_f.decision_id == _d.id, _f.source == source)
    return _numbers(engine, and_(_askable(), _answered_here(), ~has))


def _numbers(engine: Engine, which: ColumnElement[bool]) -> Iterator[Askable]:
    columns = (_d.id, _d.p_local, _d.p_cloud, _d.threshold, _d.audited, _d.explored)
    query = select(*columns, _d.input_tokens, _d.output_tokens).where(which).order_by(_d.at)
    with engine.connect() as connection:
        found = connection.execute(query, execution_options={"yield_per": NUMBERS_ROWS})
        for piece in found.partitions():
            ids, *numbers = zip(*piece, strict=True)
            p_local, p_cloud, threshold, audited, explored, read, written = (
                np.array(column, dtype=np.float64) for column in numbers
            )
            yield Askable(
                ids=list(ids),
                p_local=p_local,
                p_cloud=p_cloud,
                threshold=threshold,
                audited=audited == 1,
                explored=explored == 1,
                tokens=np.column_stack([read, written]),
            )


def last_studied(engine: Engine, limit: int) -> Iterator[Logged]:
    """The requests that the last `limit` second opinions are of."""
    last = select(opinions.c.decision_id).order_by(opinions.c.id.desc()).limit(limit)
    return _logged(engine, select(decisions).where(_d.id.in_(last.subquery().select())))


def with_words(engine: Engine, names: Sequence[str]) -> Iterator[Logged]:
    """These requests in this order, without those that nobody can read any more."""
    for start in range(0, len(names), WORDS_ROWS):
        mine = names[start : start + WORDS_ROWS]
        found = {one.id: one for one in _logged(engine, select(decisions).where(_d.id.in_(mine)))}
        yield from (found[name] for name in mine if name in found)


def _askable() -> ColumnElement[bool]:
    return and_(
        _d.status == 200,
        _d.request.is_not(None),
        _d.private_kinds.is_(None),
        _d.p_local.is_not(None),
        _d.local_model.is_not(None),
    )


def _answered_here() -> ColumnElement[bool]:
    """The condition that there is a local answer, as `local_answer_of` says."""
    given = and_(_d.tier == "local", _d.answer != "")
    whole = or_(_d.held_until.is_(None), _d.held_until == "end")
    return or_(given, and_(_d.tier != "local", whole, _d.local_answer != ""))


def _logged(engine: Engine, query: Select[Any]) -> Iterator[Logged]:
    with engine.connect() as connection:
        found = connection.execute(query, execution_options={"yield_per": WORDS_ROWS})
        for row in found.mappings():
            body = body_of(row["request"])
            request = request_of(body, row["api"])
            if request is None or body is None:
                continue
            cloud = row["answer"] if row["tier"] == "cloud" else None
            yield Logged(
                id=row["id"],
                api="anthropic" if row["api"] == "anthropic" else "openai",
                body=body,
                request=request,
                local_model=row["local_model"],
                local=local_answer_of(row),
                cloud=cloud or None,
                second_model=row["second_model"],
                second=row["second_answer"],
                max_tokens=row["max_tokens"],
                audited=bool(row["audited"]),
                explored=bool(row["explored"]),
                p_local=row["p_local"],
                p_cloud=row["p_cloud"],
                threshold=row["threshold"],
            )


def to_rate(engine: Engine, limit: int) -> list[Logged]:
    """The last `limit` audited requests that no person has rated, the newest first."""
    query = select(decisions).where(_unrated()).order_by(_d.at.desc()).limit(limit)
    return list(_logged(engine, query))


def left_to_rate(engine: Engine) -> int:
    """How many wait for that in all."""
    with engine.connect() as connection:
        count = select(func.count()).select_from(decisions).where(_unrated())
        return connection.execute(count).scalar_one()


def _unrated() -> ColumnElement[bool]:
    rated = exists().where(_f.decision_id == _d.id, _f.source != "judge")
    return and_(_d.audited, _askable(), ~rated)


def add_verdict(engine: Engine, decision: str, source: str, scores: Mapping[str, float]) -> None:
    """Store how good the answer of each tier is, as feedback; `scores`: tier -> 0..1."""
    now = time()
    rows = [
        {
            "decision_id": decision,
            "at": now,
            "key": None,
            "score": score,
            "source": source,
            "tier": tier,
        }
        for tier, score in scores.items()
    ]
    with engine.begin() as connection:
        connection.execute(insert(feedback), rows)


def store(engine: Engine, work: Work) -> None:
    """Do `work` in a transaction of its own, for those who have no `OutcomeLog`."""
    with engine.begin() as connection:
        work(connection)


def opinion_on(
    decision: str,
    *,
    local_model: str,
    model: str,
    answer: str | None,
    label: AgreementLabel,
    version: str,
) -> Work:
    """Work for `OutcomeLog.call` or `store`: keep the second opinion that `model` gave.

    `answer` is None where no word may be kept.
    """
    of_pair = dict(zip(_OF_PAIR, (*label.alone, *label.strangers), strict=True))
    measures = {k: round(v, 4) for k, v in {**label.agreement, **of_pair}.items()}
    row = {
        "decision_id": decision,
        "at": time(),
        "local_model": local_model,
        "model": model,
        "answer": answer,
        "p_local": label.p_local,
        "p_cloud": label.p_cloud,
        "agreement": json.dumps(measures),
        "weight": label.weight,
        "router_version": version,
    }

    def keep(connection: Connection) -> None:
        connection.execute(insert(opinions).values(**row))

    return keep


def newest_at(engine: Engine) -> float | None:
    """When the last request came; None for an empty log."""
    with engine.connect() as connection:
        return connection.execute(select(func.max(_d.at))).scalar()


def is_known(engine: Engine, decision: str) -> bool:
    """Whether the log has a decision."""
    with engine.connect() as connection:
        return connection.execute(select(_d.id).where(_d.id == decision)).first() is not None


def probe_results(engine: Engine, model: str, digest: str) -> dict[str, bool]:
    """probe_id -> passed, of a model with these weights."""
    query = select(probes.c.probe_id, probes.c.passed).where(
        probes.c.model == model, probes.c.digest == digest
    )
    with engine.connect() as connection:
        return {str(i): bool(good) for i, good in connection.execute(query)}


def add_probe_result(
    engine: Engine, model: str, digest: str, *, probe_id: str, passed: bool, latency_s: float
) -> None:
    """Store what a model, by the digest of its weights, made of one probe."""
    row = {
        "model": model,
        "digest": digest,
        "probe_id": probe_id,
        "at": time(),
        "passed": passed,
        "latency_s": latency_s,
    }
    with engine.begin() as connection:
        connection.execute(insert(probes).values(**row))


# Clients: what was kept of an answer that they have had


@dataclass(frozen=True, slots=True, kw_only=True)
class PastAnswer:
    """One answered request of the log. `request` (JSON) and `answer` are None where no word was
    kept; `private_kinds` is None for a request that was not private.
    """

    api: str
    key: str | None
    at: float
    model: str | None
    status: int
    finish: str | None
    private_kinds: str | None
    request: str | None
    answer: str | None
    input_tokens: int | None
    output_tokens: int | None


def past_answer(engine: Engine, decision: str) -> PastAnswer | None:
    """The answer to a decision; None where the log has no such decision."""
    query = select(*(decisions.c[f.name] for f in fields(PastAnswer))).where(_d.id == decision)
    with engine.connect() as connection:
        row = connection.execute(query).mappings().first()
    return PastAnswer(**row) if row else None


def forget_words(decision: str) -> Work:
    """Work for `OutcomeLog.call`: drop every word kept of a decision, its numbers stay."""
    words = dict.fromkeys(("request", "answer", "second_answer", "local_answer"))

    def drop(connection: Connection) -> None:
        connection.execute(update(decisions).where(_d.id == decision).values(**words))
        kept = opinions.c.decision_id == decision
        connection.execute(update(opinions).where(kept).values(answer=None))

    return drop


# Monitoring: how the model that serves is doing, and a challenger beside it


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What the log kept of a request: `words` as JSON, `features` as bytes, or neither."""

    api: str
    words: str | None
    features: bytes | None

    @property
    def request(self) -> Request | None:
        """What the router judged; None where no words were kept. Parsed anew at each look."""
        return request_of(body_of(self.words), self.api)


_KEPT = (_d.api, _d.request.label("words"), _d.features)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rated:
    """Something said about a local answer. `group`: names requests that say the same. `p_local`:
    before it was given; `p_final`: after it was looked at, where it was; `agreement`: what a second
    opinion says of it; `audited`: drawn to be labelled, whatever the answer. `at`, `key`: when it
    was said, and by whom; `asked_at`, `asked_by`: when the request came, and from whom.
    """

    decision: str
    group: str
    at: float
    key: str | None
    asked_at: float
    asked_by: str | None
    source: str
    score: float
    p_local: float
    p_final: float
    agreement: float | None
    audited: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recent(Kept):
    """A request that a model decided on, with words or features."""

    at: float
    key: str | None
    gain: float
    threshold: float


@dataclass(frozen=True, slots=True)
class InShadow:
    """Requests that a challenger has decided so far, and how many of them for the cloud."""

    seen: int
    to_cloud: int


def labels_until(engine: Engine) -> tuple[int, int]:
    """Names what was said so far, by people and by second models: it changes with every word."""
    with engine.connect() as connection:
        last = (select(func.coalesce(func.max(t.c.id), 0)) for t in (feedback, opinions))
        said, second = (connection.execute(query).scalar_one() for query in last)
    return said, second


def fresh_labels(engine: Engine, version: str, limit: int) -> list[Rated]:
    """The last `limit` things said of local answers that a version decided on, in the order they
    came; of the SAID_ROWS that were said last, so that a version without any is soon looked up.
    """
    about_local = or_(_f.tier == "local", and_(_f.tier.is_(None), _d.tier == "local"))
    agreement = (
        select(func.avg(opinions.c.p_local))
        .where(opinions.c.decision_id == _d.id)
        .scalar_subquery()
        .label("agreement")
    )
    asked = (_d.at.label("asked_at"), _d.key.label("asked_by"))
    said = (_d.id.label("decision"), _f.at, _f.key, *asked, _f.source, _f.score, _d.p_local)
    final = func.coalesce(_d.p_local_after, _d.p_local).label("p_final")
    newest = select(func.max(feedback.c.id)).scalar_subquery()
    query = (
        select(*_KEPT[:2], *said, final, agreement, _d.audited)
        .join(feedback, _d.id == _f.decision_id)
        .where(_f.id > newest - SAID_ROWS)
        .where(_d.router_version == version, about_local, _d.p_local.is_not(None))
        .order_by(_f.id.desc())
        .limit(limit)
    )
    with engine.connect() as connection:
        rows = connection.execute(query, execution_options={"yield_per": WORDS_ROWS}).mappings()
        found = [_rated(dict(row)) for row in rows]
    found.reverse()
    return sorted(found, key=lambda one: one.at)  # of one moment as they came


def _rated(row: dict[str, Any]) -> Rated:
    request = request_of(body_of(row.pop("words")), row.pop("api"))
    return Rated(**row, group=row["decision"] if request is None else group_of(request.text))


def read_requests(engine: Engine, names: Sequence[str]) -> Iterator[tuple[str, Request]]:
    """What the router judged of these requests, where words were kept."""
    for start in range(0, len(names), WORDS_ROWS):
        mine = _d.id.in_(names[start : start + WORDS_ROWS])
        with engine.connect() as connection:
            for row in connection.execute(select(_d.id, _d.api, _d.request).where(mine)):
                if (request := request_of(body_of(row.request), row.api)) is not None:
                    yield row.id, request


def recent_requests(engine: Engine, limit: int) -> list[Recent]:
    """The last `limit` requests that a model decided on and that left words or features, the
    oldest first.
    """
    usable = and_(_d.p_local.is_not(None), legible())
    query = (
        select(*_KEPT, _d.at, _d.key, _d.gain, _d.threshold).where(usable).order_by(_d.at.desc())
    )
    with engine.connect() as connection:
        rows = connection.execute(query.limit(limit)).mappings()
        return [Recent(**row) for row in rows][::-1]


def legible() -> ColumnElement[bool]:
    """The condition that a request left words or features."""
    return or_(_d.request.is_not(None), _d.features.is_not(None))


def decided_in_shadow(
    version: str, decided: Sequence[tuple[str, Decision]]
) -> Callable[[Connection], InShadow]:
    """Work for `OutcomeLog.call`: store what a challenger decided, and count all it has.

    `decided`: pairs of the decision's id in the log and the challenger's own.
    """
    rows = [
        {
            "decision_id": name,
            "version": version,
            "at": time(),
            "p_local": one.p_local,
            "p_cloud": one.p_cloud,
            "threshold": one.threshold,
            "tier": one.tier,
        }
        for name, one in decided
    ]

    def keep(connection: Connection) -> InShadow:
        if rows:
            connection.execute(insert(shadow), rows)
        cloud = func.sum(case((shadow.c.tier == "cloud", 1), else_=0))
        mine = select(func.count(), func.coalesce(cloud, 0)).where(shadow.c.version == version)
        seen, to_cloud = connection.execute(mine).one()
        return InShadow(int(seen), int(to_cloud))

    return keep


# Learning: everything of a span of time, [since, until)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry(Kept):
    """One request as the learner reads it; the fields are columns of `decisions`."""

    id: str
    at: float
    key: str | None
    rule: str
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
    audit: float | None
    escalated: bool
    status: int
    checks: str | None
    cost_usd: float | None
    cloud_usd: float | None
    p_local_after: float | None
    p_cloud_after: float | None


ENTRY_COLUMNS = tuple(f.name for f in fields(Entry) if f.name not in Kept.__slots__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One row of feedback. `tier`: whose answer is meant; None: the one that was given."""

    decision: str
    at: float
    key: str | None
    score: float
    source: str
    tier: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """What agreement with a second model says of the answers to one request.

    `model`: that gave the opinion. `weight`: the reliability of such a label, 0..1. `of_pair`: both
    probabilities without the opinion, and as if it were a stranger's; None in older rows.
    """

    decision: str
    at: float
    local_model: str
    model: str
    p_local: float
    p_cloud: float
    weight: float
    of_pair: tuple[float, float, float, float] | None


def entries(engine: Engine, since: float, until: float, size: int) -> Iterator[list[Entry]]:
    """All requests of a span in the order of time, in pieces of at most `size`."""
    columns = [_d[name] for name in ENTRY_COLUMNS]
    query = select(*_KEPT, *columns).where(within(since, until)).order_by(_d.at, _d.id)
    with engine.connect() as connection:
        rows = connection.execution_options(yield_per=size).execute(query).mappings()
        for piece in rows.partitions():
            yield [Entry(**row) for row in piece]


def spans(engine: Engine, size: int) -> list[float]:
    """Times that cut the whole log into spans of about `size` requests, the last one open.

    Requests of one moment stay together. Of an empty log: none.
    """
    numbered = select(_d.at, func.row_number().over(order_by=_d.at).label("n")).subquery()
    at, n = numbered.c.at, numbered.c.n
    with engine.connect() as connection:
        found = connection.execute(select(at).where((n - 1) % size == 0).order_by(at)).scalars()
        edges = sorted(set(found))
    return [*edges, float("inf")] if edges else []


def extent(engine: Engine) -> tuple[int, int, int]:
    """How many requests there are, how much was said of them, and the number of the last word."""
    with engine.connect() as connection:
        requests = connection.execute(select(func.count()).select_from(decisions)).scalar_one()
        said = connection.execute(select(func.count(), func.coalesce(func.max(_f.id), 0))).one()
    return int(requests), int(said[0]), int(said[1])


def said_of(engine: Engine, since: float, until: float) -> list[Said]:
    """Feedback on the requests of a span, in the order it came."""
    query = (
        select(_f.decision_id.label("decision"), _f.at, _f.key, _f.score, _f.source, _f.tier)
        .join(decisions, _d.id == _f.decision_id)
        .where(within(since, until))
        .order_by(_f.id)
    )
    with engine.connect() as connection:
        return [Said(**row) for row in connection.execute(query).mappings()]


def opinions_on(engine: Engine, since: float, until: float) -> list[Opinion]:
    """Second opinions on the requests of a span, in the order they came."""
    o = opinions.c
    kept = (o.at, o.local_model, o.model, o.p_local, o.p_cloud, o.weight)
    query = (
        select(o.decision_id.label("decision"), o.agreement, *kept)
        .join(decisions, _d.id == o.decision_id)
        .where(within(since, until))
        .order_by(o.id)
    )
    with engine.connect() as connection:
        found = [dict(row) for row in connection.execute(query).mappings()]
    of_pair = [_of_pair(row.pop("agreement")) for row in found]
    return [Opinion(**row, of_pair=two) for row, two in zip(found, of_pair, strict=True)]


def _of_pair(agreement: str) -> tuple[float, float, float, float] | None:
    measures = json.loads(agreement)
    if not all(name in measures for name in _OF_PAIR):
        return None
    local, cloud, local_as_strangers, cloud_as_strangers = (float(measures[n]) for n in _OF_PAIR)
    return local, cloud, local_as_strangers, cloud_as_strangers


# Rules that log a propensity of the model's own choice.
LEARNED_RULES = ("learned", "exploration")


def within(since: float, until: float) -> ColumnElement[bool]:
    """The condition that a request came in the span [since, until)."""
    return and_(_d.at >= since, _d.at < until)
