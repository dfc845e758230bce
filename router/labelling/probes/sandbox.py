"""Running code that a model wrote, where it can reach nothing; see `jail`."""

import math
import secrets
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from router.errors import NoSandbox

SECONDS = 5
_JAIL = Path(__file__).with_name("jail.py")
_GRACE_S = 30.0  # chosen: for getting in, on a busy machine; the kernel ends what got in
_FIRST = "import sys\nsys.setrecursionlimit(3000)\n"
_ADVICE = (
    "let this user make user namespaces (in a container: --security-opt seccomp=unconfined; on "
    "Ubuntu: sysctl kernel.apparmor_restrict_unprivileged_userns=0)"
)


def passes(code: str, tests: str, *, seconds: float = SECONDS) -> bool:
    """Whether `tests` run to their end after `code`, in a jail of its own.

    There it has `seconds` of time (whole ones), 512 MB, one process, no network, no file but the
    system's, no environment and no rights. Code that wants to can still feign the result of its own
    tests. Raises NoSandbox where there is none: then nothing is run.

    >>> passes("def f(x): return x + 1", "assert f(1) == 2")
    True
    >>> passes("while True: pass", "", seconds=1)
    False
    """
    if reason := missing():
        raise NoSandbox(reason)
    done = secrets.token_hex(8)  # a program that ends early (sys.exit) never comes to it
    ran, said, _ = _run(f"{_FIRST}{code}\n{tests}\nprint({done!r})", seconds)
    return ran and said.rstrip().endswith(done)


@cache
def missing() -> str:
    """Why a model's code cannot be run here and what to do, in a sentence; empty where it can."""
    if sys.platform != "linux":
        return f"There is no sandbox for a model's code on {sys.platform}; run this on Linux."
    ran, said, fault = _run("print('in')", SECONDS)
    if ran and said == "in\n":
        return ""
    why = fault.strip().rpartition("\n")[2] or "no answer"
    return f"This machine has no sandbox for a model's code ({why}); {_ADVICE}."


def _run(program: str, seconds: float) -> tuple[bool, str, str]:
    """Whether a program ended well, what it said, and what the jail said of itself.

    What it says goes to a file, which the jail's limits keep small.
    """
    command = [sys.executable, "-I", "-S", "-B", str(_JAIL), str(math.ceil(seconds))]
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as out:
        (inner := Path(folder) / "jail").mkdir()
        with (Path(folder) / "fault").open("w+b") as fault:
            try:
                ran = subprocess.run(
                    [*command, str(inner)],
                    input=program.encode("utf-8", "replace"),
                    stdout=out,
                    stderr=fault,
                    env={},
                    timeout=seconds + _GRACE_S,
                    check=False,
                    start_new_session=True,
                )
            except subprocess.TimeoutExpired:
                return False, "", "too slow"
            out.seek(0)
            fault.seek(0)
            said, why = (f.read().decode("utf-8", "replace") for f in (out, fault))
            return ran.returncode == 0, said, why
