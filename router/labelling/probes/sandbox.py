"""Running code that a model wrote: a process of its own, with little time, memory and reach."""

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import cache

SECONDS = 5
_MEMORY = 512 * 2**20
_FILE = 2**20
# No environment, no site packages, no bytecode.
_ISOLATED = ("-I", "-S", "-B", "-c")
_GUARD = """
import sys
sys.setrecursionlimit(3000)
def _forbid(event, args):
    if event.split(".")[0] in {"socket", "subprocess", "ctypes", "shutil", "pty"} or event in {
        "os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.remove",
        "os.rename", "os.kill", "os.putenv", "os.chmod", "os.link", "os.symlink", "os.mkdir",
        "os.rmdir", "os.truncate", "os.listdir", "os.scandir", "signal.pthread_kill",
    }:
        raise PermissionError(event)
    if event == "open" and (args[1] is None or set(str(args[1])) & set("wax+")):
        raise PermissionError("writing files")
sys.addaudithook(_forbid)
"""


def passes(code: str, tests: str, *, seconds: float = SECONDS) -> bool:
    """Whether `tests` run to their end after `code`, in a Python process of its own.

    The process has `seconds` of time, 512 MB, an empty folder, no environment and, where the
    system allows it, no network; an audit hook refuses to open sockets, start processes, or write
    files. That keeps out accidents of a model, not a determined attacker: for code of strangers
    use a container.

    >>> passes("def f(x): return x + 1", "assert f(1) == 2")
    True
    >>> passes("while True: pass", "", seconds=1)
    False
    """
    done = secrets.token_hex(8)  # that the code cannot print on its own
    program = f"{_GUARD}\n{code}\n{tests}\nprint({done!r})"
    with tempfile.TemporaryDirectory() as folder:
        try:
            ran = subprocess.run(
                [*_without_network(), sys.executable, *_ISOLATED, program],
                cwd=folder,
                env={"PATH": os.defpath},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=seconds,
                check=False,
                preexec_fn=_limits(seconds),
                start_new_session=True,
            )
        except (subprocess.TimeoutExpired, ValueError, OSError):
            return False
    # A program that ends early (sys.exit) never came to its tests.
    return ran.returncode == 0 and ran.stdout.decode("utf-8", "replace").rstrip().endswith(done)


def _limits(seconds: float) -> Callable[[], None] | None:
    if sys.platform == "win32":
        return None
    import resource

    def limit() -> None:
        for what, most in (
            (resource.RLIMIT_CPU, int(seconds) + 1),
            (resource.RLIMIT_AS, _MEMORY),
            (resource.RLIMIT_FSIZE, _FILE),
            (resource.RLIMIT_CORE, 0),
        ):
            resource.setrlimit(what, (most, most))

    return limit


@cache
def _without_network() -> tuple[str, ...]:
    """`unshare` where this user may make a network namespace, else nothing."""
    found = shutil.which("unshare")
    command = (found or "", "--user", "--net", "--map-root-user")
    if not found:
        return ()
    tried = subprocess.run([*command, "true"], capture_output=True, check=False)
    return command if tried.returncode == 0 else ()
