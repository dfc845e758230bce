"""What is learned on one machine serves on another that shares nothing but an MLflow server."""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from router.app import Service
from router.decide.router import Router
from router.monitor.following import Following
from router.registry import artifact as artifacts
from router.registry.registry import Registry
from router.settings import Settings, load_settings, shipped_models
from tests.servers.fixtures import free_port, mlflow_server
from tests.training import logs
from training.run import train_on_log
from training.tracking import CHAMPION, Tracking

pytestmark = pytest.mark.servers


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    with mlflow_server(tmp_path) as url:
        yield url


def machine(folder: Path, mlflow_url: str) -> Settings:
    """Settings of a machine that has the shipped version and a log of its own."""
    shipped = artifacts.resolve(shipped_models())
    shutil.copytree(shipped, folder / "models" / shipped.name)
    Registry(folder / "models").promote(shipped.name)
    return load_settings(
        models_dir=folder / "models",
        log_url=f"sqlite:///{folder}/outcomes.db",
        local_url=f"http://127.0.0.1:{free_port()}",
        local_model=logs.LOCAL,
        mlflow_url=mlflow_url,
    )


def test_a_lesson_of_one_machine_serves_on_another(
    server: str, tmp_path: Path, router: Router
) -> None:
    learning, serving = machine(tmp_path / "a", server), machine(tmp_path / "b", server)
    texts = logs.prompts(400)
    logs.log(tmp_path / "a", router, texts, logs.contrary, rated=False, studied=True)
    run = train_on_log(learning, since=0, until=logs.START + 1e6, at_once=True)
    version = run.learned.artifact.version
    assert run.status == "promoted"
    assert Tracking(url=server).version_of(CHAMPION) == version

    async def main() -> str:
        async with Service(serving, lambda: serving) as service:
            following = Following(service)
            await following.work()
            await following.close()
            async with asyncio.timeout(20):
                while service.policy.router.version != version:
                    await asyncio.sleep(0.05)
            return service.policy.router.version

    assert asyncio.run(main()) == version
