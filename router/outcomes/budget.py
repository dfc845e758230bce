"""Caps on what is spent: reserved before a call, settled after it, kept across restarts."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

from sqlalchemy import Column, Connection, Engine, func, insert, select, update

from router.errors import LogError
from router.outcomes.database import lock
from router.outcomes.tables import reservations
from router.outcomes.writer import OutcomeLog


@dataclass(frozen=True, slots=True)
class Caps:
    """Most that may be spent, in US dollars, by all and by one API key; None is no cap."""

    day_usd: float | None = None
    month_usd: float | None = None
    key_day_usd: float | None = None
    key_month_usd: float | None = None

    @property
    def any(self) -> bool:
        """Whether anything is capped."""
        return any(
            cap is not None
            for cap in (self.day_usd, self.month_usd, self.key_day_usd, self.key_month_usd)
        )


@dataclass(frozen=True, slots=True)
class Reservation:
    """Money set aside for one call."""

    id: str
    usd: float


class Ledger:
    """The account of cloud spending.

    The sum of all reservations, settled at what was paid or not yet at their estimate, never
    exceeds a cap by more than the estimates were wrong. A reservation whose process died, or whose
    payment the disk refused, stays at its estimate: the money may have been spent. Where the
    account cannot be read and there are caps, nothing may be spent. Days and months are those of
    UTC, as on the bill.
    """

    def __init__(self, log: OutcomeLog, caps: Caps, clock: Callable[[], float]) -> None:
        self.caps = caps
        self._log, self._clock = log, clock

    async def reserve(self, usd: float, key: str | None) -> Reservation | str:
        """Set `usd` aside, or say in words which cap it would exceed.

        The look and the entry are one transaction, and where there are caps one at a time of all
        processes on the database, so no two requests can take the same rest.
        """
        now = self._clock()
        caps = self.caps

        def entry(connection: Connection) -> Reservation | str:
            if caps.any:
                lock(connection)
            if reason := _exceeded(connection, caps, usd, key, now):
                return reason
            made = Reservation(uuid4().hex, usd)
            day, month = _periods(now)
            connection.execute(
                insert(reservations).values(
                    id=made.id, at=now, key=key, day=day, month=month, usd=usd, settled=False
                )
            )
            return made

        try:
            return await asyncio.wrap_future(self._log.call(entry))
        except LogError as error:
            return _unknown(error) if caps.any else Reservation("", usd)

    def settle(self, reservation: Reservation, usd: float) -> None:
        """Replace the estimate by what was paid (0 for a call that never happened).

        Does not wait; the writer does it in its turn.
        """

        def pay(connection: Connection) -> None:
            connection.execute(
                update(reservations)
                .where(reservations.c.id == reservation.id)
                .values(usd=usd, settled=True)
            )

        self._log.call(pay)

    async def exceeded(self, usd: float, key: str | None) -> str | None:
        """In words, the cap that `usd` more would exceed."""
        if not self.caps.any:
            return None
        now, caps = self._clock(), self.caps
        look = self._log.call(lambda connection: _exceeded(connection, caps, usd, key, now))
        try:
            return await asyncio.wrap_future(look)
        except LogError as error:
            return _unknown(error)


@dataclass(frozen=True, slots=True)
class Standing:
    """One cap and what is spent or reserved of it, in US dollars; `words`: a day, a month, ..."""

    words: str
    cap_usd: float
    spent_usd: float


def standings(engine: Engine, caps: Caps, key: str | None, now: float) -> list[Standing]:
    """How far each cap is used up; those of a key only where one is given."""
    with engine.connect() as connection:
        return [
            Standing(words, cap, _spent(connection, column, period, owner))
            for cap, column, period, owner, words in _capped(caps, key, now)
        ]


def settled_usd(engine: Engine, since: float) -> float:
    """What was paid from the UTC day of `since` on (Unix time in seconds), by all calls."""
    day, _ = _periods(since)
    total = select(func.coalesce(func.sum(reservations.c.usd), 0.0))
    with engine.connect() as connection:
        paid = total.where(reservations.c.day >= day, reservations.c.settled)
        return float(connection.execute(paid).scalar_one())


def _unknown(error: LogError) -> str:
    return f"What was spent cannot be read or written, so nothing more is: {error}"


def _exceeded(
    connection: Connection, caps: Caps, usd: float, key: str | None, now: float
) -> str | None:
    for cap, column, period, owner, words in _capped(caps, key, now):
        spent = _spent(connection, column, period, owner)
        if spent + usd > cap:
            return f"The cap of ${cap:g} {words} is reached (${spent:.4f} spent or reserved)."
    return None


def _capped(
    caps: Caps, key: str | None, now: float
) -> Iterator[tuple[float, Column[str], str, str | None, str]]:
    """Each cap that holds: dollars, the period's column and name, whose it is, and its words."""
    day, month = _periods(now)
    for cap, column, period, owner, words in (
        (caps.day_usd, reservations.c.day, day, None, "a day"),
        (caps.month_usd, reservations.c.month, month, None, "a month"),
        (caps.key_day_usd, reservations.c.day, day, key, "a day and key"),
        (caps.key_month_usd, reservations.c.month, month, key, "a month and key"),
    ):
        if cap is not None and not ("key" in words and key is None):
            yield cap, column, period, owner, words


def _spent(connection: Connection, column: Column[str], period: str, key: str | None) -> float:
    total = select(func.coalesce(func.sum(reservations.c.usd), 0.0)).where(column == period)
    if key is not None:
        total = total.where(reservations.c.key == key)
    return float(connection.execute(total).scalar_one())


def _periods(now: float) -> tuple[str, str]:
    moment = datetime.fromtimestamp(now, UTC)
    return moment.strftime("%Y-%m-%d"), moment.strftime("%Y-%m")
