"""Caps on what is spent: reserved before a call, settled after it, kept across restarts."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from uuid import uuid4

from sqlalchemy import Column, Connection, Engine, func, insert, select

from router.errors import JournalFull, LogError
from router.outcomes.constants import ACCOUNT_S
from router.outcomes.database import lock
from router.outcomes.tables import reservations
from router.outcomes.writer import OutcomeLog

_log = logging.getLogger("router.outcomes")


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
        self._seen: dict[str | None, _Account] = {}  # by key, until this process spends or saves
        self._moves = 0

    async def reserve(self, usd: float, key: str | None) -> Reservation | str:
        """Set `usd` aside, or say in words which cap it would exceed.

        The look and the entry are one transaction, and one at a time of all processes on the
        database, so no two requests can take the same rest. Without caps there is no look. Raises
        JournalFull.
        """
        now, caps = self._clock(), self.caps
        self._moved()
        made = Reservation(uuid4().hex, now, key, *_periods(now), usd)
        if not caps.any:
            self._log.reserve(asdict(made))
            return made

        def entry(connection: Connection) -> Reservation | str:
            lock(connection)
            if reason := _account(connection, caps, key, now).exceeded(usd):
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
        self._moved()
        try:
            self._log.settle(asdict(replace(reservation, usd=usd, settled=True)))
        except JournalFull:
            _log.error("A payment could not be noted; the account keeps its estimate.")

    async def exceeded(self, usd: float, key: str | None) -> str | None:
        """In words, the cap that `usd` more would exceed.

        What other processes spent meanwhile is noticed within ACCOUNT_S; `reserve` looks anew.
        """
        if not self.caps.any:
            return None
        now, caps, moves = self._clock(), self.caps, self._moves
        seen = self._seen.get(key)
        if seen is None or not seen.holds(caps, now):
            look = self._log.call(lambda connection: _account(connection, caps, key, now))
            try:
                seen = await asyncio.wrap_future(look)
            except LogError as error:
                return _unknown(error)
            if moves == self._moves:  # else it is of before
                self._seen[key] = seen
        return seen.exceeded(usd)

    def _moved(self) -> None:
        """Forget what was read of the account: this process changes it now."""
        self._seen.clear()
        self._moves += 1


@dataclass(frozen=True, slots=True)
class Standing:
    """One cap and what is spent or reserved of it, in US dollars; `words`: a day, a month, ..."""

    words: str
    cap_usd: float
    spent_usd: float


@dataclass(frozen=True, slots=True)
class _Account:
    """What was spent or reserved under each cap that holds, as it was read at a moment."""

    caps: Caps
    at: float
    standings: tuple[Standing, ...]

    def holds(self, caps: Caps, now: float) -> bool:
        """Whether it still tells; a clock that was set back says nothing."""
        same = self.caps == caps and _periods(self.at) == _periods(now)
        return same and 0 <= now - self.at < ACCOUNT_S

    def exceeded(self, usd: float) -> str | None:
        """In words, the first cap that `usd` more would exceed."""
        for one in self.standings:
            if one.spent_usd + usd > one.cap_usd:
                said = f"The cap of ${one.cap_usd:g} {one.words} is reached"
                return f"{said} (${one.spent_usd:.4f} spent or reserved)."
        return None


def standings(engine: Engine, caps: Caps, key: str | None, now: float) -> list[Standing]:
    """How far each cap is used up; those of a key only where one is given."""
    with engine.connect() as connection:
        return list(_standings(connection, caps, key, now))


def settled_usd(engine: Engine, since: float) -> float:
    """What was paid from the UTC day of `since` on (Unix time in seconds), by all calls."""
    day, _ = _periods(since)
    total = select(func.coalesce(func.sum(reservations.c.usd), 0.0))
    with engine.connect() as connection:
        paid = total.where(reservations.c.day >= day, reservations.c.settled)
        return float(connection.execute(paid).scalar_one())


def _unknown(error: LogError) -> str:
    return f"What was spent cannot be read or written, so nothing more is: {error}"


def _account(connection: Connection, caps: Caps, key: str | None, now: float) -> _Account:
    return _Account(caps, now, _standings(connection, caps, key, now))


def _standings(
    connection: Connection, caps: Caps, key: str | None, now: float
) -> tuple[Standing, ...]:
    return tuple(
        Standing(words, cap, _spent(connection, column, period, owner))
        for cap, column, period, owner, words in _capped(caps, key, now)
    )


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
