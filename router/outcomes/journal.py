"""The journal of one worker: rows on disk before their answers end, until the database has them.

A journal is a row of files, its segments. Only the worker that made a segment appends to it, and
holds it locked for as long as it lives; an unlocked one was left by a worker that died, and belongs
to whoever locks it next. A segment is removed once the database has all of it.
"""

import asyncio
import logging
import os
import sys
import threading
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path
from time import monotonic
from typing import Literal
from uuid import uuid4

from router.errors import JournalFull, LogError
from router.outcomes import frames
from router.outcomes.constants import (
    HEADROOM_BYTES,
    PIECE_BYTES,
    SEGMENT_BYTES,
    SEGMENT_S,
    SYNC_S,
)

_log = logging.getLogger("router.outcomes")
Sync = Literal["never", "second", "always"]
_ENDING = ".rows"
_fdatasync = getattr(os, "fdatasync", os.fsync)  # macOS has the latter alone


@dataclass(eq=False, slots=True)
class _Segment:
    """One file. `room`, `end`, `drained`, `synced`: bytes set aside, written, in the database, on
    the disk for sure.
    """

    path: Path
    file: FileIO
    room: int
    own: bool = True
    end: int = 0
    drained: int = 0
    synced: int = 0
    opened: float = field(default_factory=monotonic)

    @property
    def left(self) -> int:
        return self.room - self.end

    def remove(self) -> None:
        self.file.close()
        self.path.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Piece:
    """Entries that wait to be drained, in the order they were written."""

    entries: list[frames.Entry]
    segment: _Segment
    end: int
    damaged: int


@dataclass(frozen=True, slots=True)
class Behind:
    """How far the database is behind the journal: own rows, seconds, and bytes with those that dead
    workers left.
    """

    rows: int
    seconds: float
    bytes: int


class Journal:
    """Appends on the event loop, and gives what it holds to one thread that drains it.

    `sync`: when what was appended is forced to the disk. A killed process loses nothing with any of
    them; a machine that dies loses with "never" what the system had not written yet (half a minute
    on Linux), with "second" the last second, with "always" nothing. `limit_bytes`: most that may
    wait before requests are refused. Raises LogError if the folder cannot be used.
    """

    def __init__(self, folder: Path, sync: Sync = "second", limit_bytes: int = 2**30) -> None:
        self.folder, self._limit = folder, limit_bytes
        self._full = False
        self.damaged = 0
        self._written = self._drained = 0
        self._took_at = self._drained_at = monotonic()
        self._lock = threading.Lock()
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._current = self._made(SEGMENT_BYTES)
        except OSError as error:
            raise LogError(
                f"The journal in {folder} cannot be written ({error.strerror}); check log_url or "
                "journal_dir, the rights of the folder and the space on the disk."
            ) from error
        self._segments = deque([self._current])
        self._syncer = None if sync == "never" else _Syncer(sync)

    # On the event loop

    def admit(self) -> None:
        """Make sure that a request's row will have room. Raises JournalFull."""
        with self._lock:
            current = self._current
            old = current.end and monotonic() - current.opened > SEGMENT_S
            if self._full or old or current.left < HEADROOM_BYTES:
                held = sum(segment.room for segment in self._segments)
                if held + SEGMENT_BYTES > self._limit:
                    waiting = f"{self._limit / 2**20:g} MB wait for the database, see journal_mb"
                    raise self._refusal(waiting)
                self._turn(SEGMENT_BYTES)
                self._full = False

    def append(self, kind: str, row: dict[str, object]) -> "asyncio.Future[None] | None":
        """Write an entry. Raises JournalFull.

        Gives what to wait for before the entry is on disk as `sync` promises, if anything.
        """
        frame = frames.framed(kind, row)
        with self._lock:
            if len(frame) > self._current.left:
                self._turn(max(SEGMENT_BYTES, len(frame) + HEADROOM_BYTES))
            current = self._current
            try:
                current.file.seek(current.end)
                whole = current.file.write(frame) == len(frame)
            except OSError as error:
                raise self._refusal(_cause(error)) from error
            if not whole:
                raise self._refusal("the disk is full")
            current.end += len(frame)
            self._written += 1
        return self._syncer.noticed(current) if self._syncer else None

    def turn(self) -> None:
        """Begin another segment, so that the one before goes as soon as it is drained."""
        with self._lock:
            if self._current.end:
                self._turn(SEGMENT_BYTES)

    def _turn(self, room: int) -> None:
        try:
            self._current = self._made(room)
        except OSError as error:
            raise self._refusal(_cause(error)) from error
        self._segments.append(self._current)

    def _made(self, room: int) -> _Segment:
        """A new segment, its room on the disk set aside."""
        path = self.folder / f"{uuid4().hex}{_ENDING}"
        file = FileIO(path, "x+b", opener=_private)
        if not _held(path, file):  # somebody took it for a dead worker's, between two calls
            file.close()
            return self._made(room)
        try:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, room)
        except OSError:
            file.close()
            path.unlink(missing_ok=True)
            raise
        return _Segment(path, file, room)

    def _refusal(self, why: str) -> JournalFull:
        if not self._full:
            _log.error("The journal of the outcome log takes no more (%s).", why)
        self._full = True
        return JournalFull(
            f"The journal in which answers are noted takes no more ({why}); make room on the disk "
            "or see why the database takes no rows."
        )

    # In the thread that drains

    def adopt(self) -> int:
        """Take over the segments of dead workers, to be drained first; how many."""
        found = []
        for path in self.folder.glob(f"*{_ENDING}"):
            try:
                file = FileIO(path, "r+b")
            except OSError:  # gone, or another user's
                continue
            if not _held(path, file):
                file.close()
                continue
            size = path.stat().st_size
            found.append(_Segment(path, file, size, own=False, end=size, synced=size))
        found.sort(key=lambda segment: segment.path.stat().st_mtime_ns, reverse=True)
        with self._lock:
            self._segments.extendleft(found)
        return len(found)

    def take(self) -> Piece | None:
        """The next entries that wait; None if none do. Raises LogError."""
        self._took_at = monotonic()
        while (segment := self._first()) is not None:
            data = self._read(segment)
            found = frames.read(data)
            if found.end:
                return Piece(found.entries, segment, segment.drained + found.end, found.damaged)
            if data.strip(b"\0"):
                _log.warning("A journal ends in a row cut off by a crash; its answer never ended.")
            segment.drained = segment.end
        return None

    def done(self, piece: Piece) -> None:
        """Forget entries that the database has now."""
        piece.segment.drained = piece.end
        self._drained += len(piece.entries) if piece.segment.own else 0
        self._drained_at = self._took_at
        if piece.damaged:
            self.damaged += piece.damaged
            _log.error("A journal is damaged in %d places; the rows there are lost.", piece.damaged)

    @property
    def behind(self) -> Behind:
        """How far the database is behind."""
        waiting = sum(segment.end - segment.drained for segment in tuple(self._segments))
        seconds = monotonic() - self._drained_at if waiting else 0.0
        return Behind(max(self._written - self._drained, 0), seconds, waiting)

    def close(self) -> None:
        """Leave what is not drained to the next worker."""
        if self._syncer:
            self._syncer.close()
        with self._lock:
            for segment in self._segments:
                if segment.drained == segment.end:
                    segment.remove()
                segment.file.close()

    def _first(self) -> _Segment | None:
        """The first segment with something to drain; those that have nothing any more go."""
        while (first := self._segments[0]).drained == first.end:
            with self._lock:  # it may have grown in the meantime, and another one be current
                if first.drained < first.end:
                    break
                if first is self._current:
                    self._drained_at = self._took_at
                    return None
                self._segments.popleft()
            first.remove()
        return first

    def _read(self, segment: _Segment) -> bytes:
        """The next piece of a segment, with at least one whole frame if there is one."""
        whole = segment.end - segment.drained
        try:
            with segment.path.open("rb") as file:
                file.seek(segment.drained)
                data = file.read(min(PIECE_BYTES, whole))
                while len(data) < whole and not frames.read(data).end:
                    data += file.read(min(len(data), whole - len(data)))
                return data
        except OSError as error:
            raise LogError(f"The journal cannot be read ({error.strerror}).") from error


