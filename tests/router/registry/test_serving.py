"""A version that this router cannot read any more, and what decides in its place."""

import json
import logging
import shutil
from pathlib import Path

import pytest

from router.decide.router import Router
from router.errors import ArtifactMismatch
from router.registry import artifact as artifacts
from router.registry.registry import Registry
from router.registry.serving import serving, writable
from router.settings import Settings, load_settings, shipped_models

SHIPPED = artifacts.resolve(shipped_models())


def made_by_another_router(version: Path) -> None:
    manifest = json.loads((version / artifacts.MANIFEST).read_text())
    manifest["feature_schema"] = -1
    (version / artifacts.MANIFEST).write_text(json.dumps(manifest))


@pytest.fixture(params=["learned-0", SHIPPED.name])
def settings(tmp_path: Path, request: pytest.FixtureRequest) -> Settings:
    shutil.copytree(SHIPPED, tmp_path / request.param)
    made_by_another_router(tmp_path / request.param)
    Registry(tmp_path).promote(request.param)
    return load_settings(models_dir=tmp_path)


def test_the_shipped_version_decides_where_an_upgraded_router_cannot_read_its_own(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert Router.from_settings(settings).version == SHIPPED.name
    assert "made by another version of the router" in caplog.text


def test_a_version_that_was_asked_for_by_name_is_that_or_an_error(settings: Settings) -> None:
    named = settings.model_copy(update={"version": Registry(settings.models_dir).current})
    with pytest.raises(ArtifactMismatch, match="feature schema -1"):
        serving(named)


def test_what_is_learned_next_starts_from_the_shipped_version(settings: Settings) -> None:
    registry = Registry(writable(settings))
    assert registry.folder == settings.models_dir
    assert (registry.current, registry.previous) == (SHIPPED.name, None)
    assert registry.load().version == serving(settings).version == SHIPPED.name


def test_a_readable_version_stays(tmp_path: Path) -> None:
    shutil.copytree(SHIPPED, tmp_path / "learned-0")
    Registry(tmp_path).promote("learned-0")
    assert Registry(writable(load_settings(models_dir=tmp_path))).current == "learned-0"
