"""Requests of every dialect, drawn by a seed, each with a value of its own."""

from dataclasses import dataclass
from random import Random
from typing import Any

from tests.servers.running import EASY, HARD

MARK = "siege.example"  # in every private value, and nowhere else
PATHS = (
    "/v1/chat/completions",
    "/v1/messages",
    "/v1/responses",
    "/v1/completions",
    "/api/chat",
    "/api/generate",
)
PRIVATE = (
    "Write to ann{number}@{mark} about it.",
    "It is ann{number}%40{mark}, in base64 or not.",
    "Design a ledger for ann{number}@{mark} over three regions, with proofs.",
)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request. `private`: there is a value in it that must not leave."""

    path: str
    body: dict[str, Any]
    private: bool
    stream: bool


def drawn(rng: Random, number: int) -> Asked:
    """The request of that number."""
    path = rng.choice(PATHS)
    private = rng.random() < 0.25
    text = f"Case {number}. " + rng.choice((EASY, EASY, HARD, "Name a river near " + "x" * 40))
    if private:
        text = rng.choice(PRIVATE).format(number=number, mark=MARK)
    stream = rng.random() < 0.3
    body: dict[str, Any] = {"model": rng.choice(("auto", "auto", "auto", "local", "cloud"))}
    body["stream"] = stream
    turns = [{"role": "user", "content": text}]
    if path == "/v1/responses":
        body["input"] = text
    elif path in ("/v1/completions", "/api/generate"):
        body["prompt"] = text
    else:
        body["messages"] = turns
    if path == "/v1/messages":
        body["max_tokens"] = 50
    return Asked(path, body, private, stream)
