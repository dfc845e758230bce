"""Telling other gateways on the log what this one learned, and hearing what they did."""

import logging
import socket
import time
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from router.backends.resilience import Breaker
from router.engine.conversations import CONVERSATION, PREAMBLE, Conversations
from router.engine.signatures import SIGNATURE, Signatures
from router.outcomes.shared import KEY, Note, Shared, hashed
from router.settings import Settings, is_loopback
from router.types import Tier

_log = logging.getLogger("router.gateway")
_BREAKER = "breaker"


class Sharing:
    """One gateway's share in what all of them remember.

    `breakers`: as they are now. `keys`: is told of each API key of the log, by name and hash; one
    that was taken back has an empty one.
    """

    def __init__(
        self,
        shared: Shared,
        signatures: Signatures,
        conversations: Conversations,
        breakers: Callable[[], Mapping[Tier, Breaker]],
        settings: Callable[[], Settings],
        keys: Callable[[str, str], None],
    ) -> None:
        self._shared, self._signatures, self._conversations = shared, signatures, conversations
        self._breakers, self._settings, self._keys = breakers, settings, keys
        self._told: set[Tier] = set()  # open breakers that the others know of
        signatures.shared = conversations.shared = shared

    async def work(self) -> None:
        """Tell and hear; to be repeated every second."""
        self._tell_breakers()
        for note in await self._shared.pull():
            self._hear(note)

    def _hear(self, note: Note) -> None:
        if note.kind == SIGNATURE:
            self._signatures.heard(note.name, note.value)
        elif note.kind in (CONVERSATION, PREAMBLE):
            self._conversations.heard(note)
        elif note.kind == KEY:
            self._keys(note.name, note.value)
        elif note.kind == _BREAKER and float(note.value) > time.time():
            for tier, breaker in self._breakers().items():
                if self._backend(tier) == note.name and not breaker.open:
                    _log.warning("Another gateway found the %s tier failing.", tier)
                    breaker.hint()

    def _tell_breakers(self) -> None:
        for tier, breaker in self._breakers().items():
            if not breaker.open:
                self._told.discard(tier)
            elif tier not in self._told:
                self._told.add(tier)
                until = str(time.time() + breaker.reopens_in_s)
                self._shared.put(Note(_BREAKER, self._backend(tier), until))

    def _backend(self, tier: Tier) -> str:
        """A name of a tier's backend: the same on all gateways that mean the same server."""
        settings = self._settings()
        url = settings.local_url if tier == "local" else settings.cloud_url
        host = socket.gethostname() if is_loopback(urlsplit(url).hostname or "") else ""
        return hashed(f"{host}\0{url}".encode())
