"""A request as the gateway took it, and what routing needs to know of it."""

import json
import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from router.engine.constants import (
    IMAGE_TOKENS,
    LETTERS_PER_TOKEN,
    MESSAGE_TOKENS,
    MOST_BYTES_PER_TOKEN,
)
from router.errors import NoText
from router.text.request import request_from_body, response_format
from router.types import Request, Tier
from router.wire import Api, Json, dumped
from router.wire.ollama import Native
from router.wire.summary import mapping, sequence

_PIECES = re.compile(r"[A-Za-z]+|[0-9]|[^\sA-Za-z0-9]|\n")
_PASSED = ("anthropic-beta", "anthropic-version")
_IMAGES = ("image", "image_url", "input_image")


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request.

    `payload`: its bytes; `body`: the same, parsed. `headers`: lower-case names.
    `key`: name of the API key it came with. `tier`: asked for apart from the model's name.
    `spoken`: name of what the client speaks, where that is not `api` itself. `native`: the same for
    a local server that speaks that too.
    """

    api: Api
    body: Json
    payload: bytes
    headers: dict[str, str] = field(default_factory=dict)
    key: str | None = None
    tier: Tier | None = None
    spoken: str = ""
    native: Native | None = None

    @classmethod
    def of(cls, api: Api, body: Json, **more: Any) -> "Call":
        """A call made in Python rather than over HTTP."""
        return cls(api=api, body=body, payload=json.dumps(body).encode(), **more)

    @property
    def dialect(self) -> str:
        """Name of what the client speaks."""
        return self.spoken or self.api

    @property
    def stream(self) -> bool:
        """Whether the answer shall come event by event."""
        return self.body.get("stream") is True

    @property
    def model(self) -> str:
        """The model that the client named."""
        named = self.body.get("model")
        return named if isinstance(named, str) and named else "auto"

    @cached_property
    def request(self) -> Request | None:
        """What the router judges; None where there is no word to judge. Raises InputError."""
        try:
            return request_from_body(self.body, self.api == "anthropic")
        except NoText:
            return None

    @property
    def wants_json(self) -> bool:
        """Whether the whole answer must be JSON."""
        given = response_format(self.body, self.api == "anthropic")
        return mapping(given).get("type") in ("json_object", "json_schema")

    @property
    def max_tokens(self) -> int | None:
        """The client's limit on the answer."""
        given = self.body.get("max_completion_tokens") or self.body.get("max_tokens")
        return given if isinstance(given, int) and given > 0 else None

    @property
    def passed_headers(self) -> dict[str, str]:
        """The headers that Anthropic's API defines and a client may set."""
        return {k: v for k, v in self.headers.items() if k in _PASSED}

    @cached_property
    def images(self) -> int:
        """How many images are in it, those in tool results too."""
        return sum(
            _count_images(mapping(m).get("content")) for m in sequence(self.body.get("messages"))
        )

    @property
    def size(self) -> int:
        """Its size as text, tools included and images left out, in bytes (or characters)."""
        if not self.images:
            return len(self.payload)
        request = self.request
        return request.chars + request.unjudged_chars if request is not None else 0

    @cached_property
    def preamble(self) -> bytes:
        """What a client says alike in its conversations and wants cached: the tools and the system
        text up to their last mark, in the order in which Claude's cache has them. Empty: no mark.
        """
        parts = [*sequence(self.body.get("tools")), *sequence(self.body.get("system"))]
        marked = [i for i, part in enumerate(parts) if mapping(part).get("cache_control")]
        return dumped({"preamble": parts[: marked[-1] + 1]}) if marked else b""

    def tokens(self, enough: int) -> int:
        """About how many tokens it has for a local model, rather too many than too few.

        Short of `enough` by bytes alone (no token is less than one), nothing is counted.
        """
        images = self.images * IMAGE_TOKENS
        if not self.images and len(self.payload) <= enough:
            return len(self.payload)
        if not self.images and len(self.payload) > MOST_BYTES_PER_TOKEN * enough > 0:
            return len(self.payload) // LETTERS_PER_TOKEN  # too long by far; no need to count
        messages = sequence(self.body.get("messages"))
        texts = [_text(m) for m in messages]
        texts += [_text(self.body.get(k)) for k in ("system", "tools", "response_format")]
        return sum(_count_tokens(t) for t in texts) + images + MESSAGE_TOKENS * len(messages)


def _count_tokens(text: str) -> int:
    """An upper guess at a text's tokens: digits, signs and other scripts one each, words by length.

    >>> _count_tokens("internationalization"), _count_tokens("12345"), _count_tokens("a + b")
    (5, 5, 3)
    """
    pieces = _PIECES.findall(text)
    return sum(-(-len(p) // LETTERS_PER_TOKEN) for p in pieces)


def _text(value: Any) -> str:
    """Every string in `value` but pixels."""
    if isinstance(value, str):
        return "" if value.startswith("data:image/") else value
    if isinstance(value, dict):
        if mapping(value).get("type") in _IMAGES:
            return ""
        return " ".join(f"{k} {_text(v)}" for k, v in value.items())
    if isinstance(value, list):
        return " ".join(_text(v) for v in value)
    return "" if value is None else str(value)


def _count_images(content: Any) -> int:
    return sum(
        (mapping(b).get("type") in _IMAGES) + _count_images(mapping(b).get("content"))
        for b in sequence(content)
    )
