"""Several machines as one router: nothing lost, no cap overshot, one champion."""

import shutil
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, func, select

from router.decide.router import Router
from router.outcomes.database import open_database
from router.outcomes.tables import decisions, reservations
from router.registry import artifact as artifacts
from router.registry.registry import Registry
from router.settings import load_settings, shipped_models
from tests.servers import upstream
from tests.servers.fixtures import mlflow_server
from tests.servers.postgres import database
from tests.servers.running import until
from tests.topology.machines import CAP_USD, Machine, balanced, machines
from tests.training import logs
from training.run import train_on_log

pytestmark = pytest.mark.servers
CLIENTS = 8


@dataclass
class Topology:
    """`url`: the one address; `log_url`, `mlflow_url`: what the gateways share."""

    url: str
    gateways: list[Machine]
    log_url: str
    mlflow_url: str
    engine: Engine


@pytest.fixture(scope="module")
def topology(tmp_path_factory: pytest.TempPathFactory, postgres_url: str) -> Iterator[Topology]:
    if shutil.which("haproxy") is None:
        pytest.skip("needs haproxy, as .ci/run brings it")
    folder = tmp_path_factory.mktemp("topology")
    with (
        upstream.Upstream(upstream.local) as local,
        upstream.Upstream(upstream.cloud) as cloud,
        database(postgres_url, f"topology-{time.time_ns()}") as log_url,
        mlflow_server(folder) as mlflow_url,
    ):
        settings = {
            "ROUTER_LOCAL_URL": local.url,
            "ROUTER_CLOUD_URL": cloud.url,
            "ROUTER_CLOUD_API_KEY": "test",
            "ROUTER_LOG_URL": log_url,
            "ROUTER_MLFLOW_URL": mlflow_url,
            "ROUTER_BUDGET_DAY_USD": str(CAP_USD),
            "ROUTER_CASCADE": "off",
            "ROUTER_AUTO_PROBE": "false",
        }
        with machines(folder, 3, settings) as gateways, balanced(folder, gateways) as url:
            engine = open_database(log_url)
            yield Topology(url, gateways, log_url, mlflow_url, engine)
            engine.dispose()


def ask(client: httpx.Client, url: str, text: str, model: str = "auto") -> httpx.Response:
    body: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": text}]}
    return client.post(f"{url}/v1/chat/completions", json=body)


def logged(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.scalars(select(decisions.c.id)))


def test_a_machine_that_dies_loses_no_answered_request(topology: Topology) -> None:
    answered: list[str] = []
    stop = threading.Event()

    def work(number: int) -> None:
        with httpx.Client(timeout=30) as client:
            while not stop.is_set():
                answer = ask(client, topology.url, f"Why is the sky blue, {number}?", "local")
                if answer.status_code == 200:
                    answered.append(answer.headers["x-router-decision-id"])

    with ThreadPoolExecutor(CLIENTS) as pool:
        for number in range(CLIENTS):
            pool.submit(work, number)
        try:
            until(lambda: len(answered) >= 100, 60)
            topology.gateways[0].kill()
            seen = len(answered)
            until(lambda: len(answered) >= seen + 100, 60)
            topology.gateways[0].start()
        finally:
            stop.set()
    until(lambda: set(answered) <= set(logged(topology.engine)), 30)
    kept = logged(topology.engine)
    assert len(kept) == len(set(kept))


def test_the_cap_holds_for_all_of_them_together(topology: Topology) -> None:
    with httpx.Client(timeout=60) as client, ThreadPoolExecutor(CLIENTS) as pool:
        said = list(
            pool.map(lambda i: ask(client, topology.url, f"Prove it, {i}.", "cloud"), range(400))
        )
    refused = [r for r in said if r.status_code != 200]
    assert refused, "the cap was never reached"

    def settled() -> bool:
        with topology.engine.connect() as connection:
            waiting = select(func.count()).where(reservations.c.settled.is_(False))
            return connection.execute(waiting).scalar_one() == 0

    until(settled)
    with topology.engine.connect() as connection:
        spent = connection.execute(select(func.sum(reservations.c.usd))).scalar_one()
    assert spent <= CAP_USD


def test_what_one_machine_learns_serves_on_all(topology: Topology, tmp_path: Path) -> None:
    shipped = artifacts.resolve(shipped_models())
    shutil.copytree(shipped, tmp_path / "models" / shipped.name)
    Registry(tmp_path / "models").promote(shipped.name)
    logs.log(tmp_path, Router.load(), logs.prompts(400), logs.contrary, rated=False, studied=True)
    settings = load_settings(
        models_dir=tmp_path / "models",
        log_url=f"sqlite:///{tmp_path}/outcomes.db",
        local_model=logs.LOCAL,
        mlflow_url=topology.mlflow_url,
    )
    run = train_on_log(settings, since=0, until=logs.START + 1e6, at_once=True)
    learned = run.learned.artifact.version
    assert run.status == "promoted"
    for gateway in topology.gateways:
        # Several times, as any of its workers may be the one that is asked.
        until(lambda: {gateway.version() for _ in range(8)} == {learned}, 30)  # noqa: B023
