"""Where the cloud's key is kept for a service: a file that nobody else may read.

The form is that of the shell and of systemd's EnvironmentFile alike: `NAME=value`.
"""

import os
import re
from pathlib import Path

from platformdirs import user_config_path

from router.errors import ConfigError, InputError
from router.setup.constants import OWNER_ONLY

VARIABLE = "ANTHROPIC_API_KEY"
_KEY = re.compile(r"[\w.:+/=-]{8,}", re.ASCII)  # needs quotes neither for a shell nor for systemd


def key_path() -> Path:
    """The file; it need not exist."""
    return user_config_path("hybrid-router") / "env"


def checked(key: str) -> str:
    """The key without white space around it. Raises InputError, without repeating it."""
    bare = key.strip()
    if not _KEY.fullmatch(bare):
        raise InputError(
            "That does not look like a key: letters, digits and -_.:+/= without blanks."
        )
    return bare


def keep(key: str, path: Path) -> None:
    """Write the key where its owner alone may read. Raises ConfigError."""
    line = f"{VARIABLE}={checked(key)}\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Made anew under another name: an old file keeps its rights, and who reads it meanwhile
        # sees the old key or the new one.
        fresh = path.with_name(f"{path.name}.{os.getpid()}")
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(line)
        fresh.replace(path)
    except OSError as error:
        raise ConfigError(f"The key could not be written to {path} ({error.strerror}).") from error
