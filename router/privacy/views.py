"""Other ways in which the same text could be written: what detectors must also see.

A private value is private in full-width digits, with invisible characters between, percent-encoded,
as HTML entities or in base64 just as well.
"""

import base64
import binascii
import html
import re
import unicodedata
from collections.abc import Iterator
from urllib.parse import unquote

from router.privacy.constants import MAX_ENCODINGS, READABLE_SHARE

_PERCENT = re.compile(r"%[0-9A-Fa-f]{2}")
_ESCAPE = re.compile(r"\\u([0-9A-Fa-f]{4})|\\x([0-9A-Fa-f]{2})")
_CODED = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{16,}={0,2}")
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2}){8,}")


def views(text: str, depth: int = MAX_ENCODINGS) -> Iterator[str]:
    """`text`, then what it says under each encoding it seems to be in, without repeats.

    >>> list(views("bob%40mail.org"))
    ['bob%40mail.org', 'bob@mail.org']
    """
    yield text
    if depth == 0:
        return
    seen = {text}
    for other in _decoded(text):
        if other not in seen:
            seen.add(other)
            yield from views(other, depth - 1)


def _decoded(text: str) -> Iterator[str]:
    if not text.isascii():
        yield _plain(text)
    if "%" in text and _PERCENT.search(text):
        yield unquote(text)
    if "&" in text and ";" in text:
        yield html.unescape(text)
    if "\\" in text:
        yield _ESCAPE.sub(lambda m: chr(int(m[1] or m[2], 16)), text)
    for match in _CODED.finditer(text):
        yield from _coded(match[0])


def _plain(text: str) -> str:
    """Compatibility forms, decimal digits of any script as ASCII, no invisible characters."""
    out = []
    for char in unicodedata.normalize("NFKC", text):
        if char.isascii():
            out.append(char)
        elif char.isdecimal():
            out.append(str(unicodedata.decimal(char)))
        elif unicodedata.category(char) == "Pd":
            out.append("-")
        elif unicodedata.category(char) != "Cf":
            out.append(char)
    return "".join(out)


def _coded(run: str) -> Iterator[str]:
    """What a run of base64 or hexadecimal digits says, if it says something readable."""
    if _HEX.fullmatch(run):
        yield from _readable(bytes.fromhex(run))
    body = run.rstrip("=").replace("-", "+").replace("_", "/")
    if len(body) % 4 != 1:
        try:
            yield from _readable(base64.b64decode(body + "=" * (-len(body) % 4)))
        except binascii.Error:
            return


def _readable(data: bytes) -> Iterator[str]:
    text = data.decode("utf-8", "replace")
    good = sum(c.isprintable() or c.isspace() for c in text if c != "�")
    if good >= READABLE_SHARE * len(text):
        yield text
