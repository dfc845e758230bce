"""What a worker was told by the supervisor that started it, and what it tells back."""

import json
import os
import socket
import sys
from dataclasses import asdict, dataclass
from typing import Any, Self

from router.gateway.listening import bound

_TOLD = "_ROUTER_WORKER"  # in the environment; no setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """One of the processes that answer at one address.

    `number`: from 0. `listening`, `supervisor`: file descriptors of a socket that has the address,
    and of one whose other end is closed when the supervisor ends. `given`: settings that were given
    on its command line.
    """

    number: int
    listening: int
    supervisor: int
    given: dict[str, Any]

    @classmethod
    def told(cls) -> Self | None:
        """What this process was told; None if no supervisor started it."""
        told = os.environ.get(_TOLD)
        return cls(**json.loads(told)) if told else None

    def environment(self) -> dict[str, str]:
        """What a process needs in its environment to be this worker."""
        return {_TOLD: json.dumps(asdict(self))}

    def listener(self) -> socket.socket:
        """The socket that clients connect to.

        On Linux one of its own at the same address: where all wait at one socket, the first to wake
        takes most connections, and clients keep them. Elsewhere the supervisor's.
        """
        supervisors = socket.socket(fileno=self.listening)
        if sys.platform != "linux":
            return supervisors
        with supervisors:
            host, port = supervisors.getsockname()[:2]
        return bound(host, port, shared=True)


class Line:
    """A worker's line to its supervisor."""

    def __init__(self, worker: Worker) -> None:
        self._socket = socket.socket(fileno=worker.supervisor)

    def serving(self) -> None:
        """Say that requests are answered from now on."""
        try:
            self._socket.send(b"!")
        except OSError:  # it has ended; whoever listens to the line hears of that
            return

    def fileno(self) -> int:
        """Readable once the supervisor has ended: it never says anything."""
        return self._socket.fileno()
