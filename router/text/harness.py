"""Finding the person's words in what a client sends, and leaving out what the client adds.

Named clients by their conventions (`wrappers.toml`), unknown ones by a rule: a block is theirs if
it is tagged with a name that says so and long, or repeated from turn to turn. Everything here takes
time in proportion to the text, whatever is in it.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from router.text.constants import HARNESS_BLOCK_CHARS, REMINDER_CHARS, REPEATED_CHARS
from router.text.wrappers import Background, wrappers

UNKNOWN = "unknown client"
# Bounded, so that no text makes the search go back over it.
_TAG = re.compile(r"<(/?)([A-Za-z][\w-]{0,60})(?:\s[^<>]{0,200})?>")
# Words in the name of a tag that say that no person wrote the block.
_TELLING = frozenset(
    (
        *("attached", "attachment", "attachments", "context", "editor", "environment", "ide"),
        *("instruction", "instructions", "memory", "metadata", "open", "reminder", "rules"),
        *("system", "tool", "tools", "workspace"),
    )
)
_NAME_PARTS = re.compile(r"[_-]|(?<=[a-z])(?=[A-Z])")
# A fenced block at the start whose info string names a file: ```python src/main.py (1-20)
_FILE_FENCE = re.compile(r"\s*```[^\s`]{0,30}[ \t]?[^\n`]{0,200}(?:/|\.[A-Za-z])[^\n`]{0,200}\n")


@dataclass(frozen=True, slots=True)
class Words:
    """What is left of a text: the person's words, and the client whose the rest is ('' if none).

    `forget`: nothing said before counts.
    """

    text: str
    client: str = ""
    forget: bool = False


def words_of(text: str, alone: bool = True) -> Words:
    """The person's words in one text of a user's turn; `alone`: the turn has no other text.

    >>> words_of("<system-reminder>Be brief.</system-reminder>\\nName a river.")
    Words(text='Name a river.', client='claude-code', forget=False)
    """
    known = wrappers()
    client, left, forget = "", text, False
    if text.startswith(known.span_openings):
        span = next(s for s in known.spans if text.startswith(s.opens))
        end = text.rfind(span.until) + len(span.until) if span.until else len(text)
        if end >= len(span.opens):
            client, left, forget = span.client, text[end:], span.forget
    if "<" in left:
        left, tagged = _untagged(left)
        client = client or tagged
    if "```" in left:
        left = _without_files(left, alone)
    return Words(left.strip(), client, forget) if left != text else Words(text)


def background_of(texts: Sequence[str]) -> Background | None:
    """What a call that opens so asks for on the client's own account; None for a person's call."""
    known = wrappers()
    for text in texts:
        if text.startswith(known.background_openings):
            return next(b for b in known.background if text.startswith(b.opens))
    return None


# A call in the background of a client that nobody named: something short of a whole conversation.
_ASKS_FOR = re.compile(
    r"\b(?:generate|create|write|provide|suggest|give|summari[sz]e|name|classify|extract)\b"
    r"[^\n]{0,80}\b(title|topic|tags?|follow-?ups?|summary|name|label)\b"
    r"[^\n]{0,120}\b(?:conversation|chat|session|thread|dialogue|messages?)\b",
    re.IGNORECASE,
)
_ONLY = re.compile(
    r"\b(?:only|nothing else|no (?:additional|other|extra) text|without quotes|JSON)\b",
    re.IGNORECASE,
)
# Marks of a transcript, looked for first: most requests have none.
_TRANSCRIPT = (
    "<chat_history>", "<conversation>", "<messages>", "<session>", "<transcript>",
    "User:", "Human:", "USER:", "user:", "human:",
)  # fmt: skip
_TASKS = {"title": "title", "topic": "topic", "tag": "tags", "tags": "tags", "summary": "summary"}


def unnamed_background(opening: str, whole: str) -> str:
    """The same by a rule: an order for a title, a summary or the like of a transcript, no more.

    `opening`: how the order begins, `whole`: all of it. '' for everything else.

    >>> unnamed_background("Write a title for this chat, nothing else.", "User: hi")
    'title'
    >>> unnamed_background("Write a title for my essay on chat rooms, in JSON.", "It is long.")
    ''
    """
    if not any(mark in whole for mark in _TRANSCRIPT):
        return ""
    asked = _ASKS_FOR.search(opening)
    if asked is None or not _ONLY.search(opening):
        return ""
    found = asked[1].lower()
    return _TASKS.get(found, "suggestion" if found.startswith("follow") else "title")


def without_repeats(text: str, systems: Sequence[str], earlier: str) -> str:
    """`text` without what ends a system text too, and what stood in the turn before.

    Only whole paragraphs go, and never all of them.
    """
    for system in systems:
        text = _without_end(text, system, REMINDER_CHARS)
    if earlier:
        text = _without_end(text, earlier, REPEATED_CHARS)
        size = _common(text, earlier)
        cut = text.rfind("\n\n", 0, size + 2)
        if cut >= REPEATED_CHARS and text[cut:].strip():
            text = text[cut:].strip()
    return text


def _without_end(text: str, other: str, least: int) -> str:
    if len(text) < least or not other.endswith(text[-least:]):
        return text
    size = _common(text[::-1], other[::-1])
    cut = text.find("\n\n", len(text) - size - 2 if size < len(text) else 0)
    if cut <= 0 or len(text) - cut < least:
        return text
    return text[:cut].strip() or text


def _common(a: str, b: str) -> int:
    """Length of the common beginning, by halving."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _untagged(text: str) -> tuple[str, str]:
    """`text` without blocks that are no person's, and the client whose the first of them is."""
    known = wrappers()
    client, out, at = "", [], 0
    for start, inner, close, end, name in _blocks(text):
        if start < at:
            continue  # within a block that is gone
        owner = known.tags.get(name) or known.inside.get(name) or ""
        if not owner and not _tells(text, start, end, name):
            continue
        client = client or owner or UNKNOWN
        out.append(text[at:start])
        if name in known.inside:
            out.append(text[inner:close])
        at = end
    out.append(text[at:])
    return "".join(out), client


def _tells(text: str, start: int, end: int, name: str) -> bool:
    """Whether a block of an unknown tag is a client's: long, on lines of its own, by its name."""
    if end - start < HARNESS_BLOCK_CHARS or (start and text[start - 1] != "\n"):
        return False
    return not _TELLING.isdisjoint(part.lower() for part in _NAME_PARTS.split(name))


def _blocks(text: str) -> Iterator[tuple[int, int, int, int, str]]:
    """Blocks of matching tags by where they start: start, inner start, inner end, end, name.

    An opening tag goes with the first closing one that no later opening takes; alone it is text.
    """
    waiting: dict[str, list[tuple[int, int]]] = {}
    found = []
    for tag in _TAG.finditer(text):
        name = tag[2]
        if not tag[1]:
            waiting.setdefault(name, []).append(tag.span())
        elif opened := waiting.get(name):
            start, inner = opened.pop()
            found.append((start, inner, tag.start(), tag.end(), name))
    return iter(sorted(found))


def _without_files(text: str, alone: bool) -> str:
    """`text` without fenced blocks at its start that quote files; all of it only if not `alone`."""
    at = 0
    while fence := _FILE_FENCE.match(text, at):
        end = text.find("\n```", fence.end() - 1)
        if end < 0:
            break
        at = end + 4
    left = text[at:].lstrip("`")
    return left if at and (left.strip() or not alone) else text
