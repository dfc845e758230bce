"""What a long computation has finished, on disk: whoever begins it anew goes on from there.

A stage's file is named after all that went into it, and stands there whole or not at all: it is
written under another name and then renamed. So a process that was killed leaves nothing wrong.
"""

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from router.errors import TrainingError

Arrays = dict[str, NDArray[Any]]


def fingerprint(*parts: object) -> str:
    """A name for all that went into something.

    >>> fingerprint("a", 1) == fingerprint("a", 1), fingerprint("a", 1) == fingerprint("a", 2)
    (True, False)
    """
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()[:16]


def written(path: Path, arrays: Mapping[str, NDArray[Any]], about: Mapping[str, str]) -> Path:
    """Write arrays and words about them, whole or not at all. Raises TrainingError."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file({k: np.ascontiguousarray(v) for k, v in arrays.items()}, temporary, dict(about))
        os.replace(temporary, path)
    except (OSError, SafetensorError) as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        why = error.strerror if isinstance(error, OSError) else "the disk may be full"
        raise TrainingError(f"{path} could not be written ({why}); free some room.") from error
    return path


class Stages:
    """Finished stages in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def arrays(self, name: str, key: str, make: Callable[[], Arrays]) -> Arrays:
        """What `make` gives, or gave before under the same name and key."""
        path = self.folder / f"{name}-{key}.safetensors"
        if path.exists():
            return dict(load_file(path))
        arrays = make()
        written(path, arrays, {})
        return arrays
