"""Streams of JSON objects, one a line: https://github.com/ndjson/ndjson-spec."""

import codecs

from router.wire import Json, dumped
from router.wire.sse import MAX_EVENT_CHARS


class Decoder:
    """Collects chunks of bytes, cut anywhere, into whole lines.

    >>> decoder = Decoder()
    >>> decoder.feed(b'{"a"'), decoder.feed(b': 1}\\n\\n{"b":')
    ([], ['{"a": 1}'])
    """

    def __init__(self) -> None:
        self._utf8 = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest: list[str] = []  # pieces of a line without its end
        self._size = 0  # of these, in characters

    def feed(self, chunk: bytes) -> list[str]:
        """Every line that `chunk` completes. Raises ValueError for one too long."""
        text = self._utf8.decode(chunk)
        self._rest.append(text)
        self._size += len(text)
        if self._size > MAX_EVENT_CHARS:
            raise ValueError("a line of the stream is too long")
        if "\n" not in text:
            return []
        *lines, last = "".join(self._rest).split("\n")
        self._rest, self._size = [last], len(last)
        return [line for line in lines if line.strip()]


def encode(body: Json) -> bytes:
    r"""One line.

    >>> encode({"done": True})
    b'{"done":true}\n'
    """
    return dumped(body) + b"\n"
