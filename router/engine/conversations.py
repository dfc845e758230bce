"""What is remembered of conversations under way: who answers them, what the cloud's cache holds.

Kept in memory, by a hash of how a conversation began. Another process, or one started anew, knows
nothing of it: a step of a loop is then judged by the request that opened it, which gives the tier
where it began unless that changed on the way, and a prefix counts as not cached.
"""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass

from router.engine.constants import CONVERSATIONS_REMEMBERED
from router.engine.expected import Prefix
from router.engine.record import Record
from router.types import Request, Tier


@dataclass(slots=True)
class Conversation:
    """What is known of one. `tier`: that answered last; `doubts`: of the verifier in its loop.

    `prefix`: what the cloud's last answer left in its cache; `sent`, `sent_at`: size of the last
    request in bytes and when it came, whoever answered.
    """

    tier: Tier | None = None
    doubts: int = 0
    prefix: Prefix | None = None
    sent: int = 0
    sent_at: float = 0.0


class Conversations:
    """The conversations of a process; the longest unused are forgotten."""

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, Conversation] = OrderedDict()

    def of(self, record: Record) -> Conversation:
        """What is known of a request's conversation; nothing where it is the first of one."""
        request = record.call.request
        if request is None or _opens(request):
            return Conversation()
        return self._known.get(_key(record, request)) or Conversation()

    def watch(self, record: Record) -> None:
        """Note who answered a request, and how; calls in the background are no part of it."""
        request = record.call.request
        if request is None or record.tier is None or record.status != 200:
            return
        key = _key(record, request)
        known = self.of(record)
        self._known[key] = known
        self._known.move_to_end(key)
        if len(self._known) > CONVERSATIONS_REMEMBERED:
            self._known.popitem(last=False)
        known.sent, known.sent_at = record.call.size, record.at
        if record.tier == "cloud" and record.answer is not None and record.answer.usage:
            known.prefix = Prefix.left_by(
                record.model, record.answer.usage, known.sent, record.at, known.prefix
            )
        if request.background:
            return
        doubts = known.doubts if request.loop is not None else 0
        known.tier, known.doubts = record.tier, doubts + record.doubted


def _opens(request: Request) -> bool:
    return request.turns == 1 and request.loop is None


def _key(record: Record, request: Request) -> bytes:
    said = f"{record.call.key}\0{request.client}\0{request.opening}"
    return hashlib.blake2b(said.encode("utf-8", "replace"), digest_size=16).digest()
