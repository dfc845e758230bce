"""What commands that work in pieces are told of where: options, and the engine they mean.

What is heavy is imported when a command runs.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from router.errors import TrainingError
from training.engine.constants import RAY_PROCESSES

if TYPE_CHECKING:
    from training.engine.base import Engine
    from training.run import Over, SpreadOver

Where = Literal["memory", "local", "ray"]
Chosen = Literal["auto", "memory", "local", "ray"]
Address = Annotated[
    str | None, typer.Option(help="Of a Ray cluster, auto for this machine's; default: a new one.")
]


def check_heeded(engine: str, *, address: str | None, jobs: int | None, work: Path | None) -> None:
    """Refuse options that an engine would pass over in silence. Raises TrainingError."""
    from training.engine.choose import check_address

    check_address(engine, address)
    if jobs is not None and engine != "ray":
        raise TrainingError("--jobs is how many processes a new Ray has; add --engine ray.")
    if jobs is not None and address is not None:
        raise TrainingError("--jobs is of a new Ray, --address of one that runs; leave one out.")
    if work is not None and engine == "memory":
        raise TrainingError("--work is a folder for pieces; add --engine local or --engine ray.")


@contextmanager
def spread(name: str, address: str | None, workers: int) -> Iterator["Engine"]:
    """An engine by its name, whose processes end with the block."""
    from training.engine.choose import engine_of

    engine = engine_of(name, address, workers)
    try:
        yield engine
    finally:
        engine.close()


@contextmanager
def over_log(
    name: str, address: str | None, jobs: int | None, work: Path | None
) -> Iterator["Over"]:
    """Gives an engine for a log, and a folder for what it leaves; both end with the block.

    `name`: that of an engine, or `auto` for one by the number of requests.
    """
    from training.engine.choose import engine_for

    with ExitStack() as stack:

        def over(requests: int) -> "SpreadOver | None":
            which = engine_for(requests) if name == "auto" else name
            if which == "memory":
                return None
            engine = stack.enter_context(spread(which, address, jobs or RAY_PROCESSES))
            own = stack.enter_context(TemporaryDirectory(prefix="router-pieces-"))
            return engine, work or Path(own)

        yield over
