"""Which local servers and models this machine has, and what is known of each model."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from router.backends.discovery import LocalModel, LocalServer, discover
from router.backends.http import Http
from router.registry.ability import Ability, ability_for
from router.registry.prior import is_for_tools


@dataclass(frozen=True, slots=True)
class LocalChoice:
    """One model on one server, with the ability that is thought to be its own."""

    url: str
    kind: str
    model: LocalModel
    ability: Ability


async def looked(urls: Sequence[str], api_key: str | None = None) -> dict[str, LocalServer]:
    """Address -> what answers there and has a model that can be talked to."""
    http = Http()
    try:
        found = await asyncio.gather(*(discover(http, url, api_key) for url in urls))
    finally:
        await http.close()
    return {url: one for url, one in zip(urls, found, strict=True) if one.chat_models()}


def choices(
    servers: Mapping[str, LocalServer], known: Mapping[str, float], reference: str
) -> list[LocalChoice]:
    """Every model that answers, the ablest first; `known`: model -> measured logits."""
    every = [
        LocalChoice(url, server.kind, model, ability_for(model.name, known, reference))
        for url, server in servers.items()
        for model in server.chat_models()
    ]
    return sorted(every, key=lambda one: -one.ability.value)  # of equals the first that was found


def words(one: LocalChoice, known: Mapping[str, float]) -> str:
    """What is known of a model, in one line."""
    model = one.model
    window = f"window {model.context:,} tokens" if model.context else "window unknown"
    trained = model.trained_context
    if model.context and trained and trained > model.context:
        window += f" of {trained:,}"
    can = [name for name, able in (("tools", model.tools), ("images", model.images)) if able]
    return "; ".join([_standing(one.ability, known), window, *can])


def _standing(ability: Ability, known: Mapping[str, float]) -> str:
    """How able it is beside those that were measured; what was made for tools alone is apart."""
    others = [value for name, value in known.items() if not is_for_tools(name)]
    below = sum(value < ability.value for value in others)
    how = "as measured" if ability.known else f"taken as {ability.source}"
    return f"abler than {below} of {len(others)} known models, {how}"
