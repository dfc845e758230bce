"""One door to the versions of a model: which is in use, which waits, which was before.

A models folder holds versions and three pointers, each a file of one line: `current`, `challenger`
(decides in shadow) and `previous`. Every change of them is a `Move` of a `Registry`, which tells
its listeners: the events of the outcome log, MLflow's aliases.
"""

import contextlib
import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from router.errors import ArtifactError, ArtifactMissing
from router.registry import artifact as artifacts
from router.registry.artifact import Artifact, write_synced

PREVIOUS, CHALLENGER = "previous", "challenger"
KEPT_REFUSED = 3  # chosen: what a person looks into after a week of refusals; each takes megabytes


class Change(StrEnum):
    """What can happen to a version."""

    PROMOTED = "promoted"
    SHADOW = "shadow"
    REFUSED = "refused"
    ROLLED_BACK = "rollback"


@dataclass(frozen=True, slots=True)
class Move:
    """A change that was made. `version`: taken, waiting, refused, or left by going back."""

    change: Change
    version: str
    words: str


Listener = Callable[[Move], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A version as `router models` lists it; `role`: current, challenger, previous or nothing."""

    name: str
    role: str
    created_at: str
    base: str
    words: str


class Registry:
    """The versions in `folder`, and the only way to change which of them is in use.

    A pointer is written in one step; then every listener hears of the move, in order. All methods
    raise ArtifactError for what cannot be read or written.
    """

    def __init__(self, folder: Path, *listeners: Listener) -> None:
        self.folder = folder
        self._listeners = listeners

    @property
    def current(self) -> str:
        """The version in use."""
        return artifacts.resolve(self.folder).name

    @property
    def challenger(self) -> str | None:
        """The version that decides in shadow, if there is one."""
        return self._pointed(CHALLENGER)

    @property
    def previous(self) -> str | None:
        """The version that was current before, if one was."""
        return self._pointed(PREVIOUS)

    def load(self, version: str = artifacts.POINTER) -> Artifact:
        """A version, by default the current one."""
        return artifacts.load(artifacts.resolve(self.folder, version))

    def versions(self) -> list[Version]:
        """All of them, the newest first."""
        roles = {self.previous: PREVIOUS, self.challenger: CHALLENGER, self.current: "current"}
        found = []
        for path in self.folder.glob(f"*/{artifacts.MANIFEST}"):
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

    def promote(self, version: str, words: str = "") -> None:
        """Make a version current, and remember the one before for `roll_back`."""
        self._make_current(version)
        self._tell(Change.PROMOTED, version, words)

    def start_from(self, version: str) -> None:
        """Make a version the first one here: there is none to go back to, and none waits."""
        self._make_current(version)
        self._point(PREVIOUS, None)
        self._point(CHALLENGER, None)

    def shadow(self, version: str, words: str = "") -> None:
        """Let a version decide beside the current one."""
        self._point(CHALLENGER, version)
        self._tell(Change.SHADOW, version, words)

    def reject(self, version: str, words: str = "") -> None:
        """A version shall not be used; if it waits in shadow, no longer."""
        if self.challenger == version:
            self._point(CHALLENGER, None)
        self._tell(Change.REFUSED, version, words)

    def tidy(self, refused: Sequence[str]) -> list[str]:
        """Remove refused versions, the last KEPT_REFUSED apart; returns their names.

        `refused`: names, the newest refusal first. What a pointer names stays, whatever was said
        of it. A version is out of sight before the first of its files goes.
        """
        named = {self.current, self.challenger, self.previous}
        there = [
            v for v in dict.fromkeys(refused) if (self.folder / v / artifacts.MANIFEST).is_file()
        ]
        old = [v for v in there if v not in named][KEPT_REFUSED:]
        for version in old:
            folder = self.folder / artifacts.checked_version(version)
            hidden = self.folder / f".removed-{version}"
            try:
                shutil.rmtree(hidden, ignore_errors=True)
                os.replace(folder, hidden)
                shutil.rmtree(hidden)
            except OSError as error:
                raise ArtifactError(f"{folder} could not be removed ({error.strerror}).") from error
        return old

    def roll_back(self, why: str = "") -> str:
        """Make the version before current again; returns its name. `why`: a sentence."""
        left, before = self.current, self.previous
        if before is None:
            raise ArtifactMissing(f"{self.folder} records no earlier promotion to go back to.")
        self._make_current(before)
        self._tell(Change.ROLLED_BACK, left, f"Went back from {left} to {before}: {why}")
        return before

    def _make_current(self, version: str) -> None:
        folder = self.folder / artifacts.checked_version(version)
        if not (folder / artifacts.MANIFEST).is_file():
            raise ArtifactMissing(f"There is no version {version} in {self.folder}.")
        before = self._pointed(artifacts.POINTER)
        self._point(artifacts.POINTER, version)
        if before and before != version:
            self._point(PREVIOUS, before)
        if self.challenger == version:
            self._point(CHALLENGER, None)

    def _tell(self, change: Change, version: str, words: str) -> None:
        for hear in self._listeners:
            hear(Move(change, version, words))

    def _pointed(self, pointer: str) -> str | None:
        try:
            return (self.folder / pointer).read_text().strip() or None
        except OSError:
            return None

    def _point(self, pointer: str, version: str | None) -> None:
        path = self.folder / pointer
        if version is not None:
            _write_pointer(path, version)
            return
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise ArtifactError(f"{path} could not be removed ({error.strerror}).") from error


def _said(manifest: Mapping[str, Any]) -> str:
    """What a manifest tells of its version's quality, in a few words."""
    if learned := manifest.get("learned"):
        name, of = ("quality", "equal") if "equal" in learned else ("Brier", "better")
        value, low, high = learned[of]
        on = f"{learned['rows']['test']} later requests ({learned['judged_on']})"
        return f"{name} better by {value:.3f} [{low:.3f}, {high:.3f}] on {on}"
    overall = manifest.get("metrics", {}).get("overall", {})
    if "apgr" in overall:
        return f"APGR {overall['apgr']['value']:.3f} on {manifest['metrics']['rows']} requests"
    return ""


def _write_pointer(path: Path, version: str) -> None:
    """Make a pointer name `version` in one step that cannot be seen half done."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write_synced(temporary, f"{version}\n".encode())
        os.replace(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise ArtifactError(
            f"{path} could not be moved to {version} ({error.strerror}); "
            "it still names the version before."
        ) from error
