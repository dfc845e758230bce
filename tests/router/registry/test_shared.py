"""A models folder at an address: in memory, on a disk, and on a server that speaks S3."""

import asyncio
import json
import logging
import socket
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import fsspec
import pytest
import s3fs

from router.errors import ArtifactCorrupt, ArtifactError, ArtifactExists, ConfigError, MissingExtra
from router.gateway.doctor import Check, examine
from router.monitor.following import Following
from router.registry import artifact as artifacts
from router.registry.artifact import Artifact
from router.registry.registry import Registry
from router.registry.shared import SharedModels, publishers
from router.settings import load_settings
from tests.commands import command
from tests.servers.fixtures import S3_LOGIN, Run, free_port, s3_server
from tests.servers.running import until


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with s3_server(tmp_path_factory.mktemp("s3")) as url:
        yield url


@pytest.fixture(params=["memory", "file", "s3"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An address with no folder there yet."""
    if request.param == "file":
        return f"file://{tmp_path}/there"
    if request.param == "s3":
        request.getfixturevalue("s3")
        return f"s3://models/{uuid4().hex}"
    return f"memory://{uuid4().hex}/models"


def machine(folder: Path, shipped: Artifact, *versions: str) -> Registry:
    """A models folder with these versions, the first of them current."""
    for name in versions:
        artifacts.save(replace(shipped, manifest={**shipped.manifest, "version": name}), folder)
    registry = Registry(folder)
    registry.start_from(versions[0])
    return registry


def test_what_one_publishes_another_takes_up_once(
    url: str, tmp_path: Path, shipped: Artifact
) -> None:
    one, other = (
        machine(tmp_path / "a", shipped, "v1", "v2"),
        machine(tmp_path / "b", shipped, "v0"),
    )
    there = SharedModels(url)
    there.publish(one.folder, "current")
    assert there.current == "v1"
    assert there.follow(other) == "v1" and other.current == "v1"
    for path in (one.folder / "v1").iterdir():
        assert (other.folder / "v1" / path.name).read_bytes() == path.read_bytes()
    assert there.follow(other) is None
    other.roll_back("by hand.")
    assert there.follow(other) is None and other.current == "v0"  # its own business
    there.publish(one.folder, "v2")
    assert there.follow(other) == "v2"
    there.publish(one.folder, "v1")  # back: nothing is written again but the pointer
    assert there.follow(other) == "v1" and other.previous == "v2"


def test_a_version_that_was_altered_is_not_taken_and_the_old_one_serves_on(
    url: str, tmp_path: Path, shipped: Artifact
) -> None:
    one, other = machine(tmp_path / "a", shipped, "v1"), machine(tmp_path / "b", shipped, "v0")
    there = SharedModels(url)
    there.publish(one.folder, "v1")
    files, root = fsspec.core.url_to_fs(url)
    files.pipe_file(f"{root}/v1/{artifacts.HEADS}", b"not what was signed for")
    with pytest.raises(ArtifactCorrupt, match="sha256"):
        there.follow(other)
    files.rm_file(f"{root}/v1/{artifacts.HEADS}")
    with pytest.raises(ArtifactError, match="not whole; check models_url"):
        there.follow(other)
    files.pipe_file(f"{root}/{artifacts.POINTER}", b"../../etc")
    with pytest.raises(ArtifactError, match="not a version name"):
        there.follow(other)
    assert other.current == "v0"
    assert {p.name for p in other.folder.iterdir()} == {"v0", "current"}


def test_a_version_is_never_overwritten_there(url: str, tmp_path: Path, shipped: Artifact) -> None:
    there = SharedModels(url)
    there.publish(machine(tmp_path / "a", shipped, "v1").folder, "v1")
    changed = replace(shipped, manifest={**shipped.manifest, "created_at": "2020-01-01"})
    other = machine(tmp_path / "b", changed, "v1")
    with pytest.raises(ArtifactExists, match="under another name"):
        there.publish(other.folder, "v1")
    assert there.follow(machine(tmp_path / "c", shipped, "v0")) == "v1"


def test_the_pointer_moves_after_all_files_are_there(tmp_path: Path, shipped: Artifact) -> None:
    folder = tmp_path / "there"
    one, there = machine(tmp_path / "a", shipped, "v1", "v2"), SharedModels(f"file://{folder}")
    there.publish(one.folder, "v1")
    in_the_way = folder / "v2" / artifacts.ENCODER
    in_the_way.mkdir(parents=True)
    with pytest.raises(ArtifactError, match="could not be written"):
        there.publish(one.folder, "v2")
    assert there.current == "v1" and not (folder / "v2" / artifacts.MANIFEST).exists()
    in_the_way.rmdir()
    there.publish(one.folder, "v2")
    assert there.follow(machine(tmp_path / "b", shipped, "v0")) == "v2"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("s3://nobody-has-it/models", "no models folder at s3://nobody-has-it/models"),
        ("s3://id:a-word@nobody-has-it/m?k=a-word", "at s3://nobody-has-it/m"),
        ("nothing://x/y", r"at nothing://x/y could not be read \(ValueError\); check models_url"),
    ],
)
def test_a_bucket_that_is_not_there_is_one_sentence_without_credentials(
    s3: str, url: str, words: str, tmp_path: Path, shipped: Artifact
) -> None:
    registry = machine(tmp_path, shipped, "v1")
    with pytest.raises(ArtifactError, match=words) as caught:
        SharedModels(url).follow(registry)
    assert "a-word" not in str(caught.value) and registry.current == "v1"
    with pytest.raises(ArtifactError, match="check models_url") as caught:
        SharedModels(url).publish(registry.folder, "v1")
    assert "a-word" not in str(caught.value)
    assert not s3fs.S3FileSystem().exists("nobody-has-it")


def test_a_package_that_is_missing_is_named(
    tmp_path: Path, shipped: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = machine(tmp_path, shipped, "v1")
    with pytest.raises(ArtifactError, match="no package for gs://"):
        SharedModels("gs://bucket/models").follow(registry)
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(MissingExtra, match=r"hybrid-router\[s3\]"):
        SharedModels("s3://bucket/models").follow(registry)


def test_promotions_and_ways_back_are_handed_on(tmp_path: Path, shipped: Artifact) -> None:
    url = f"file://{tmp_path}/there"
    folder = machine(tmp_path / "a", shipped, "v1", "v2").folder
    registry = Registry(folder, *publishers(url, folder))
    registry.promote("v2")
    assert SharedModels(url).current == "v2"
    registry.shadow("v1")
    assert SharedModels(url).current == "v2"
    registry.roll_back()
    assert SharedModels(url).current == "v1"
    (tmp_path / "there" / "current").unlink()
    (tmp_path / "there" / "current").mkdir()
    with pytest.raises(ArtifactError, match="v2 is current here and was not published"):
        registry.promote("v2")
    assert registry.current == "v2"


def test_a_gateway_takes_it_up_and_serves_on_when_the_bucket_is_gone(
    tmp_path: Path,
    shipped: Artifact,
    run: Run,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = "s3://models/all"
    with s3_server(tmp_path):
        own = machine(tmp_path / "own", shipped, "v0")
        SharedModels(url).publish(machine(tmp_path / "a", shipped, "v1").folder, "v1")
        with caplog.at_level(logging.DEBUG, "router"):
            gateway = run(models_dir=own.folder, models_url=url)
            following = Following(gateway.service)

            def once() -> None:
                asyncio.run_coroutine_threadsafe(following.work(), gateway.loop).result(60)

            once()
            until(lambda: gateway.service.policy.router.version == "v1")
            files = fsspec.filesystem("s3")
            files.rm("models/all", recursive=True)
            with pytest.raises(ArtifactError, match="no models folder at s3://models/all"):
                once()
            s3fs.S3FileSystem.clear_instance_cache()
            with monkeypatch.context() as moved:  # back before the server takes back its own
                moved.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
                with pytest.raises(ArtifactError, match=r"read \(EndpointConnectionError"):
                    once()  # the server is gone too
    assert gateway.chat("Good morning.").status_code == 200
    assert gateway.service.policy.router.version == "v1"
    assert not any(word in caplog.text for word in S3_LOGIN)


def test_a_person_publishes_from_the_command_line(tmp_path: Path, shipped: Artifact) -> None:
    folder = machine(tmp_path / "a", shipped, "v1", "v2").folder
    given = {"models_dir": str(folder), "log_url": f"sqlite:///{tmp_path}/o.db"}

    def say(*words: str, **more: str) -> tuple[int, str, str]:
        lines = (f"{name} = {json.dumps(value)}" for name, value in {**given, **more}.items())
        (tmp_path / "router.toml").write_text("\n".join(lines))
        return command("router", *words, cwd=tmp_path)

    code, _, err = say("models", "publish")
    assert code == 1 and "models_url is not set" in err
    there = f"file://{tmp_path}/there"
    code, out, _ = say("models", "publish", "v2", models_url=there)
    assert code == 0 and f"v2 is current at {there}" in out
    Registry(folder).promote("v2")
    code, out, _ = say("models", "rollback", models_url=there)
    assert code == 0 and SharedModels(there).current == "v1"


def test_the_doctor_says_what_is_wrong_with_the_folder_that_is_followed(
    s3: str, tmp_path: Path, shipped: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    def found(url: str | None) -> list[Check]:
        dead = f"http://127.0.0.1:{free_port()}"
        places = {"local_url": dead, "cloud_url": dead, "log_url": f"sqlite:///{tmp_path}/o.db"}
        checks = asyncio.run(examine(load_settings(**places, models_url=url)))
        return [check for check in checks if check.part == "shared models"]

    def moved(port: int) -> None:
        s3fs.S3FileSystem.clear_instance_cache()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")

    assert found(None) == []
    url = f"s3://models/{uuid4().hex}"
    (empty,) = found(url)
    assert not empty.good and "no models folder at" in empty.words
    assert empty.fix.endswith("router models publish")
    SharedModels(url).publish(machine(tmp_path / "a", shipped, "v1").folder, "v1")
    assert found(url) == [Check("shared models", True, f"v1 is current at {url}")]
    fsspec.filesystem("s3").pipe_file(f"{url}/{artifacts.POINTER}", b"../../etc")
    (wrong,) = found(url)
    assert not wrong.good and "not a version name" in wrong.words
    moved(free_port())
    (nobody,) = found(url)
    assert not nobody.good and "(EndpointConnectionError)" in nobody.words
    assert "models_url" in nobody.fix
    monkeypatch.setattr("router.gateway.doctor.MODELS_CHECK_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        moved(silent.getsockname()[1])
        (late,) = found(url)
    assert not late.good and "did not answer within 0.2 seconds" in late.words
    assert "mend the way to it" in late.fix


def test_only_one_place_is_followed() -> None:
    with pytest.raises(ConfigError, match="remove one of them"):
        load_settings(models_url="s3://b/m", mlflow_url="http://127.0.0.1:1")
    with pytest.raises(ConfigError, match="such as s3://bucket/models"):
        load_settings(models_url="bucket/models")