class _Syncer:
    """Forces what was appended to the disk, in a thread of its own: many appends share one call."""

    def __init__(self, sync: Sync) -> None:
        self._always = sync == "always"
        self._lock = threading.Lock()
        self._asked, self._ended = threading.Event(), threading.Event()
        self._dirty: set[_Segment] = set()
        self._waiting: list[asyncio.Future[None]] = []
        self._thread = threading.Thread(target=self._run, name="journal-sync", daemon=True)
        self._thread.start()

    def noticed(self, segment: _Segment) -> "asyncio.Future[None] | None":
        """A segment has grown; the future is done when that is on the disk, if it must be."""
        if not self._always and segment in self._dirty:
            return None
        made = asyncio.get_running_loop().create_future() if self._always else None
        with self._lock:
            self._dirty.add(segment)
            if made is not None:
                self._waiting.append(made)
        self._asked.set()
        return made

    def close(self) -> None:
        """Sync a last time and stop."""
        self._ended.set()
        self._asked.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.is_set():
            self._asked.wait()
            self._asked.clear()
            if not self._always:
                self._ended.wait(SYNC_S)
            with self._lock:
                dirty, self._dirty = self._dirty, set()
                waiting, self._waiting = self._waiting, []
            for segment in dirty:
                self._sync(segment)
            for future in waiting:
                with suppress(RuntimeError):  # its loop is closed; nobody waits any more
                    future.get_loop().call_soon_threadsafe(_done, future)

    def _sync(self, segment: _Segment) -> None:
        try:
            if not segment.synced:
                _sync_folder(segment.path.parent)
            end = segment.end
            _fdatasync(segment.file.fileno())
            segment.synced = end
        except ValueError:  # closed: drained in the meantime
            return
        except OSError as error:
            _log.error("The journal could not be forced to the disk (%s).", error.strerror)


def _done(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)


def _sync_folder(folder: Path) -> None:
    """So that a new file's name outlives the machine too."""
    if sys.platform != "win32":
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


def _cause(error: OSError) -> str:
    return str(error.strerror)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _held(path: Path, file: FileIO) -> bool:
    """Lock a file until it is closed or its process ends; false if it is another's, or gone."""
    try:
        _lock(file)
    except OSError:
        return False
    return path.exists()


if sys.platform == "win32":
    import msvcrt

    def _lock(file: FileIO) -> None:
        file.seek(2**40)  # beyond all that is read
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        file.seek(0)
else:
    import fcntl

    def _lock(file: FileIO) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
