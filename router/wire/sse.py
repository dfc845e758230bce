"""Server-sent events: bytes to JSON objects and back.

Format: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
"""

import codecs

from router.wire import Json, dumped

DONE = "[DONE]"
MAX_EVENT_CHARS = 16 * 1024 * 1024


class Decoder:
    """Collects chunks of bytes, cut anywhere, into the `data` of whole events.

    >>> decoder = Decoder()
    >>> decoder.feed(b'data: {"a"'), decoder.feed(b': 1}\\r\\n\\r\\ndata: [DONE]\\n\\n')
    ([], ['{"a": 1}', '[DONE]'])
    """

    def __init__(self) -> None:
        self._utf8 = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest: list[str] = []  # pieces of a line without its end
        self._data: list[str] = []
        self._size = 0  # of both, in characters

    def feed(self, chunk: bytes) -> list[str]:
        """The data of every event that `chunk` completes. Raises ValueError for one too long."""
        text = self._utf8.decode(chunk)
        self._size += len(text)
        if self._size > MAX_EVENT_CHARS:
            raise ValueError("an event of the stream is too long")
        self._rest.append(text)
        if "\n" not in text and "\r" not in text:
            return []
        text, half = "".join(self._rest), ""
        if text.endswith("\r"):  # half of a CRLF, perhaps
            text, half = text[:-1], "\r"
        *lines, last = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        self._rest = [last + half]
        done = []
        for line in lines:
            if not line:
                if self._data:
                    done.append("\n".join(self._data))
                    self._data = []
                self._size = len(last)
            elif line.startswith("data:"):
                self._data.append(line[6:] if line.startswith("data: ") else line[5:])
        return done


def encode(event: Json, name: str | None = None) -> bytes:
    """One event; `name` becomes its `event:` line, as Anthropic's stream has it.

    A name that a backend made up may hold ends of lines; they end nothing here.

    >>> encode({"type": "ping"}, "ping")
    b'event: ping\\ndata: {"type":"ping"}\\n\\n'
    """
    head = f"event: {' '.join(name.split())}\n".encode("utf-8", "replace") if name else b""
    return b"%bdata: %b\n\n" % (head, dumped(event))
