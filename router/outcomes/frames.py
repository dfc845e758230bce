"""Frames: how entries lie in a journal's file, so that what a crash left can be read.

A frame is MARK, the payload's length and its CRC-32 (both 32 bits, little endian), the payload:
`[kind, {column: value}]` in MessagePack. Where there is no frame the next one is found by its mark,
so damage costs what it hit and no more. A frame that the end cuts off, and the zeros of room set
aside, are no frames.
"""

import zlib
from dataclasses import dataclass
from struct import Struct
from typing import Any

import msgspec

MARK = b"\xf7row"
_HEAD = Struct("<4sII")
HEAD_BYTES = _HEAD.size
Entry = tuple[str, dict[str, Any]]  # what it is, and its row


def _plain(value: Any) -> Any:
    """numpy's own numbers as Python's."""
    return value.item()


_encode = msgspec.msgpack.Encoder(enc_hook=_plain).encode
_decode = msgspec.msgpack.Decoder(Entry).decode


@dataclass(frozen=True, slots=True)
class Found:
    """What a piece of a file holds.

    `end`: where the last whole frame ends, in bytes from its start. `damaged`: how many places
    before `end` are no frame.
    """

    entries: list[Entry]
    end: int
    damaged: int


def framed(kind: str, row: dict[str, Any]) -> bytes:
    """One entry as a frame; what is None is left out.

    >>> found = read(framed("decision", {"id": "a", "features": b"x", "key": None}))
    >>> found.entries
    [('decision', {'id': 'a', 'features': b'x'})]
    """
    kept = {name: value for name, value in row.items() if value is not None}
    try:
        payload = _encode((kind, kept))
    except (UnicodeError, OverflowError):  # half a character, a number beyond 64 bits
        payload = _encode((kind, {name: _storable(value) for name, value in kept.items()}))
    return _HEAD.pack(MARK, len(payload), zlib.crc32(payload)) + payload


def read(data: bytes) -> Found:
    """All whole frames in `data`, past whatever is damaged between them."""
    entries: list[Entry] = []
    at = end = damaged = 0
    while (start := data.find(MARK, at)) >= 0:
        payload = _payload(data, start)
        if payload is None:
            at = start + 1
            continue
        damaged += start != end
        at = end = start + HEAD_BYTES + len(payload)
        try:
            entries.append(_decode(payload))
        except msgspec.DecodeError:  # whole, and not of this code
            damaged += 1
    return Found(entries, end, damaged)


def _payload(data: bytes, start: int) -> bytes | None:
    if len(data) - start < HEAD_BYTES:
        return None
    _, length, checksum = _HEAD.unpack_from(data, start)
    payload = data[start + HEAD_BYTES : start + HEAD_BYTES + length]
    return payload if len(payload) == length and zlib.crc32(payload) == checksum else None


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    return None if isinstance(value, int) and value.bit_length() > 63 else value
