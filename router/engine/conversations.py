"""What is remembered of conversations under way: who answers them, what the cloud's cache holds.

Kept in memory, by a hash of how a conversation began, and shared with other gateways on the log as
far as it matters to them: where tools or the cloud's cache play a part, and something of the
request is kept at all. A process that knows nothing of a conversation judges a step of a loop by
the request that opened it, which gives the tier where it began unless that changed on the way, and
takes a prefix for not cached.
"""

from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from router.engine.constants import CONVERSATIONS_REMEMBERED
from router.engine.expected import Preamble, Prefix
from router.engine.record import Record
from router.outcomes.shared import Note, Shared, hashed
from router.types import Request, Tier

_T = TypeVar("_T")
CONVERSATION, PREAMBLE = "conversation", "preamble"


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
    """The conversations of a process; the longest unused are forgotten.

    `shared`: with other gateways, where there are some.
    """

    def __init__(self) -> None:
        self.shared: Shared | None = None
        self._known: OrderedDict[str, Conversation] = OrderedDict()
        self._preambles: OrderedDict[str, Preamble] = OrderedDict()

    def of(self, record: Record) -> Conversation:
        """What is known of a request's conversation; nothing where it is the first of one."""
        request = record.call.request
        if request is None or _opens(request):
            return Conversation()
        return self._known.get(_key(record, request)) or Conversation()

    async def look_up(self, record: Record) -> None:
        """Ask the other gateways about a conversation that is not known here."""
        request = record.call.request
        if self.shared is None or request is None or _opens(request) or not _matters(record):
            return
        if (key := _key(record, request)) not in self._known:
            for name, value in (await self.shared.get(CONVERSATION, [key])).items():
                self.heard(Note(CONVERSATION, name, value))

    def heard(self, note: Note) -> None:
        """Take over what another gateway knows; one of another version may say it otherwise."""
        with suppress(msgspec.DecodeError):
            if note.kind == CONVERSATION:
                theirs = msgspec.json.decode(note.value, type=Conversation)
                mine = self._known.get(note.name)
                if mine is None or mine.sent_at <= theirs.sent_at:
                    _remember(self._known, note.name, theirs)
            else:
                preamble = msgspec.json.decode(note.value, type=Preamble)
                _remember(self._preambles, note.name, preamble)

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
                name = _preamble_key(record, record.model)
                _remember(self._preambles, name, left)
                self._tell(PREAMBLE, name, left, record)
        if not request.background:
            doubts = known.doubts if request.loop is not None else 0
            known.tier, known.doubts = record.tier, doubts + record.doubted
        if known.prefix is not None or _matters(record):
            self._tell(CONVERSATION, key, known, record)

    def _tell(self, kind: str, name: str, value: Conversation | Preamble, record: Record) -> None:
        """Let other gateways know, unless the request is private or nothing of it is kept."""
        if self.shared is not None and not record.private and record.keeps != "none":
            self.shared.put(Note(kind, name, msgspec.json.encode(value).decode()))


def _opens(request: Request) -> bool:
    return request.turns == 1 and request.loop is None


def _matters(record: Record) -> bool:
    """Whether what came of a request matters to the next: there are tools, or a cache."""
    return bool(record.call.body.get("tools")) or b'"cache_control"' in record.call.payload


def _remember(known: OrderedDict[str, _T], key: str, value: _T) -> None:
    known[key] = value
    known.move_to_end(key)
    if len(known) > CONVERSATIONS_REMEMBERED:
        known.popitem(last=False)


def _key(record: Record, request: Request) -> str:
    said = f"{record.call.key}\0{request.client}\0{request.opening}"
    return hashed(said.encode(errors="replace"))


def _preamble_key(record: Record, model: str) -> str:
    """Whose key it came with does not matter: the cloud's cache is one for all."""
    return hashed(f"{model}\0".encode(errors="replace") + record.call.preamble)
