"""What the router wants to know of an answer, whatever dialect it came in."""

from dataclasses import dataclass, field
from typing import Any, Literal

Finish = Literal["stop", "length", "tool_calls", "refusal", "error", "unknown"]


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the backend reports them; `input_tokens` includes the cached ones.

    `cache_read`, `cache_write`: the parts of the input read from and written to a prompt cache.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read: int = 0
    cache_write: int = 0


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call as the model wrote it; `arguments` is JSON text, perhaps broken."""

    name: str
    arguments: str
    id: str = ""


@dataclass(slots=True, kw_only=True)
class Summary:
    """An answer, read: its text, calls and end. `usage` is None where none was reported."""

    text: str = ""
    model: str = ""
    finish: Finish = "unknown"
    calls: list[ToolCall] = field(default_factory=list)
    usage: Usage | None = None
    logprobs: list[float] = field(default_factory=list)

    @property
    def cut_off(self) -> bool:
        """Whether the answer ended at a limit."""
        return self.finish == "length"


MOST = 10**9  # chosen: no answer has so many tokens, and every database can hold the number


def count(value: Any, most: int = MOST) -> int:
    """A count from foreign JSON, of tokens by default: a whole number from 0 to `most`, or 0."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and 0 < value <= most else 0


def position(value: Any, otherwise: int) -> int:
    """An index from foreign JSON: a whole number, or `otherwise`."""
    return value if isinstance(value, int) else otherwise


def mapping(value: Any) -> dict[str, Any]:
    """`value` if it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def sequence(value: Any) -> list[Any]:
    """`value` if it is a JSON array, else an empty one."""
    return value if isinstance(value, list) else []


def text_of(content: Any) -> str:
    """The text of a content value of either dialect: a string, or blocks of which some are text.

    >>> text_of([{"type": "text", "text": "a"}, {"type": "image"}, {"type": "text", "text": "b"}])
    'ab'
    """
    if isinstance(content, str):
        return content
    return "".join(
        block["text"]
        for block in sequence(content)
        if isinstance(block, dict) and isinstance(block.get("text"), str)
    )
