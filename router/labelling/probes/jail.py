"""What stands between a model's code and this machine; a program of its own, for Linux.

`python jail.py SECONDS FOLDER` reads a Python program from its standard input and runs it, with its
standard output, in namespaces of its own: no network, no process but its own, and of the files only
the system's programs and Python's, which nobody can change there; 1 MB of its own in /tmp. The
kernel ends all of it after SECONDS. What it costs to get in is paid by three processes:

    outer  makes the namespaces, and waits
    first  is the process 1 of the new ones: builds the file system, ends everything in time
    last   gives up every right, takes its limits, becomes the program

`first` has rights that `last` lacks, so that `last` can neither stop nor trace it. FOLDER is an
empty folder, where the new file system is built. Needs nothing installed, and no rights, but a
kernel that lets this user make user namespaces; otherwise it ends with a sentence that says what
is refused. What it cannot keep out is a fault of the kernel itself.

Reference: namespaces(7), user_namespaces(7), mount_namespaces(7), pivot_root(2), capabilities(7).
"""

import ctypes
import os
import resource
import signal
import sys
from collections.abc import Iterable
from pathlib import Path
from types import FrameType

MEMORY = 512 * 2**20  # chosen: bytes; Python with its library takes a tenth
FILE = 2**20  # chosen: bytes of a file, and of all in /tmp
NOBODY = 65534  # the kernel's number for a user who owns nothing
# What a program needs to start: libraries and Python. Homes, settings, sockets are not among it.
_SYSTEM = ("/usr", "/lib", "/lib32", "/lib64", "/nix/store", "/etc/ld.so.cache")
# Nothing of this environment, no site packages, no bytecode, the program from standard input.
_PYTHON = ("-I", "-S", "-B", "-")
_LIMITS = {
    resource.RLIMIT_AS: MEMORY,
    resource.RLIMIT_FSIZE: FILE,
    resource.RLIMIT_NPROC: 1,  # itself: no further process, no thread
    resource.RLIMIT_NOFILE: 64,
    resource.RLIMIT_CORE: 0,
    resource.RLIMIT_MEMLOCK: 0,
    resource.RLIMIT_MSGQUEUE: 0,
}
# <sched.h>, <sys/mount.h>, <linux/prctl.h>. New: users, mounts, processes, network, IPC, host name.
_NEW = 0x10000000 | 0x00020000 | 0x20000000 | 0x40000000 | 0x08000000 | 0x04000000
_READ_ONLY, _NO_SUID, _NO_DEVICES, _REMOUNT, _BIND, _ALL_BELOW, _PRIVATE = (
    *(0x1, 0x2, 0x4, 0x20, 0x1000, 0x4000),
    0x40000,
)
_DETACH = 2
_DIE_WITH_PARENT, _DROP_RIGHT, _NO_NEW_RIGHTS = 1, 24, 38
# Flags that an outer mount may have and an inner one must keep: by statvfs(3) and by mount(2).
_KEPT = {os.ST_NOEXEC: 0x8, os.ST_NOATIME: 0x400, os.ST_NODIRATIME: 0x800, os.ST_RELATIME: 1 << 21}


def main(seconds: int, folder: Path) -> int:
    """The exit code of the program. Raises OSError where the kernel refuses a step."""
    user, group = os.getuid(), os.getgid()
    made, known = os.pipe(), os.pipe()
    outer = os.fork()
    if outer == 0:
        os.close(made[0])
        os.close(known[1])
        _inside(made[1], known[0], seconds, folder, root=user == 0)
    os.close(made[1])
    os.close(known[0])
    if os.read(made[0], 1):  # else it failed, and said why
        _name_users(outer, user, group)
        os.write(known[1], b"1")
    return os.waitstatus_to_exitcode(os.waitpid(outer, 0)[1])


def _name_users(process: int, user: int, group: int) -> None:
    """Who is who in the new namespace. Only root can lend it a second user, who owns nothing."""
    maps = {"uid_map": f"{NOBODY} {user} 1", "gid_map": f"{NOBODY} {group} 1"}
    if user == 0:
        maps = dict.fromkeys(maps, f"0 0 1\n{NOBODY} {NOBODY} 1")
    else:
        maps = {"setgroups": "deny", **maps}
    for name, content in maps.items():
        Path(f"/proc/{process}/{name}").write_text(content)


