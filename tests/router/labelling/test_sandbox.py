"""A model's code against its jail: what it does anywhere else, it cannot do there."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from router.errors import NoSandbox
from router.labelling.probes import sandbox
from router.labelling.probes.checks import passed
from router.labelling.probes.sandbox import passes

pytestmark = pytest.mark.servers
confined = pytest.mark.skipif(bool(sandbox.missing()), reason=sandbox.missing() or "not needed")

# Each ends well only where it reached something. {home} is a folder with a secret, {port} where
# somebody listens, {process} a process of the user's.
ATTACKS = {
    "reads a file of the user": "assert open('{home}/secret').read() == 'tower'",
    "reads the list of users": "assert 'root' in open('/etc/passwd').read()",
    "lists the user's home": "import os; assert 'secret' in os.listdir('{home}')",
    "reads the user's environment": "import os; assert os.environ['HX_KEY'] == 'sk-secret'",
    "reads another process's environment": (
        "assert b'HX_KEY' in open('/proc/{process}/environ', 'rb').read()"
    ),
    "connects to loopback": (
        "import socket; socket.create_connection(('127.0.0.1', {port}), timeout=2)"
    ),
    "connects by a socket file": (
        "import socket; socket.socket(socket.AF_UNIX).connect('{home}/socket')"
    ),
    "connects by an abstract socket": (
        "import socket; socket.socket(socket.AF_UNIX).connect('\\0hx-{port}')"
    ),
    "writes a file of the user": "open('{home}/left', 'w').write('here')",
    "deletes a file of the user": "import os; os.remove('{home}/other')",
    "forks": "import os\nif os.fork() == 0: os._exit(0)",
    "starts a program": "import subprocess; subprocess.run(['/usr/bin/env'], check=True)",
    "starts a thread": "import threading; threading.Thread(target=print).start()",
    "stops a process of the user": "import os; os.kill({process}, 19); os.kill({process}, 18)",
    "fills the disk": (
        "for i in range(64):\n with open('/tmp/hx-%d' % i, 'wb') as f: f.write(bytes(2**18))"
    ),
    "takes a gigabyte": "x = bytearray(2**30)",
    "sees the machine's name": "import os; assert os.uname().nodename == '{host}' != ''",
}
# Each tries to get rights or out; where it can, it would do harm, so nothing runs it outside.
BREAKOUTS = {
    "makes namespaces": "assert libc.unshare(0x10000000) == 0",
    "mounts": "assert libc.mount(b'x', b'/tmp', b'tmpfs', 0, None) == 0",
    "sees processes by mounting": (
        "import os; os.mkdir('/tmp/p'); assert libc.mount(b'p', b'/tmp/p', b'proc', 0, None) == 0"
    ),
    "makes what is fixed writable": "assert libc.mount(b'', b'/usr', None, 0x1020, None) == 0",
    "changes its root": "import os; os.chroot('/tmp')",
    "becomes root": "import os; os.setuid(0)",
    "makes a device": "import os, stat; os.mknod('/tmp/d', stat.S_IFBLK | 0o600, 0x801)",
    "traces its parent": "import os; assert libc.ptrace(0x4206, os.getppid(), 0, 0) == 0",
    "raises its limits": ("import resource\nresource.setrlimit(resource.RLIMIT_NPROC, (99, 99))"),
    "writes where programs are": (
        "import os, sys\nfor p in ['/', '/usr', '/usr/lib', '/etc', '/root', *sys.path]:\n"
        " try: open(p + '/hx', 'w')\n except OSError: continue\n else: break\n"
        "else: raise SystemExit(1)"
    ),
}
CTYPES = "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\n"


@pytest.fixture
def attack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, object]]:
    """What attacks aim at, all of it really there."""
    (tmp_path / "secret").write_text("tower")
    (tmp_path / "other").write_text("x")
    monkeypatch.setenv("HX_KEY", "sk-secret")
    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        socket.socket(socket.AF_UNIX) as at_file,
        socket.socket(socket.AF_UNIX) as abstract,
        subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process,
    ):
        port = listening.getsockname()[1]
        at_file.bind(str(tmp_path / "socket"))
        abstract.bind(f"\0hx-{port}")
        at_file.listen(), abstract.listen()
        yield {
            "home": tmp_path,
            "port": port,
            "process": process.pid,
            "host": os.uname().nodename,
        }
        process.kill()


@confined
@pytest.mark.parametrize("name", ATTACKS)
def test_what_works_outside_does_not_work_inside(
    attack: dict[str, object], tmp_path: Path, name: str
) -> None:
    code = ATTACKS[name].format(**attack)
    before = sorted(p.name for p in tmp_path.iterdir())
    assert not passes(code, "")
    assert sorted(p.name for p in tmp_path.iterdir()) == before
    outside = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60)
    for path in Path("/tmp").glob("hx-*"):
        path.unlink()
    assert outside.returncode == 0, outside.stderr


@confined
@pytest.mark.parametrize("name", BREAKOUTS)
def test_no_rights_are_had(name: str) -> None:
    assert not passes(CTYPES + BREAKOUTS[name], "")


@confined
@pytest.mark.parametrize(
    "code",
    [
        "while True: pass",
        "while True: print('x' * 10**6)",
        "x = []\nwhile True: x.append('x' * 10**7)",
        "import sys; sys.exit(0)",
        "import os; os._exit(0)",
        "print('done'); raise SystemExit",
        "raise KeyboardInterrupt",
        "import os, signal; os.kill(os.getppid(), signal.SIGINT); signal.pause()",
        "import os, signal; os.kill(os.getppid(), signal.SIGALRM); signal.pause()",
    ],
)
def test_code_that_misbehaves_fails(code: str) -> None:
    assert not passes(code, "", seconds=1)


@confined
def test_who_kills_all_it_sees_kills_nobody_else() -> None:
    code = "import os\nfor p in (1, os.getppid(), -1):\n try: os.kill(p, 9)\n except OSError: pass"
    assert passes(code, "assert os.getpid() > 1")  # its parent is still there to say so


@confined
def test_who_hides_from_the_end_is_ended() -> None:
    """It leaves its session, outlives its parent and sleeps for longer than it has."""
    name = f"hx{os.getpid()}"
    hiding = (
        f"import os, signal, time\nlibc.prctl(15, b'{name}')\nlibc.prctl(1, 0)\n"
        "for s in range(1, 32):\n try: signal.signal(s, signal.SIG_IGN)\n except OSError: pass\n"
        "try: os.setsid()\nexcept OSError: pass\ntime.sleep(600)"
    )
    assert not passes(CTYPES + hiding, "", seconds=1)
    names = []
    for path in Path("/proc").glob("[0-9]*/comm"):
        try:
            names.append(path.read_text().strip())
        except OSError:
            continue  # it ended meanwhile
    assert names and name not in names


@confined
def test_a_program_has_a_place_of_its_own_that_is_gone_afterwards() -> None:
    write = "open('/tmp/note', 'w').write('x' * 1000)"
    assert passes(write, "assert len(open('/tmp/note').read()) == 1000")
    assert passes("import os", "assert os.listdir('/tmp') == [] and os.getcwd() == '/tmp'")


@confined
def test_programs_have_the_library_of_python() -> None:
    modules = "collections, dataclasses, datetime, decimal, fractions, heapq, itertools, json, math"
    assert passes(f"import {modules}, random, re, string, statistics, sqlite3", "assert random")


@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("python3", path="/usr/bin") or bool(sandbox.missing()),
    reason="only root can be another user as well; run the tests as root to see both",
)
def test_a_user_without_rights_has_the_same_jail(
    attack: dict[str, object], tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    open_folder = Path("/var/tmp") / f"hx-{os.getpid()}"
    open_folder.mkdir(mode=0o777)
    try:
        jail = shutil.copy(sandbox._JAIL, open_folder)
        (open_folder / "in").mkdir()
        for name, code in {"runs": "print(1)", **ATTACKS, **BREAKOUTS}.items():
            given = CTYPES + (code if name in BREAKOUTS else code.format(**attack))
            ran = subprocess.run(
                ["/usr/bin/python3", "-I", "-S", "-B", jail, "5", str(open_folder / "in")],
                input=given.encode(),
                capture_output=True,
                user=65533,
                group=65533,
                extra_groups=[],
                env={},
            )
            assert (ran.returncode == 0) == (name == "runs"), (name, ran.stderr)
    finally:
        shutil.rmtree(open_folder)


def test_without_a_sandbox_nothing_is_run_and_a_sentence_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = tmp_path / "jail.py"
    refused.write_text("raise PermissionError(1, 'Operation not permitted', 'unshare')\n")
    monkeypatch.setattr(sandbox, "_JAIL", refused)
    sandbox.missing.cache_clear()
    try:
        with pytest.raises(NoSandbox, match=r"\(.*unshare.*\); let this user make user namespaces"):
            passed({"type": "code", "tests": ""}, "open('/tmp/never', 'w')")
        monkeypatch.setattr(sys, "platform", "darwin")
        sandbox.missing.cache_clear()
        assert sandbox.missing().endswith("on darwin; run this on Linux.")
    finally:
        sandbox.missing.cache_clear()
