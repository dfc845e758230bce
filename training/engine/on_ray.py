"""Over the processes of a Ray cluster, on this machine or on several (extra `[ray]`).

Two of Ray's ways are used. Features are made by Ray Data, which keeps a pool of actors with one
encoder each and starts an actor anew that died. The sums of a fit are many short rounds of the same
work, for which Ray Data would start a pool each time: they are plain tasks. Text never goes through
Ray's store: a process reads its own piece and writes its own features, so that memory is what one
piece takes, and what comes back are summaries.
"""

import logging
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from router.errors import MissingExtra, TrainingError
from training.engine.base import Piece, Result, Shared
from training.engine.constants import KNOCK_S, STORE_BYTES


class OnRay:
    """See `training.engine.base.Engine`.

    `address`: of a running cluster, `auto` for the one of this machine; None starts one of
    `workers` processes, which `close` ends. Raises MissingExtra without the extra `[ray]`,
    TrainingError where there is no cluster.
    """

    name = "ray"

    def __init__(self, address: str | None = None, workers: int = 2) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        os.environ.setdefault("RAY_worker_niceness", "0")  # else 15: on a busy machine, for ever
        try:
            import ray
        except ImportError as error:
            raise MissingExtra("ray", "ray") from error
        self._ray, self.workers = ray, workers
        self._started = not ray.is_initialized()
        own: dict[str, Any] = {
            "num_cpus": workers,
            "object_store_memory": STORE_BYTES,
            "include_dashboard": False,
        }
        try:
            _knock(address)
            if self._started:
                ray.init(
                    address=address or "local",
                    logging_level=logging.ERROR,
                    log_to_driver=False,
                    **({} if address else own),
                )
        except (OSError, RuntimeError, ValueError) as error:
            where = f"at {address}" if address else "of its own"
            raise TrainingError(
                f"Ray {where} could not be used ({type(error).__name__}); start one with "
                "`ray start --head`, or leave --address out."
            ) from error
        if address:
            found: dict[str, float] = ray.cluster_resources()
            self.workers = max(int(found.get("CPU", workers)), 1)

    def map(
        self, make: Callable[[], Callable[[Piece], Result]], pieces: Sequence[Piece]
    ) -> Iterator[Result]:
        """See `Engine.map`."""
        if not pieces:
            return
        import ray.data

        logging.getLogger("ray.data").setLevel(logging.ERROR)
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        every = list(pieces)
        rows = ray.data.from_items(
            [{"at": i} for i in range(len(every))], override_num_blocks=len(every)
        )
        pool = ray.data.ActorPoolStrategy(size=min(self.workers, len(every)))
        done = rows.map_batches(
            _Actor,
            fn_constructor_args=(make, every),
            batch_size=1,
            compute=pool,
            num_cpus=1,
        )
        for row in done.iter_rows():
            yield row["result"]

    def apply(
        self,
        function: Callable[[Shared, Piece], Result],
        shared: Shared,
        pieces: Sequence[Piece],
    ) -> Iterator[Result]:
        """See `Engine.apply`."""
        task = self._ray.remote(function).options(num_cpus=1, max_retries=-1)
        sent = self._ray.put(shared)
        for one in [task.remote(sent, piece) for piece in pieces]:
            yield self._ray.get(one)

    def close(self) -> None:
        """See `Engine.close`."""
        if self._started:
            self._ray.shutdown()


def _knock(address: str | None) -> None:
    """See that somebody listens at HOST:PORT: Ray itself would wait for minutes. Raises OSError."""
    host, _, port = (address or "").removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), KNOCK_S).close()


class _Actor:
    """What one process of the pool holds: the function, with all that it had to load."""

    def __init__(self, make: Callable[[], Callable[[Any], Any]], pieces: Sequence[Any]) -> None:
        self._function, self._pieces = make(), pieces

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        import numpy as np

        out = np.empty(len(batch["at"]), dtype=object)
        for i, at in enumerate(batch["at"]):
            out[i] = self._function(self._pieces[int(at)])
        return {"result": out}
