"""What a detector says: a kind of private content, and the words that are it."""

from typing import NamedTuple


class Found(NamedTuple):
    """One private value. `value` is None where a detector knows that there is one but not which."""

    kind: str
    value: str | None = None
