"""The two dialects that clients and backends speak, and the pure translations between them.

Bodies and events are plain JSON objects as they stand on the wire; nothing here does I/O.
"""

from typing import Any, Literal

Api = Literal["openai", "anthropic"]
Json = dict[str, Any]
