"""The two dialects that clients and backends speak, and the pure translations between them.

Bodies and events are plain JSON objects as they stand on the wire; nothing here does I/O.
"""

import json
from typing import Any, Literal

import msgspec

Api = Literal["openai", "anthropic"]
Json = dict[str, Any]
# Made once: json.dumps would make one for every event of a stream.
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


def dumped(value: Any) -> bytes:
    """JSON as it is sent; what is no valid text in it becomes a question mark.

    >>> dumped({"text": "half " + chr(0xD83D)})
    b'{"text":"half ?"}'
    """
    try:
        return _encode(value)
    except (UnicodeError, TypeError, OverflowError):  # what only the standard library takes
        return _ENCODER.encode(value).encode("utf-8", "replace")


def loaded(data: bytes | str) -> Any:
    """JSON as it is received, a few times faster than the standard library reads it.

    What is no JSON to msgspec and yet to the standard library (NaN, half of a character) is read
    by that. Raises ValueError or RecursionError.

    >>> loaded(b'{"a": [1, 2.5]}'), loaded("Infinity")
    ({'a': [1, 2.5]}, inf)
    """
    try:
        return _decode(data)
    except (msgspec.MsgspecError, UnicodeError):
        return json.loads(data)
