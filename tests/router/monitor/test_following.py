"""Looking at an MLflow server again and again costs a gateway nothing but the look."""

import asyncio
from pathlib import Path

import pytest

from router.errors import ArtifactError
from router.monitor import following
from router.registry.serving import writable
from router.settings import Settings
from tests.servers.fixtures import Run, free_port


def test_versions_are_read_once_for_the_same_settings(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Settings] = []

    def counted(settings: Settings) -> Path:
        read.append(settings)
        return writable(settings)

    monkeypatch.setattr(following, "writable", counted)
    gateway = run(mlflow_url=f"http://127.0.0.1:{free_port()}")

    async def main() -> None:
        task = following.Following(gateway.service)
        for _ in range(3):
            with pytest.raises(ArtifactError, match="check mlflow_url"):
                await task.work()
        await task.close()

    asyncio.run(main())
    assert len(read) == 1
