"""A service that starts the gateway with the session: systemd's user unit, or launchd's agent.

Sources: systemd.service(5), systemd.exec(5) and systemd.syntax(7); launchd.plist(5).
"""

import plistlib
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from router.errors import ConfigError

_NAME = "hybrid-router"
_LABEL = "org.hybrid-router.gateway"


@dataclass(frozen=True, slots=True)
class Service:
    """A file, and the commands that switch on what it describes."""

    path: Path
    text: str
    enable: tuple[tuple[str, ...], ...]

    def write(self) -> None:
        """Put the file in its place. Raises ConfigError."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text(self.text, encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"{self.path} could not be written ({error.strerror}).") from error


def serving(embedded: bool) -> list[str]:
    """The command that serves, by this very Python: a service has no PATH of the user's."""
    return [sys.executable, "-m", "router", "serve", *(["--embedded"] if embedded else [])]


def service_for(
    platform: str, command: Sequence[str], folder: Path, key_file: Path, home: Path, user: int
) -> Service | None:
    """The service of a platform (`sys.platform`); None where there is neither manager.

    It starts in `folder`, where `router.toml` is, and reads the key from `key_file` if that exists.
    """
    if platform.startswith("linux"):
        return _systemd(command, folder, key_file, home)
    if platform == "darwin":
        return _launchd(command, folder, key_file, home, user)
    return None


def _systemd(command: Sequence[str], folder: Path, key_file: Path, home: Path) -> Service:
    text = f"""[Unit]
Description=hybrid-router: one address for the local model and the cloud
After=network.target

[Service]
WorkingDirectory={_plain(folder)}
EnvironmentFile=-{_plain(key_file)}
ExecStart={" ".join(_quoted(part) for part in command)}
Restart=on-failure

[Install]
WantedBy=default.target
"""
    enable = ("systemctl", "--user", "daemon-reload"), ("systemctl", "--user", "enable", "--now")
    path = home / ".config" / "systemd" / "user" / f"{_NAME}.service"
    return Service(path, text, (enable[0], (*enable[1], _NAME)))


def _plain(path: Path) -> str:
    """A path as systemd reads it where it takes no quotes."""
    return str(path).replace("%", "%%")


def _quoted(part: str) -> str:
    """One word of a command line as systemd reads it: % and $ have a meaning of their own."""
    escaped = part.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"'


def _launchd(
    command: Sequence[str], folder: Path, key_file: Path, home: Path, user: int
) -> Service:
    file = shlex.quote(str(key_file))
    script = f"set -a; [ ! -f {file} ] || . {file}; set +a; exec {shlex.join(command)}"
    agent = {
        "Label": _LABEL,
        "ProgramArguments": ["/bin/sh", "-c", script],
        "WorkingDirectory": str(folder),
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "StandardErrorPath": str(home / "Library" / "Logs" / f"{_NAME}.log"),
    }
    path = home / "Library" / "LaunchAgents" / f"{_LABEL}.plist"
    enable = ("launchctl", "bootstrap", f"gui/{user}", str(path))
    return Service(path, plistlib.dumps(agent).decode(), (enable,))
