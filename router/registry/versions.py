"""The versions in a models folder: which is in use, which was before, and small steps between."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from router.errors import ArtifactError, ArtifactMissing
from router.registry import artifact as artifacts
from router.registry.ability import normalised
from router.registry.artifact import Artifact
from router.settings import Settings, own_models, shipped_models

PREVIOUS, CHALLENGER = "previous", "challenger"


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A version as `router models` lists it; `role`: current, challenger, previous or nothing."""

    name: str
    role: str
    created_at: str
    base: str
    words: str


def writable(settings: Settings) -> Path:
    """The folder that new versions go to: the one set, never the shipped one.

    Where the settings name the shipped folder, the user's own is made beside his data, with the
    shipped version in it; the settings find it there from then on. Raises ArtifactError.
    """
    folder = settings.models_dir
    if folder.resolve() != shipped_models().resolve():
        return folder
    own = own_models()
    current = artifacts.resolve(folder)
    try:
        if not (own / current.name).exists():
            own.mkdir(parents=True, exist_ok=True)
            shutil.copytree(current, own / current.name)
        if not (own / artifacts.POINTER).exists():
            artifacts.point_current(own, current.name)
    except OSError as error:
        raise ArtifactError(f"{own} could not be written ({error.strerror}).") from error
    return own


def versions(models_dir: Path) -> list[Version]:
    """All versions of a folder, the newest first."""
    roles = {name: role for role in (PREVIOUS, CHALLENGER) if (name := pointed(models_dir, role))}
    roles[artifacts.resolve(models_dir).name] = "current"
    found = []
    for path in models_dir.glob(f"*/{artifacts.MANIFEST}"):
        try:
            manifest = json.loads(path.read_text())
        except (OSError, ValueError):
            continue
        name = str(manifest.get("version", path.parent.name))
        found.append(
            Version(
                name=name,
                role=roles.get(name, ""),
                created_at=str(manifest.get("created_at", "")),
                base=str(manifest.get("base") or ""),
                words=_said(manifest),
            )
        )
    return sorted(found, key=lambda v: (v.created_at, v.name), reverse=True)


def _said(manifest: Mapping[str, Any]) -> str:
    """What a manifest tells of its version's quality, in a few words."""
    if learned := manifest.get("learned"):
        value, low, high = learned["better"]
        on = f"{learned['rows']['test']} later requests ({learned['judged_on']})"
        return f"Brier better by {value:.3f} [{low:.3f}, {high:.3f}] on {on}"
    overall = manifest.get("metrics", {}).get("overall", {})
    if "apgr" in overall:
        return f"APGR {overall['apgr']['value']:.3f} on {manifest['metrics']['rows']} requests"
    return ""


def pointed(models_dir: Path, pointer: str) -> str | None:
    """The version that `previous` or `challenger` names, if there is one."""
    try:
        return (models_dir / pointer).read_text().strip() or None
    except OSError:
        return None


def point(models_dir: Path, pointer: str, version: str | None) -> None:
    """Make a pointer name a version, or nothing."""
    path = models_dir / pointer
    if version is not None:
        artifacts.write_pointer(path, version)
        return
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise ArtifactError(f"{path} could not be removed ({error.strerror}).") from error


def move(models_dir: Path, version: str) -> None:
    """Point `current` to `version` and remember the one before for `rollback`."""
    try:
        before = artifacts.resolve(models_dir).name
    except ArtifactMissing:
        before = None
    artifacts.point_current(models_dir, version)
    if before and before != version:
        point(models_dir, PREVIOUS, before)
    if pointed(models_dir, CHALLENGER) == version:
        point(models_dir, CHALLENGER, None)


def rollback(models_dir: Path) -> str:
    """Go back to the version before the last promotion; returns its name."""
    before = pointed(models_dir, PREVIOUS)
    if before is None:
        raise ArtifactMissing(f"{models_dir} records no earlier promotion to go back to.")
    move(models_dir, before)
    return before


def with_ability(
    base: Artifact, model: str, digest: str, ability: float, about: Mapping[str, Any]
) -> Artifact:
    """`base` knowing a local model's ability term, bound to the digest of its weights."""
    mine = normalised(model)
    local = {k: v for k, v in base.manifest["models"]["local"].items() if normalised(k) != mine}
    now = datetime.now(UTC)
    manifest = {
        **base.manifest,
        "version": f"{base.version.split('+')[0][:40]}-{mine[:20]}-{now:%Y%m%d-%H%M%S}",
        "base": base.version,
        "created_at": now.isoformat(timespec="seconds"),
        "models": {**base.manifest["models"], "local": {**local, model: ability}},
        "measured": {**base.manifest.get("measured", {}), mine: {"digest": digest, **about}},
    }
    return replace(base, manifest=manifest)
