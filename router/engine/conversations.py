"""What is remembered of conversations under way: who answers them, what the cloud's cache holds.

Kept in memory, by a hash of how a conversation began. Another process, or one started anew, knows
nothing of it: a step of a loop is then judged by the request that opened it, which gives the tier
where it began unless that changed on the way, and a prefix counts as not cached.
"""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from typing import TypeVar

from router.engine.constants import CONVERSATIONS_REMEMBERED
from router.engine.expected import Preamble, Prefix
from router.engine.record import Record
from router.types import Request, Tier

_T = TypeVar("_T")


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
        self._preambles: OrderedDict[bytes, Preamble] = OrderedDict()

    def of(self, record: Record) -> Conversation:
        """What is known of a request's conversation; nothing where it is the first of one."""
        request = record.call.request
        if request is None or _opens(request):
            return Conversation()
        return self._known.get(_key(record, request)) or Conversation()

    def preamble(self, record: Record, model: str) -> Preamble | None:
        """What a model of the cloud had of conversations that begin like this one."""
        return self._preambles.get(_preamble_key(record, model)) if record.call.preamble else None

    def watch(self, record: Record) -> None:
        """Note who answered a request, and how; calls in the background are no part of it."""
        request = record.call.request
        if request is None or record.tier is None or record.status != 200:
            return
        key = _key(record, request)
        known = self.of(record)
        _remember(self._known, key, known)
        known.sent, known.sent_at = record.call.size, record.at
        if record.tier == "cloud" and record.answer is not None and record.answer.usage:
            usage, size, at = record.answer.usage, known.sent, record.at
            known.prefix = Prefix.left_by(record.model, usage, size, at, known.prefix)
            if preamble := len(record.call.preamble):
                before = self.preamble(record, record.model)
                left = Preamble.left_by(preamble, usage, size, at, before)
                _remember(self._preambles, _preamble_key(record, record.model), left)
        if request.background:
            return
        doubts = known.doubts if request.loop is not None else 0
        known.tier, known.doubts = record.tier, doubts + record.doubted


def _opens(request: Request) -> bool:
    return request.turns == 1 and request.loop is None


def _remember(known: OrderedDict[bytes, _T], key: bytes, value: _T) -> None:
    known[key] = value
    known.move_to_end(key)
    if len(known) > CONVERSATIONS_REMEMBERED:
        known.popitem(last=False)


def _key(record: Record, request: Request) -> bytes:
    said = f"{record.call.key}\0{request.client}\0{request.opening}"
    return _hashed(said.encode(errors="replace"))


def _preamble_key(record: Record, model: str) -> bytes:
    """Whose key it came with does not matter: the cloud's cache is one for all."""
    return _hashed(f"{model}\0".encode(errors="replace") + record.call.preamble)


def _hashed(said: bytes) -> bytes:
    return hashlib.blake2b(said, digest_size=16).digest()
