"""Which engine a command was asked for."""

from router.errors import TrainingError
from training.engine.base import Engine
from training.engine.local import Local
from training.engine.on_ray import OnRay


def engine_of(name: str, address: str | None, workers: int) -> Engine:
    """`local`, or `ray` with its address and, of one of its own, the number of processes.

    Raises MissingExtra without the extra `[ray]`, TrainingError for an address without Ray.
    """
    if name == "ray":
        return OnRay(address, workers)
    if address is not None:
        raise TrainingError("--address is that of a Ray cluster; add --engine ray.")
    return Local()
