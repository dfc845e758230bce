"""From settings to the version that decides, and to the folder that new ones go to.

A learned version outlives the router that learned it. Where an upgraded router cannot read it any
more, the shipped version decides, and the next one learned starts from that.
"""

import logging
import shutil
from pathlib import Path

from router.errors import ArtifactError, ArtifactMismatch
from router.registry import artifact as artifacts
from router.registry.artifact import POINTER, Artifact
from router.registry.registry import Registry
from router.settings import Settings, own_models, shipped_models

_log = logging.getLogger(__name__)


def serving(settings: Settings) -> Artifact:
    """The version that decides.

    It is the one that the settings name; where that is the current one of a folder and was made
    by another version of the router, the shipped one, with a warning. Raises ArtifactError.
    """
    folder = artifacts.resolve(settings.models_dir, settings.version)
    try:
        return artifacts.load(folder)
    except ArtifactMismatch as error:
        if settings.version != POINTER or _is_shipped(settings.models_dir):
            raise
        shipped = artifacts.load(artifacts.resolve(shipped_models()))
        _log.warning(
            "%s was made by another version of the router (%s) The shipped %s decides until "
            "`router learn` finds a better one.",
            folder,
            error,
            shipped.version,
        )
        return shipped


def writable(settings: Settings) -> Path:
    """The folder that new versions go to: the one set, never the shipped one.

    Where the settings name the shipped folder, the user's own is made beside his data, with the
    shipped version in it; the settings find it there from then on. Where the folder's current
    version was made by another version of the router, the shipped one takes its place. Raises
    ArtifactError.
    """
    folder = settings.models_dir
    if _is_shipped(folder):
        folder = own_models()
        if not (folder / POINTER).exists():
            _install(folder)
        return folder
    try:
        Registry(folder).load()
    except ArtifactMismatch:
        _install(folder)
    return folder


def _is_shipped(folder: Path) -> bool:
    return folder.resolve() == shipped_models().resolve()


def _install(folder: Path) -> None:
    """Put the shipped version into a folder and make it current."""
    shipped = artifacts.resolve(shipped_models())
    version = folder / shipped.name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if version.exists() and not _is_readable(version):
            shutil.rmtree(version)  # of the same name, by a router that is no more
        if not version.exists():
            shutil.copytree(shipped, version)
    except OSError as error:
        raise ArtifactError(f"{folder} could not be written ({error.strerror}).") from error
    Registry(folder).start_from(shipped.name)


def _is_readable(version: Path) -> bool:
    try:
        artifacts.load(version)
    except ArtifactError:
        return False
    return True
