"""Which engine a command was asked for, or a log is read by where none was named."""

from router.errors import TrainingError
from training.engine.base import Engine
from training.engine.constants import MEMORY_REQUESTS
from training.engine.local import Local
from training.engine.on_ray import OnRay


def engine_for(requests: int) -> str:
    """`memory` or `local`, by the number of requests of a log.

    >>> engine_for(500), engine_for(1_000_000)
    ('memory', 'local')
    """
    return "memory" if requests < MEMORY_REQUESTS else "local"


def check_address(name: str, address: str | None) -> None:
    """Refuse an address that an engine of this name would not go to. Raises TrainingError."""
    if address is not None and name != "ray":
        raise TrainingError("--address is that of a Ray cluster; add --engine ray.")


def engine_of(name: str, address: str | None, workers: int) -> Engine:
    """`local`, or `ray` with its address and, of one of its own, the number of processes.

    Raises MissingExtra without the extra `[ray]`, TrainingError for an address without Ray.
    """
    check_address(name, address)
    return OnRay(address, workers) if name == "ray" else Local()
