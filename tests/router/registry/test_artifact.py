import errno
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from router.decide.router import Router
from router.errors import (
    ArtifactCorrupt,
    ArtifactError,
    ArtifactExists,
    ArtifactMismatch,
    ArtifactMissing,
)
from router.registry import artifact as artifacts
from router.registry.artifact import Artifact
from router.registry.registry import Registry
from tests import ROOT


@pytest.fixture()
def models(tmp_path: Path, shipped: Artifact) -> Path:
    manifest = {**shipped.manifest, "version": "one"}
    artifacts.save(
        Artifact(
            manifest=manifest,
            arrays=shipped.arrays,
            tokenizer=shipped.tokenizer,
            encoder=shipped.encoder,
        ),
        tmp_path,
    )
    Registry(tmp_path).promote("one")
    return tmp_path


def renamed(shipped: Artifact, version: str) -> Artifact:
    manifest = {**shipped.manifest, "version": version}
    return Artifact(
        manifest=manifest,
        arrays=shipped.arrays,
        tokenizer=shipped.tokenizer,
        encoder=shipped.encoder,
    )


def test_round_trip_decides_the_same(models: Path, router: Router) -> None:
    again = Router.load(artifacts.resolve(models))
    for prompt in ("hi", "Prove Zorn's lemma."):
        assert again.predict(prompt).gain == router.predict(prompt).gain


def test_arrays_come_back_whatever_their_layout(tmp_path: Path, shipped: Artifact) -> None:
    turned = {k: np.asfortranarray(v) for k, v in shipped.arrays.items()}
    manifest = {**shipped.manifest, "version": "turned"}
    artifacts.save(
        Artifact(
            manifest=manifest, arrays=turned, tokenizer=shipped.tokenizer, encoder=shipped.encoder
        ),
        tmp_path,
    )
    again = artifacts.load(tmp_path / "turned")
    for name, array in shipped.arrays.items():
        assert np.array_equal(again.arrays[name], array), name


def test_version_is_never_overwritten(models: Path, shipped: Artifact) -> None:
    with pytest.raises(ArtifactExists, match="one"):
        artifacts.save(renamed(shipped, "one"), models)


@pytest.mark.parametrize("name", [artifacts.HEADS, artifacts.ENCODER, artifacts.TOKENIZER])
@pytest.mark.parametrize("harm", ["cut", "flip", "remove"])
def test_altered_files_are_refused_by_name(models: Path, name: str, harm: str) -> None:
    path = models / "one" / name
    data = path.read_bytes()
    if harm == "remove":
        path.unlink()
        with pytest.raises(ArtifactMissing, match=name):
            artifacts.load(models / "one")
        return
    path.write_bytes(data[:-100] if harm == "cut" else data[:200] + b"\xff" + data[201:])
    with pytest.raises(ArtifactCorrupt, match=name):
        artifacts.load(models / "one")


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"format": 99}, ArtifactMismatch),
        ({"feature_schema": 0}, ArtifactMismatch),
        ({"files": None}, ArtifactCorrupt),
    ],
)
def test_wrong_manifests_are_refused(models: Path, change: dict[str, object], error: type) -> None:
    path = models / "one" / artifacts.MANIFEST
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(error):
        artifacts.load(models / "one")


@pytest.mark.parametrize("name", ["encoder", "models", "threshold", "version", "known"])
@pytest.mark.parametrize("value", [5, "x", {"x": 1}, [1]])
def test_a_manifest_whose_parts_are_something_else_is_refused(
    models: Path, name: str, value: object
) -> None:
    if (name, type(value)) in (("version", str), ("known", list)):
        return  # what they may be
    path = models / "one" / artifacts.MANIFEST
    path.write_text(json.dumps({**json.loads(path.read_text()), name: value}))
    with pytest.raises(ArtifactCorrupt, match="is not a manifest"):
        artifacts.load(models / "one")


def test_a_manifest_nested_without_end_is_refused(models: Path) -> None:
    (models / "one" / artifacts.MANIFEST).write_text("[" * 100_000)
    with pytest.raises(ArtifactCorrupt, match="manifest"):
        artifacts.load(models / "one")


