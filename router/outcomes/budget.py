"""Caps on what is spent: reserved before a call, settled after it, kept across restarts."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from uuid import uuid4

from sqlalchemy import Column, Connection, func, insert, select

from router.errors import JournalFull, LogError
from router.outcomes.tables import reservations
from router.outcomes.writer import OutcomeLog

_log = logging.getLogger("router.outcomes")
# Held until the transaction ends: nobody else reserves meanwhile.
_LOCK = {
    "sqlite": "BEGIN IMMEDIATE",
    "postgresql": "SELECT pg_advisory_xact_lock(7683)",
}


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
    """Money set aside for one call: the row of the account."""

    id: str
    at: float
    key: str | None
    day: str
    month: str
    usd: float
    settled: bool = False


class Ledger:
    """The account of cloud spending.

    The sum of all reservations, settled at what was paid or not yet at their estimate, never
    exceeds a cap by more than the estimates were wrong. A reservation whose process died during its
    call, or whose payment the disk refused, stays at its estimate: the money may have been spent.
    Where the account cannot be read and there are caps, nothing may be spent. Days and months are
    those of UTC, as on the bill.
    """

    def __init__(self, log: OutcomeLog, caps: Caps, clock: Callable[[], float]) -> None:
        self.caps = caps
        self._log, self._clock = log, clock

    async def reserve(self, usd: float, key: str | None) -> Reservation | str:
        """Set `usd` aside, or say in words which cap it would exceed.

        The look and the entry are one transaction, alone in the database, so no two requests can
        take the same rest, of other workers neither. Without caps there is no look. Raises
        JournalFull.
        """
        now, caps = self._clock(), self.caps
        made = Reservation(uuid4().hex, now, key, *_periods(now), usd)
        if not caps.any:
            self._log.reserve(asdict(made))
            return made

        def entry(connection: Connection) -> Reservation | str:
            connection.exec_driver_sql(_LOCK[connection.dialect.name])
            if reason := _exceeded(connection, caps, usd, key, now):
                return reason
            connection.execute(insert(reservations).values(asdict(made)))
            return made

        try:
            return await asyncio.wrap_future(self._log.call(entry))
        except LogError as error:
            return _unknown(error)

    def settle(self, reservation: Reservation, usd: float) -> None:
        """Replace the estimate by what was paid (0 for a call that never happened).

        Does not wait; the journal has it when this returns.
        """
        try:
            self._log.settle(asdict(replace(reservation, usd=usd, settled=True)))
        except JournalFull:
            _log.error("A payment could not be noted; the account keeps its estimate.")

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


def _unknown(error: LogError) -> str:
    return f"What was spent cannot be read or written, so nothing more is: {error}"


def _exceeded(
    connection: Connection, caps: Caps, usd: float, key: str | None, now: float
) -> str | None:
    if not caps.any:
        return None
    day, month = _periods(now)
    for cap, column, period, owner, words in (
        (caps.day_usd, reservations.c.day, day, None, "a day"),
        (caps.month_usd, reservations.c.month, month, None, "a month"),
        (caps.key_day_usd, reservations.c.day, day, key, "a day and key"),
        (caps.key_month_usd, reservations.c.month, month, key, "a month and key"),
    ):
        if cap is None or ("key" in words and key is None):
            continue
        spent = _spent(connection, column, period, owner)
        if spent + usd > cap:
            return f"The cap of ${cap:g} {words} is reached (${spent:.4f} spent or reserved)."
    return None


def _spent(connection: Connection, column: Column[str], period: str, key: str | None) -> float:
    total = select(func.coalesce(func.sum(reservations.c.usd), 0.0)).where(column == period)
    if key is not None:
        total = total.where(reservations.c.key == key)
    return float(connection.execute(total).scalar_one())


def _periods(now: float) -> tuple[str, str]:
    moment = datetime.fromtimestamp(now, UTC)
    return moment.strftime("%Y-%m-%d"), moment.strftime("%Y-%m")