def _inside(made: int, known: int, seconds: int, folder: Path, root: bool) -> None:
    """Become the outer process, and never return."""
    _call("prctl", _DIE_WITH_PARENT, signal.SIGKILL, 0, 0, 0)
    _call("unshare", _NEW)
    os.write(made, b"1")
    if not os.read(known, 1):
        os._exit(1)
    first = os.fork()
    if first:
        os._exit(os.waitstatus_to_exitcode(os.waitpid(first, 0)[1]) & 0xFF)
    _call("prctl", _DIE_WITH_PARENT, signal.SIGKILL, 0, 0, 0)
    python = _build(folder)
    signal.signal(signal.SIGALRM, _out_of_time)
    signal.alarm(seconds)
    last = os.fork()
    if last:
        # When the process 1 ends the kernel kills whatever is left of the others.
        os._exit(os.waitstatus_to_exitcode(os.waitpid(last, 0)[1]) & 0xFF)
    _give_up(root)
    for what, most in {**_LIMITS, resource.RLIMIT_CPU: seconds}.items():
        resource.setrlimit(what, (most, most))
    os.execve(python, (python, *_PYTHON), {})


def _out_of_time(number: int, frame: FrameType | None) -> None:
    os._exit(1)


def _build(folder: Path) -> str:
    """Make a file system in `folder` and move into it; returns where Python is in it."""
    Path("/proc/sys/user/max_user_namespaces").write_text("0")  # no rights by namespaces within
    python = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    prefixes = (Path(p).resolve() for p in (sys.base_prefix, sys.base_exec_prefix))
    _call("sethostname", b"jail", 4)
    _call("mount", b"none", b"/", None, _ALL_BELOW | _PRIVATE, None)
    _mount("tmpfs", folder, "size=64k,nr_inodes=256,mode=755")
    for path in _outermost((*map(Path, _SYSTEM), *prefixes, python.parent)):
        _show(path, folder / path.relative_to("/"))
    for place in _mounts_below(folder):
        _fix(place)
    (folder / "tmp").mkdir()
    _mount("tmpfs", folder / "tmp", f"size={FILE},nr_inodes=256,mode=777")
    _fix(folder)
    os.chdir(folder)
    _call("pivot_root", b".", b".")
    _call("umount2", b".", _DETACH)
    os.chdir("/tmp")
    return str(python)


def _outermost(paths: Iterable[Path]) -> list[Path]:
    """Those that exist and are not below another of them."""
    out: list[Path] = []
    for path in sorted({p for p in paths if p.exists()}):
        if not any(path.is_relative_to(other) for other in out):
            out.append(path)
    return out


def _show(path: Path, target: Path) -> None:
    """Let `path` be seen at `target`: a link as a link, all else as itself."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if path.is_symlink():
        target.symlink_to(path.readlink())
        return
    if path.is_dir():
        target.mkdir(exist_ok=True)
    else:
        target.touch()
    _call("mount", bytes(path), bytes(target), None, _BIND | _ALL_BELOW, None)


def _mounts_below(folder: Path) -> list[Path]:
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    places = (Path(line.split(" ")[4].encode().decode("unicode_escape")) for line in lines)
    return [place for place in places if folder in place.parents]


def _fix(place: Path) -> None:
    """Nobody changes anything here, or gets rights or devices from it."""
    has = os.statvfs(place).f_flag
    flags = _REMOUNT | _BIND | _READ_ONLY | _NO_SUID | _NO_DEVICES
    for told, flag in _KEPT.items():
        flags |= flag if has & told else 0
    _call("mount", b"none", bytes(place), None, flags, None)


def _mount(kind: str, place: Path, options: str) -> None:
    flags = _NO_SUID | _NO_DEVICES
    _call("mount", kind.encode(), bytes(place), kind.encode(), flags, options.encode())


def _give_up(root: bool) -> None:
    """Every right, for good; those that are still held go with exec."""
    if root:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
    right = 0
    while _LIBC.prctl(_DROP_RIGHT, right, 0, 0, 0) == 0:
        right += 1
    os.setresuid(NOBODY, NOBODY, NOBODY)
    _call("prctl", _NO_NEW_RIGHTS, 1, 0, 0, 0)


_LIBC = ctypes.CDLL(None, use_errno=True)


def _call(name: str, *given: object) -> None:
    """A call of the C library. Raises OSError with the call's name."""
    if getattr(_LIBC, name)(*given) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), name)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), Path(sys.argv[2]).resolve()))