@pytest.mark.parametrize("name", [artifacts.HEADS, artifacts.MANIFEST])
def test_what_is_no_file_is_not_read(models: Path, name: str) -> None:
    """A pipe would be waited for without end, /dev/zero read without end."""
    path = models / "one" / name
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(ArtifactCorrupt, match="is no file"):
        artifacts.load(models / "one")
    path.unlink()
    path.symlink_to("/dev/zero")
    with pytest.raises(ArtifactCorrupt, match="is no file"):
        artifacts.load(models / "one")


@pytest.mark.parametrize("name", ["../one", "/etc", "one/../../x", "..", "a\x00b", "x" * 10**6])
def test_no_pointer_leads_out_of_the_folder(models: Path, name: str) -> None:
    (models / artifacts.POINTER).write_text(name)
    with pytest.raises(ArtifactError, match="is not a version name"):
        artifacts.resolve(models)


def test_manifest_that_is_not_json(models: Path) -> None:
    (models / "one" / artifacts.MANIFEST).write_text('{"half')
    with pytest.raises(ArtifactCorrupt, match="manifest"):
        artifacts.load(models / "one")


def test_array_of_another_shape_is_refused(tmp_path: Path, shipped: Artifact) -> None:
    arrays = {**shipped.arrays, "structure": shipped.arrays["structure"][:, :-1]}
    manifest = {**shipped.manifest, "version": "odd"}
    artifacts.save(
        Artifact(
            manifest=manifest, arrays=arrays, tokenizer=shipped.tokenizer, encoder=shipped.encoder
        ),
        tmp_path,
    )
    with pytest.raises(ArtifactMismatch, match="structure"):
        artifacts.load(tmp_path / "odd")


def test_full_disk_leaves_the_old_model(
    models: Path, shipped: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ArtifactError, match="No space left"):
        artifacts.save(renamed(shipped, "two"), models)
    with pytest.raises(ArtifactError, match="still names"):
        Registry(models).promote("one")
    monkeypatch.undo()
    assert sorted(p.name for p in models.iterdir()) == ["current", "one"]
    assert artifacts.load(artifacts.resolve(models)).version == "one"


def test_folder_that_cannot_be_made(tmp_path: Path, shipped: Artifact) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("")
    with pytest.raises(ArtifactError, match="could not be written"):
        artifacts.save(renamed(shipped, "two"), blocker / "models")


def test_models_are_found_by_folder_pointer_or_version(models: Path) -> None:
    for path in (models, models / "current", models / "one"):
        assert Router.load(path).version == "one"


def test_current_can_only_name_what_is_there(models: Path) -> None:
    with pytest.raises(ArtifactMissing, match="no version two"):
        Registry(models).promote("two")
    (models / "current").write_text("../../etc\n")
    with pytest.raises(ArtifactError, match="not a version name"):
        artifacts.resolve(models)


def test_repository_models_stay_small() -> None:
    root = ROOT / "models"
    total = sum(f.stat().st_size for f in root.rglob("*") if f.is_file())
    assert total <= 20 * 2**20
    assert (root / "README.md").is_file()


@pytest.mark.parametrize("tables", [2, 6])
def test_a_verifier_may_know_beginnings_or_not(
    shipped: Artifact, tmp_path: Path, tables: int
) -> None:
    assert shipped.verifier is not None
    look = np.concatenate([shipped.verifier["look"]] * 3)[:tables]
    kept = replace(shipped, verifier={**shipped.verifier, "look": look})
    folder = artifacts.save(kept, tmp_path)
    again = artifacts.load(folder).verifier
    assert again is not None and np.array_equal(again["look"], look)


@pytest.mark.parametrize("tables", [1, 3])
def test_tables_of_looks_that_nobody_can_read_are_refused(
    shipped: Artifact, tmp_path: Path, tables: int
) -> None:
    assert shipped.verifier is not None
    look = np.concatenate([shipped.verifier["look"]] * 2)[:tables]
    folder = artifacts.save(replace(shipped, verifier={**shipped.verifier, "look": look}), tmp_path)
    with pytest.raises(ArtifactMismatch, match="look"):
        artifacts.load(folder)
