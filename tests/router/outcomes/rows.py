"""A decision as the log keeps it, with nothing but what it must have."""

from typing import Any

ROW: dict[str, Any] = {
    "id": "a",
    "at": 1.0,
    "api": "openai",
    "stream": False,
    "rule": "learned",
    "reason": "r",
    "explored": False,
    "escalated": False,
    "status": 200,
}
