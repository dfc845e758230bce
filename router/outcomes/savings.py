"""What routing saved, against everything to the cloud and everything local."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, case, func, select

from router.outcomes.tables import decisions


@dataclass(frozen=True, slots=True, kw_only=True)
class Savings:
    """Sums over a time, in US dollars.

    `spent_usd`: paid, by the tokens that the cloud reported (streams that broke off: estimated).
    `all_cloud_usd`: what the cloud would have cost for every request: reported where it answered,
    else estimated. `exploration_usd`: the part of `spent_usd` that was spent to learn.
    `cache_usd`: what the cloud's prompt cache saved on what was spent; `switch_usd`: the part of
    `spent_usd` that coming back to the cloud cost, its prefix written anew. `background`: calls
    that clients made for themselves. `estimated`: share of `all_cloud_usd` that is estimated.
    Everything local costs 0.
    `refused`: requests that got no answer; they are in no sum.
    """

    requests: int
    local: int
    cloud: int
    escalated: int
    private: int
    refused: int
    spent_usd: float
    exploration_usd: float
    all_cloud_usd: float
    estimated: float
    cache_usd: float = 0.0
    switch_usd: float = 0.0
    background: int = 0

    @property
    def saved_usd(self) -> float:
        """Against everything to the cloud, exploration already taken off."""
        return self.all_cloud_usd - self.spent_usd


def savings(engine: Engine, since: float = 0.0) -> Savings:
    """The sums of requests from `since` (Unix time in seconds) on.

    Private requests are counted, but not in `all_cloud_usd`: the cloud was never open to them.
    """
    d = decisions.c
    answered = d.status == 200
    open_to_cloud = answered & d.private_kinds.is_(None)
    local = answered & (d.tier == "local")

    def total(column: Any, where: Any) -> Any:
        return func.coalesce(func.sum(case((where, column), else_=0)), 0)

    query = select(
        func.count(),
        total(1, local),
        total(1, answered & (d.tier == "cloud")),
        total(1, answered & d.escalated),
        total(1, answered & d.private_kinds.is_not(None)),
        total(1, ~answered),
        total(1, d.kind.is_not(None) & d.kind.not_in(("request", "step"))),
        total(d.cost_usd, d.cost_usd.is_not(None)),
        total(d.cost_usd, d.explored & (d.tier == "cloud")),
        total(d.cloud_usd, open_to_cloud & d.cloud_usd.is_not(None)),
        total(d.cloud_usd, open_to_cloud & (d.tier == "local") & d.cloud_usd.is_not(None)),
        total(d.cache_usd, d.cache_usd.is_not(None)),
        total(d.switch_usd, d.switch_usd.is_not(None)),
    ).where(d.at >= since)
    with engine.connect() as connection:
        row = connection.execute(query).one()
    requests, at_home, cloud, escalated, private, refused, background = (int(n) for n in row[:7])
    spent, exploration, every, guessed, cache, switch = (float(usd) for usd in row[7:])
    return Savings(
        requests=requests,
        local=at_home,
        cloud=cloud,
        escalated=escalated,
        private=private,
        refused=refused,
        spent_usd=spent,
        exploration_usd=exploration,
        all_cloud_usd=every,
        estimated=guessed / every if every else 0.0,
        cache_usd=cache,
        switch_usd=switch,
        background=background,
    )
