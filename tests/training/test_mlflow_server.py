"""What is learned on one machine serves on another that shares nothing but an MLflow server."""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from router.app import Service
from router.decide.router import Router
from router.gateway.doctor import Check, examine
from router.monitor.following import Following
from router.registry import artifact as artifacts
from router.registry.registry import Registry
from router.settings import Settings, load_settings, shipped_models
from tests.servers.fixtures import free_port, mlflow_server
from tests.servers.upstream import Upstream
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


def doctored(settings: Settings) -> Check:
    """What the doctor says of the MLflow server."""
    (found,) = (c for c in asyncio.run(examine(settings)) if c.part == "MLflow")
    return found


def test_a_server_that_is_not_there_or_is_no_mlflow_is_named(
    tmp_path: Path, local: Upstream
) -> None:
    for url, why in (
        (f"http://me:secret@127.0.0.1:{free_port()}", "ConnectError"),
        (local.url, ""),
    ):
        settings = load_settings(
            mlflow_url=url, local_url=local.url, log_url=f"sqlite:///{tmp_path}/o.db"
        )
        found = doctored(settings)
        assert not found.good and why in found.words and "check mlflow_url" in found.words
        assert "secret" not in found.words and "mlflow server" in found.fix


def test_a_lesson_of_one_machine_serves_on_another(
    server: str, tmp_path: Path, router: Router
) -> None:
    learning, serving = machine(tmp_path / "a", server), machine(tmp_path / "b", server)
    assert doctored(serving) == Check("MLflow", True, f"{server} answers; it has no champion yet")
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
    assert doctored(serving) == Check("MLflow", True, f"{version} is champion at {server}")
