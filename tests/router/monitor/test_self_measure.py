"""An unmeasured local model is measured while nobody needs it, and never otherwise."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from router.monitor import self_measure
from router.monitor.self_measure import SelfMeasure
from router.outcomes import events
from router.outcomes.tables import probes
from router.registry import artifact as artifacts
from router.registry.artifact import Artifact
from router.registry.registry import Registry
from tests.servers.fixtures import Run
from tests.servers.running import EASY, Gateway
from tests.servers.upstream import Connection, Got, Upstream


@pytest.fixture
def models(tmp_path: Path, shipped: Artifact) -> Path:
    artifacts.save(shipped, tmp_path / "models")
    Registry(tmp_path / "models").promote(shipped.version)
    return tmp_path / "models"


def wait(gateway: Gateway, work: Coroutine[Any, Any, None]) -> None:
    asyncio.run_coroutine_threadsafe(work, gateway.loop).result(30)


def answered(gateway: Gateway) -> list[str]:
    with gateway.engine.connect() as connection:
        return list(connection.execute(select(probes.c.probe_id)).scalars())


@pytest.fixture
def idle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(self_measure, "IDLE_S", 0.0)


def test_an_idle_gateway_measures_its_model_and_knows_it_from_then_on(
    run: Run, models: Path, cloud: Upstream, shipped: Artifact, idle: None
) -> None:
    gateway = run(models_dir=models)
    assert not gateway.service.policy.router.abilities[0].known
    measure = SelfMeasure(gateway.service)
    for _ in range(self_measure.SELF_PROBES + 1):
        wait(gateway, measure.work())
    asked = answered(gateway)
    assert len(asked) == len(set(asked)) == self_measure.SELF_PROBES
    assert not any(name.startswith("code") for name in asked), "nothing that it wrote was run"
    assert cloud.asked == []
    current = Registry(models).current
    assert current != shipped.version and "small" in current
    assert asyncio.run_coroutine_threadsafe(gateway.service.reload(), gateway.loop).result(30)
    assert gateway.service.policy.router.abilities[0].known
    (said,) = events.recent(gateway.engine)
    assert said.kind == "promoted" and "small passes" in said.words
    wait(gateway, measure.work())
    assert len(answered(gateway)) == self_measure.SELF_PROBES, "measured once"


def test_a_gateway_in_use_or_told_not_to_does_not_measure(
    run: Run, models: Path, idle: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = run(models_dir=models, auto_probe=False)
    wait(told, SelfMeasure(told.service).work())
    assert answered(told) == []
    monkeypatch.setattr(self_measure, "IDLE_S", 60.0)
    busy = run(models_dir=models)
    measure = SelfMeasure(busy.service)
    busy.service.watchers.append(measure.watch)
    busy.chat(EASY)
    wait(busy, measure.work())
    assert answered(busy) == []


def test_a_local_server_that_fails_is_left_alone_for_a_while(
    run: Run, models: Path, local: Upstream, idle: None, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = run(models_dir=models, local_limits={"retries": 0})

    async def broken(connection: Connection, got: Got) -> None:
        await connection.json({"error": {"message": "broken"}}, 500)

    local.script = broken
    wait(gateway, SelfMeasure(gateway.service).work())
    assert answered(gateway) == []
    assert "small answers no probe" in caplog.text
