"""What the gateway does beside answering: shadow, promotion, alarms, the way back."""

import asyncio
import json
from collections.abc import Coroutine
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
from sqlalchemy import insert, select

from router.app import Service
from router.decide.router import Router
from router.gateway.metrics import Metrics
from router.monitor.alarms import Kind, traffic_of
from router.monitor.constants import WINDOW
from router.monitor.shadow import PrivateOpinions, Shadow
from router.monitor.watch import Watch
from router.outcomes import events
from router.outcomes.tables import decisions, feedback, opinions, shadow
from router.registry import artifact as artifacts
from router.registry.ability import with_ability
from router.registry.artifact import Artifact
from router.registry.registry import Registry
from router.registry.serving import writable
from router.settings import load_settings
from tests.servers.fixtures import Run
from tests.servers.running import EASY, Gateway, until
from tests.training import logs

T = TypeVar("T")


def wait(gateway: Gateway, work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run_coroutine_threadsafe(work, gateway.loop).result(30)


def table(gateway: Gateway, what: Any) -> list[dict[str, Any]]:
    with gateway.engine.connect() as connection:
        return [dict(r) for r in connection.execute(select(what)).mappings()]


def renamed(artifact: Artifact, version: str, bias: float = 0.0, **manifest: Any) -> Artifact:
    """The same model under another name, its local head moved by `bias` logits."""
    arrays = {**artifact.arrays, "bias": artifact.arrays["bias"] + np.array([bias, 0.0])}
    return replace(
        artifact, arrays=arrays, manifest={**artifact.manifest, "version": version, **manifest}
    )


@pytest.fixture
def models(tmp_path: Path, shipped: Artifact) -> Path:
    folder = tmp_path / "models"
    artifacts.save(renamed(shipped, "champion"), folder)
    Registry(folder).promote("champion")
    return folder


def test_a_challenger_decides_beside_the_champion_and_then_takes_over(
    run: Run, models: Path, shipped: Artifact
) -> None:
    artifacts.save(renamed(shipped, "better", bias=-3.0), models)
    Registry(models).shadow("better")
    gateway = run(models_dir=models, shadow_requests=3)
    beside = Shadow(gateway.service)
    gateway.service.watchers.append(beside.watch)
    for _ in range(2):
        gateway.chat(EASY)
    wait(gateway, beside.work())
    assert beside.seen == 2 and artifacts.resolve(models).name == "champion"
    found = table(gateway, shadow)
    assert {r["version"] for r in found} == {"better"}
    mine = {r["id"]: r for r in table(gateway, decisions)}
    assert all(r["p_local"] < mine[r["decision_id"]]["p_local"] for r in found)
    assert {r["tier"] for r in mine.values()} == {"local"}  # the champion's word counts
    gateway.chat(EASY)
    wait(gateway, beside.work())
    assert artifacts.resolve(models).name == "better"
    assert Registry(models).challenger is None
    assert Registry(models).previous == "champion"
    wait(gateway, gateway.service._reload_if_changed())
    assert gateway.service.policy.router.version == "better"
    assert gateway.service.policy.challenger is None
    assert [e.kind for e in events.recent(gateway.engine)] == ["promoted"]


def test_a_challenger_that_escalates_more_than_it_promised_is_dropped(
    run: Run, models: Path, shipped: Artifact
) -> None:
    artifacts.save(renamed(shipped, "costly", bias=-9.0, traffic={"escalation": 0.1}), models)
    Registry(models).shadow("costly")
    gateway = run(models_dir=models, shadow_requests=20)
    beside = Shadow(gateway.service)
    gateway.service.watchers.append(beside.watch)
    for _ in range(20):
        gateway.chat(EASY)
    wait(gateway, beside.work())
    assert artifacts.resolve(models).name == "champion"
    assert Registry(models).challenger is None
    (said,) = events.recent(gateway.engine)
    assert said.kind == "refused" and "sent 100% of 20 requests to the cloud" in said.words


def test_a_broken_challenger_stops_nobody(run: Run, models: Path) -> None:
    Registry(models).shadow("never-saved")
    gateway = run(models_dir=models)
    assert gateway.chat(EASY).status_code == 200
    assert gateway.service.policy.challenger is None


def rated(gateway: Gateway, version: str, count: int, good: float) -> None:
    """`count` audited decisions of a version, rated good with that probability."""
    router = gateway.service.policy.router
    rng = np.random.default_rng(0)
    texts = logs.prompts(count)
    more = {"router_version": version, "audited": True, "audit": 1.0}
    rows = [logs.decision(router, i, t, **more) for i, t in enumerate(texts)]
    with gateway.engine.begin() as connection:
        connection.execute(insert(decisions), rows)
        said = [logs.said(i, float(rng.random() < good)) for i in range(count)]
        connection.execute(insert(feedback), said)


def test_a_model_whose_calibration_breaks_is_taken_back_by_itself(
    run: Run, models: Path, shipped: Artifact
) -> None:
    artifacts.save(renamed(shipped, "boastful", bias=4.0), models)
    Registry(models).promote("boastful")
    gateway = run(models_dir=models)
    rated(gateway, "boastful", 300, good=0.7)
    watch = Watch(service=gateway.service, shadow=Shadow(gateway.service))
    wait(gateway, watch.look())
    assert watch.calibration.broken
    assert artifacts.resolve(models).name == "champion"
    said = {e.kind: e for e in events.recent(gateway.engine)}
    assert "off by more than 0.02 on " in said["alarm"].words
    assert said["rollback"].version == "boastful"
    text = Metrics(gateway.service, watch).text().decode()
    assert "router_alarms 1.0" in text and "router_calibration_evidence" in text


def test_a_calibrated_model_stays_and_one_without_a_better_past_stays_too(
    run: Run, models: Path, shipped: Artifact
) -> None:
    artifacts.save(renamed(shipped, "same"), models)
    Registry(models).promote("same")
    gateway = run(models_dir=models)
    rated(gateway, "same", 300, good=0.05)  # broken, but the version before was no better
    watch = Watch(service=gateway.service, shadow=Shadow(gateway.service))
    wait(gateway, watch.look())
    assert watch.calibration.broken and artifacts.resolve(models).name == "same"
    wait(gateway, watch.look())  # the alarm is said once
    kinds = [e.kind for e in events.recent(gateway.engine)]
    assert kinds == ["alarm"]


def anonymous(texts: list[str]) -> tuple[list[str], list[dict[str, Any]]]:
    """40 bad ratings of one anonymous caller, with a good one among them."""
    return texts[:40], [logs.said(i, float(i == 7)) for i in range(40)]


def repeated(texts: list[str]) -> tuple[list[str], list[dict[str, Any]]]:
    """One prompt in 30 requests, each rated bad by another key."""
    return texts[:1] * 30, [logs.said(i, 0.0, key=f"k{i}") for i in range(30)]


def crowd(texts: list[str]) -> tuple[list[str], list[dict[str, Any]]]:
    """One decision, rated bad by 30 keys."""
    return texts[:1], [logs.said(0, 0.0, key=f"k{i}") for i in range(30)]


@pytest.mark.parametrize("said", [anonymous, repeated, crowd])
def test_no_single_voice_takes_a_right_model_back(
    said: Any, run: Run, models: Path, shipped: Artifact
) -> None:
    artifacts.save(renamed(shipped, "right"), models)
    artifacts.save(renamed(shipped, "gloomy", bias=-3.0), models)
    Registry(models).promote("gloomy")
    Registry(models).promote("right")
    gateway = run(models_dir=models)
    texts, ratings = said(logs.prompts(40))
    router = gateway.service.policy.router
    rows = [logs.decision(router, i, t) for i, t in enumerate(texts)]
    with gateway.engine.begin() as connection:
        connection.execute(insert(decisions), rows)
        connection.execute(insert(feedback), ratings)
    watch = Watch(service=gateway.service, shadow=Shadow(gateway.service))
    wait(gateway, watch.look())
    assert artifacts.resolve(models).name == "right"
    kinds = [e.kind for e in events.recent(gateway.engine)]
    assert "rollback" not in kinds


def test_auto_rollback_can_be_switched_off(run: Run, models: Path, shipped: Artifact) -> None:
    artifacts.save(renamed(shipped, "boastful", bias=4.0), models)
    Registry(models).promote("boastful")
    gateway = run(models_dir=models, auto_rollback=False)
    rated(gateway, "boastful", 300, good=0.7)
    watch = Watch(service=gateway.service, shadow=Shadow(gateway.service))
    wait(gateway, watch.look())
    assert watch.calibration.broken and artifacts.resolve(models).name == "boastful"


def test_new_traffic_is_noticed(run: Run, models: Path, shipped: Artifact, router: Router) -> None:
    known = router.extractor.extract([_request(t) for t in logs.prompts(600)]).embedding
    traffic = {**traffic_of(known, escalation=0.1), "requests": 2000}
    artifacts.save(renamed(shipped, "learned", traffic=traffic), models)
    Registry(models).promote("learned")
    gateway = run(models_dir=models)
    watch = Watch(service=gateway.service, shadow=Shadow(gateway.service))
    usual = logs.prompts(WINDOW, seed=4)
    _store(gateway, usual, 0)
    wait(gateway, watch.look())
    assert watch.drift is not None and watch.drift.distance < 1.2
    _store(
        gateway, [f"SELECT sum(c{i}) FROM t{i} JOIN u{i} USING (k)" for i in range(WINDOW)], WINDOW
    )
    wait(gateway, watch.look())
    assert watch.drift.distance > 1
    assert any(a.kind is Kind.TOPICS for a in watch.alarms)


def _request(text: str) -> Any:
    from router.text.request import request_from_prompt

    return request_from_prompt(text)


def _store(gateway: Gateway, texts: list[str], start: int) -> None:
    router = gateway.service.policy.router
    rows = [logs.decision(router, start + i, t) for i, t in enumerate(texts)]
    with gateway.engine.begin() as connection:
        connection.execute(insert(decisions), rows)


def test_a_private_request_teaches_without_leaving_a_word(run: Run) -> None:
    gateway = run(private_learning="features")
    teaching = PrivateOpinions(gateway.service)
    gateway.service.watchers.append(teaching.watch)
    gateway.chat("Draft a reply to jane.doe@example.org about the garden party.")
    (row,) = until(lambda: table(gateway, opinions))
    assert row["answer"] is None and 0 < row["p_local"] < 1
    assert json.loads(row["agreement"])["equal"] in (0.0, 1.0)
    (kept,) = table(gateway, decisions)
    assert kept["request"] is None and kept["features"]
    assert b"jane.doe" not in gateway.database.read_bytes()


def test_without_leave_a_private_request_teaches_nothing(run: Run, local: Any) -> None:
    gateway = run()
    teaching = PrivateOpinions(gateway.service)
    gateway.service.watchers.append(teaching.watch)
    gateway.chat("Draft a reply to jane.doe@example.org about the garden party.")
    wait(gateway, asyncio.sleep(0.2))
    assert table(gateway, opinions) == [] and len(local.asked) == 1


def test_other_weights_under_the_same_name_count_as_unmeasured(shipped: Artifact) -> None:
    base = with_ability(shipped, "qwen3:8b", "sha256:aa", -2.0, {"probes": 400})
    same = Router(base, local_model="qwen3:8b", local_digest="sha256:aa")
    other = Router(base, local_model="qwen3:8b", local_digest="sha256:bb")
    assert same.abilities[0].value == -2.0 and same.abilities[0].known
    assert other.abilities[0].other_weights and other.abilities[0].value != -2.0
    notes = other.explain("What is the capital of France?").notes
    assert any("other weights than are served" in n for n in notes)


def test_the_shipped_folder_is_never_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from router.settings import shipped_models

    monkeypatch.setattr("router.settings.own_models", lambda: tmp_path / "own")
    monkeypatch.setattr("router.registry.serving.own_models", lambda: tmp_path / "own")
    settings = load_settings()
    assert settings.models_dir == shipped_models()
    own = writable(settings)
    assert (
        own == tmp_path / "own"
        and artifacts.resolve(own).name == artifacts.resolve(shipped_models()).name
    )
    assert load_settings().models_dir == own


def test_an_own_folder_is_taken_up_though_it_was_seen_without_versions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is made before the first version is copied into it, which takes a while."""
    own = tmp_path / "own"
    for module in ("router.settings", "router.registry.serving", "router.app"):
        monkeypatch.setattr(f"{module}.own_models", lambda: own)
    reread = partial(load_settings, log_url=f"sqlite:///{tmp_path}/o.db")

    async def work() -> Path:
        async with Service(reread(), reread) as service:
            own.mkdir()
            await service._reload_if_changed()
            await asyncio.to_thread(writable, service.settings)
            await service._reload_if_changed()
            return service.settings.models_dir

    assert asyncio.run(work()) == own
