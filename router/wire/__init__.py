"""The two dialects that clients and backends speak, and the pure translations between them.

Bodies and events are plain JSON objects as they stand on the wire; nothing here does I/O.
"""

import json
from typing import Any, Literal

Api = Literal["openai", "anthropic"]
Json = dict[str, Any]


def dumped(body: Json) -> bytes:
    """JSON as it is sent; what is no valid text in it becomes a question mark."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
