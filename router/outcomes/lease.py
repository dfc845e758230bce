"""Leases: what only one of all gateways on a log does, and who does it now."""

import asyncio
from contextlib import suppress
from time import monotonic

from sqlalchemy import Connection, delete, text

from router.errors import LogError
from router.outcomes.constants import LEASE_S
from router.outcomes.database import now
from router.outcomes.tables import leases
from router.outcomes.writer import OutcomeLog


class Leases:
    """The leases that one gateway holds.

    A lease ends LEASE_S after it was asked for last, by the database's clock: when its holder dies,
    whoever asks next has it. `holder`: a name that no other process has.
    """

    def __init__(self, log: OutcomeLog, holder: str) -> None:
        self._log, self._holder = log, holder
        self._sure: dict[str, float] = {}  # until when it need not be asked for again

    async def mine(self, name: str) -> bool:
        """Whether this gateway holds it; it takes what nobody holds. Raises LogError."""
        asked = monotonic()
        if asked < self._sure.get(name, 0.0):
            return True
        self._sure.pop(name, None)
        if taken := await asyncio.wrap_future(self._log.call(lambda c: self._take(c, name))):
            self._sure[name] = asked + LEASE_S / 2
        return taken

    async def leave(self) -> None:
        """Let others have them at once."""
        mine = delete(leases).where(leases.c.holder == self._holder)
        if self._sure:
            with suppress(LogError):  # then they end by themselves
                await asyncio.wrap_future(self._log.call(lambda c: c.execute(mine).rowcount))

    def _take(self, connection: Connection, name: str) -> bool:
        when = now(connection)
        take = text(
            "INSERT INTO leases (name, holder, until) VALUES (:name, :holder, :until)"
            " ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until"
            " WHERE leases.holder = excluded.holder OR leases.until < :now RETURNING name"
        )
        given = {"name": name, "holder": self._holder, "until": when + LEASE_S, "now": when}
        return connection.execute(take, given).first() is not None
