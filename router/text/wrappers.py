"""What named clients put around a person's words: the conventions of `wrappers.toml`."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any


@dataclass(frozen=True, slots=True)
class Span:
    """A text of the user that opens with `opens` is `client`'s up to the last `until` in it.

    Without `until` it is so as a whole. `forget`: so are all turns before it.
    """

    client: str
    opens: str
    until: str = ""
    forget: bool = False


@dataclass(frozen=True, slots=True)
class Background:
    """A text that opens with `opens` asks for `task` on `client`'s own account."""

    client: str
    task: str
    opens: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrappers:
    """All conventions. `tags`, `inside`, `systems`: to the client's name."""

    systems: Mapping[str, str]
    tags: Mapping[str, str]
    inside: Mapping[str, str]
    spans: tuple[Span, ...]
    background: tuple[Background, ...]
    # Openings alone, for one quick look at texts that have none.
    system_openings: tuple[str, ...]
    span_openings: tuple[str, ...]
    background_openings: tuple[str, ...]

    def client_of(self, system: str) -> str:
        """The client whose system text this is; '' where none is known.

        >>> wrappers().client_of("You are Claude Code, and so on.")
        'claude-code'
        """
        if not system.startswith(self.system_openings):
            return ""
        return next(client for opens, client in self.systems.items() if system.startswith(opens))


@cache
def wrappers() -> Wrappers:
    """The conventions, read once."""
    text = (files("router.text") / "wrappers.toml").read_text(encoding="utf-8")
    return wrappers_of(tomllib.loads(text))


def wrappers_of(clients: Mapping[str, Mapping[str, Any]]) -> Wrappers:
    """The conventions of `clients`, in the form of `wrappers.toml`."""

    def owned(field: str) -> dict[str, str]:
        return {entry: name for name, c in clients.items() for entry in c.get(field, ())}

    spans = [Span(name, **s) for name, c in clients.items() for s in c.get("spans", ())]
    background = [
        Background(name, task, opens)
        for name, c in clients.items()
        for task, openings in c.get("background", {}).items()
        for opens in openings
    ]
    systems = owned("systems")
    return Wrappers(
        systems=systems,
        tags=owned("tags"),
        inside=owned("inside"),
        spans=tuple(spans),
        background=tuple(background),
        system_openings=tuple(systems),
        span_openings=tuple(s.opens for s in spans),
        background_openings=tuple(b.opens for b in background),
    )
