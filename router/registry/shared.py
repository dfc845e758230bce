"""A models folder at an address: s3://bucket/models, or any other that fsspec knows.

It looks like every models folder: a folder a version, and `current`, one line that names the one
in use. Who publishes writes a version's files, its manifest as the last of them, and moves the
pointer after that; so whoever follows the pointer finds whole versions, and checks each against
its manifest all the same. Protocols and their credentials are fsspec's
(https://filesystem-spec.readthedocs.io); those of S3 come from AWS's own variables and files.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from router.errors import (
    ArtifactCorrupt,
    ArtifactError,
    ArtifactExists,
    MissingExtra,
    RouterError,
)
from router.registry import artifact as artifacts
from router.registry.followed import FOLLOWED, MOST_BYTES, without_login
from router.registry.registry import Change, Listener, Move, Registry

# What fsspec is told beside the address. S3: an end to every wait, so that a bucket that hangs is
# noticed; chosen: as long as MLflow's. Folders are made on a disk, buckets by nobody.
_S3: dict[str, Any] = {
    "config_kwargs": {
        "connect_timeout": 4,
        "read_timeout": 10,
        "retries": {"total_max_attempts": 2},
    },
    "use_listings_cache": False,
}
_DISK: dict[str, Any] = {"auto_mkdir": True}
_OPTIONS = {"s3": _S3, "s3a": _S3, "file": _DISK, "local": _DISK}
_MOST_POINTER_BYTES = 200  # a version's name has 80 characters at most


class SharedModels:
    """The folder at `url`. Every method raises ArtifactError, or MissingExtra.

    >>> import tempfile
    >>> from router.settings import shipped_models
    >>> url = f"file://{tempfile.mkdtemp()}/models"
    >>> SharedModels(url).publish(shipped_models(), "default-3")
    >>> SharedModels(url).current
    'default-3'
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    @property
    def current(self) -> str:
        """The version that its pointer names."""
        with self._opened("read") as (files, root):
            return _pointed(files, root)

    def follow(self, registry: Registry) -> str | None:
        """Make what is current there current in `registry`, once; its name if it was taken up now.

        What happens to it here later, that it is measured or left for the one before, holds until
        the pointer there names another. A version that is here already is not fetched again.
        """
        with self._opened("read") as (files, root):
            name, mark = _pointed(files, root), registry.folder / FOLLOWED
            if mark.is_file() and mark.read_text().strip() == name:
                return None
            if not (registry.folder / name).exists():
                self._fetch(files, f"{root}/{name}", registry.folder / name)
            taken = registry.current != name
            if taken:
                registry.promote(name, f"{name} is current at {shown(self.url)}.")
            artifacts.write_synced(mark, f"{name}\n".encode())
        return name if taken else None

    def publish(self, folder: Path, version: str) -> None:
        """Write `folder/version` there unless it is there, and point to it after that.

        Raises ArtifactExists where another version has that name there.
        """
        source = artifacts.resolve(folder, version)
        artifacts.load(source)  # what is not whole is not handed on
        manifest = (source / artifacts.MANIFEST).read_bytes()
        with self._opened("written") as (files, root):
            there = f"{root}/{source.name}/{artifacts.MANIFEST}"
            known = files.cat_file(there) if files.exists(there) else None
            if known is not None and known != manifest:
                raise ArtifactExists(
                    f"Another version of the name {source.name} is at {shown(self.url)}; "
                    "a version is never overwritten, so publish under another name."
                )
            for name in [] if known else json.loads(manifest)["files"]:
                files.put_file(str(source / name), f"{root}/{source.name}/{name}")
            if known is None:
                files.pipe_file(there, manifest)
            files.pipe_file(f"{root}/{artifacts.POINTER}", f"{source.name}\n".encode())

    def _fetch(self, files: Any, source: str, target: Path) -> None:
        """Copy a version's files and check them; `target` is there whole or not at all."""
        with artifacts.arriving(target) as partial:
            names, left = [artifacts.MANIFEST], MOST_BYTES
            for name in names:
                path = f"{source}/{artifacts.checked_version(name)}"
                left -= int(files.info(path)["size"])
                if left < 0:
                    raise ArtifactCorrupt(
                        f"{target.name} at {shown(self.url)} holds over {MOST_BYTES:,} bytes; "
                        "no version does."
                    )
                files.get_file(path, str(partial / name))
                if name == artifacts.MANIFEST:
                    names += json.loads((partial / name).read_bytes())["files"]
            artifacts.load(partial)

    @contextmanager
    def _opened(self, what: str) -> Iterator[tuple[Any, str]]:
        """fsspec's file system and the folder in it; `what` is tried: read or written.

        Whatever it raises becomes a sentence with none of its words: they may hold credentials.
        """
        protocol = self.url.partition("://")[0]
        try:
            from fsspec.core import url_to_fs

            files, root = url_to_fs(self.url, **_OPTIONS.get(protocol, {}))
            yield files, root.rstrip("/")
        except RouterError:
            raise
        except ImportError as error:
            if protocol in _OPTIONS or error.name == "fsspec":
                raise MissingExtra("s3fs", "s3") from error
            raise ArtifactError(
                f"fsspec has no package for {protocol}:// here; install it, or check models_url."
            ) from error
        except FileNotFoundError as error:
            raise ArtifactError(
                f"There is no models folder at {shown(self.url)}, or it is not whole; check "
                "models_url, or publish a version: router models publish"
            ) from error
        except Exception as error:
            raise ArtifactError(
                f"The models folder at {shown(self.url)} could not be {what} "
                f"({type(error).__name__}); check models_url and the credentials."
            ) from error


def _pointed(files: Any, root: str) -> str:
    raw = files.cat_file(f"{root}/{artifacts.POINTER}", end=_MOST_POINTER_BYTES)
    return artifacts.checked_version(raw.decode("utf-8", "replace").strip())


def publishers(url: str | None, folder: Path) -> list[Listener]:
    """Who hands on every version that becomes current in `folder`, by whichever move; nobody
    without a `url`.
    """
    if url is None:
        return []

    def hear(move: Move) -> None:
        if move.change not in (Change.PROMOTED, Change.ROLLED_BACK):
            return
        current = Registry(folder).current
        try:
            SharedModels(url).publish(folder, current)
        except ArtifactError as error:
            raise ArtifactError(
                f"{current} is current here and was not published: {error} Once that is mended: "
                "router models publish"
            ) from error

    return [hear]


def shown(url: str) -> str:
    """An address as it may be shown, without login and parameters.

    >>> shown("s3://key:secret@bucket/models?token=x")
    's3://bucket/models'
    """
    return without_login(urlsplit(url)._replace(query="", fragment="").geturl())
