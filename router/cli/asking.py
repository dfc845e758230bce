"""One question through the gateway's own path, in this process."""

import sys
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from router.errors import InputError

if TYPE_CHECKING:
    from router.engine.record import Record
    from router.settings import Settings


async def asked(
    settings: "Settings",
    text: str,
    tier: Any = "auto",
    model: str | None = None,
    private: bool = False,
) -> "Record":
    """Print the answer as it comes; who gives it and why goes to stderr before its first word.

    Returns what the request left behind. Raises InputError, RequestRefused or BackendError.
    """
    from router.app import Service
    from router.engine.call import Call
    from router.privacy.filter import PRIVATE_HEADER
    from router.wire.summary import mapping, sequence

    if not text.strip():
        raise InputError("The question is empty; pass at least one visible character.")
    body = {
        "model": model or "auto",
        "stream": True,
        "messages": [{"role": "user", "content": text}],
    }
    headers = {PRIVATE_HEADER: "private"} if private else {}
    call = Call.of("openai", body, headers=headers, tier=None if tier == "auto" else tier)
    async with Service(settings) as service:
        events, record = await service.dispatcher.open(call)
        print(f"[{record.tier}: {record.model}] {record.reason}", file=sys.stderr, flush=True)
        async with aclosing(events):
            async for event in events:
                for choice in sequence(event.get("choices")):
                    said = mapping(choice.get("delta")).get("content")
                    print(said or "", end="", flush=True)
    print()
    return record
