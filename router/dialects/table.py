"""Every dialect that the gateway answers in. One more is one file and one line here."""

from router.dialects.base import Dialect
from router.dialects.completions import Completions
from router.dialects.messages import Messages
from router.dialects.responses import Responses

CHAT = Dialect()
MESSAGES = Messages()
RESPONSES = Responses()
DIALECTS: tuple[Dialect, ...] = (
    CHAT,
    MESSAGES,
    RESPONSES,
    Completions(),
)


def of_path(path: str) -> Dialect:
    """The dialect whose errors a client at `path` reads: the address most alike, else chat's.

    >>> of_path("/v1/messages/batches").name, of_path("/v1/audio/speech").name
    ('anthropic', 'openai')
    """
    return max(DIALECTS, key=lambda d: _shared(d.path, path))


def _shared(address: str, path: str) -> int:
    """How many parts of an address a path begins with; the first of equals wins."""
    parts = zip(address.split("/"), path.split("/"), strict=False)
    same = 0
    for one, other in parts:
        if one != other:
            break
        same += 1
    return same
