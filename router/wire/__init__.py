"""The two dialects that clients and backends speak, and the pure translations between them.

Bodies and events are plain JSON objects as they stand on the wire; nothing here does I/O.
"""

import json
from typing import Any, Literal

Api = Literal["openai", "anthropic"]
Json = dict[str, Any]
# Made once: json.dumps would make one for every event of a stream.
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def dumped(value: Json | str) -> bytes:
    """JSON as it is sent; what is no valid text in it becomes a question mark."""
    return _ENCODER.encode(value).encode("utf-8", "replace")
