"""What probes tell of two models that err alike: against a scripted local server."""

import asyncio

import pytest

from router.decide.dependence import Dependence
from router.decide.router import Router
from router.labelling.local import Local
from router.labelling.probes import Probe, load_probes
from router.labelling.probes.pairs import Copied, copied_on, version_knowing
from router.registry import artifact as artifacts
from router.registry.artifact import Artifact
from router.registry.registry import Registry
from router.settings import load_settings
from tests.servers import upstream
from tests.servers.upstream import Connection, Got, Upstream

SUMS = [p for p in load_probes() if p.check["type"] == "number"][:24]
VALUES = {p.prompt: float(p.check["value"]) for p in SUMS}


async def arithmetic(connection: Connection, got: Got) -> None:
    """`first` is off by one, `copier` too, `other` by two."""
    if got.path == "/v1/models":
        models = [{"id": n, "object": "model"} for n in ("first", "copier", "other")]
        return await connection.json({"object": "list", "data": models})
    if got.path != "/v1/chat/completions":
        return await connection.json({"error": "not found"}, 404)
    off = 2 if got.body["model"] == "other" else 1
    value = VALUES[got.body["messages"][-1]["content"]] + off
    return await connection.json(upstream.said(f"The answer is {value:g}.", got.body["model"]))


def found_of(local: Upstream, second: str, probes: list[Probe]) -> Copied:
    async def work() -> Copied:
        settings = load_settings(local_url=local.url, local_model="first")
        async with Local(settings) as server:
            router = Router.from_settings(settings)
            return await copied_on(server, router, "first", second, probes)

    return asyncio.run(work())


@pytest.fixture
def scripted(local: Upstream) -> Upstream:
    local.script = arithmetic
    return local


def test_a_model_that_repeats_mistakes_on_probes_is_found(scripted: Upstream) -> None:
    copier, other = (found_of(scripted, name, SUMS) for name in ("copier", "other"))
    assert copier.wrong == other.wrong == len(SUMS)
    assert copier.share > 0.5 > 0.05 > other.share
    assert copier.expected == other.expected


def test_what_probes_told_of_a_pair_is_known_to_the_next_version(
    shipped: Artifact, tmp_path: object
) -> None:
    registry = Registry(tmp_path)  # type: ignore[arg-type]
    artifacts.save(shipped, registry.folder)
    registry.promote(shipped.version, "the first")
    told = Copied(first="a", second="b", share=0.4, expected=0.03, wrong=9, probes=24)
    version_knowing(registry, told)
    known = Dependence(registry.load().manifest["copied"])
    assert known.copied("a", "b") == 0.4
    assert Router(registry.load()).second_look() is not None
