"""Requests of the outcome log whose words were kept, ready to be asked again."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import Engine, RowMapping, Select, and_, select

from router.decide.router import Router
from router.engine.call import Call
from router.labelling.choosing import most_informative, worth
from router.outcomes.tables import decisions, opinions
from router.types import Request

_BATCH = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """One logged request. `local`: the local answer, None where the cloud was asked at once."""

    id: str
    call: Call
    request: Request
    local_model: str
    local: str | None
    cloud: str | None
    second_model: str | None
    second: str | None
    p_local: float
    p_cloud: float
    threshold: float


def unstudied(local_model: str | None = None) -> Select[Any]:
    """Requests with words and a decision that no second opinion was stored for."""
    known = select(opinions.c.decision_id)
    wanted = and_(_usable(), decisions.c.id.not_in(known))
    if local_model is not None:
        wanted = and_(wanted, decisions.c.local_model == local_model)
    return select(decisions).where(wanted).order_by(decisions.c.at)


def usable() -> Select[Any]:
    """Requests that were answered and whose words were kept, the oldest first."""
    return select(decisions).where(_usable()).order_by(decisions.c.at)


def _usable() -> Any:
    d = decisions.c
    return and_(
        d.status == 200,
        d.request.is_not(None),
        d.private_kinds.is_(None),
        d.p_local.is_not(None),
        d.local_model.is_not(None),
    )


def read(engine: Engine, query: Select[Any]) -> list[Logged]:
    """What `query` finds, without those that cannot be asked again (no text, no tools' answers)."""
    with engine.connect() as connection:
        rows = connection.execution_options(yield_per=_BATCH).execute(query).mappings()
        return [found for row in rows if (found := _logged(row)) is not None]


def ordered(router: Router, found: list[Logged], count: int | None = None) -> list[Logged]:
    """`count` of `found` (default: all), those first where a label moves the decision most."""
    if not found:
        return []
    p_local, p_cloud, threshold = np.array(
        [(one.p_local, one.p_cloud, one.threshold) for one in found]
    ).T
    vectors = router.extractor.extract([one.request for one in found]).embedding
    wanted = len(found) if count is None else count
    order = most_informative(worth(p_local, p_cloud, threshold), vectors, wanted)
    return [found[i] for i in order]


def _logged(row: RowMapping) -> Logged | None:
    body = json.loads(row["request"])
    call = Call.of("anthropic" if row["api"] == "anthropic" else "openai", body)
    if (request := call.request) is None:
        return None
    local = row["answer"] if row["tier"] == "local" else row["local_answer"]
    cloud = row["answer"] if row["tier"] == "cloud" else None
    return Logged(
        id=row["id"],
        call=call,
        request=request,
        local_model=row["local_model"],
        local=local or None,
        cloud=cloud or None,
        second_model=row["second_model"],
        second=row["second_answer"],
        p_local=row["p_local"],
        p_cloud=row["p_cloud"],
        threshold=row["threshold"],
    )
