"""What commands that work in pieces are told of where: options, and the engine they mean.

What is heavy is imported when a command runs.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from training.engine.base import Engine

Where = Literal["memory", "local", "ray"]
Address = Annotated[
    str | None, typer.Option(help="Of a Ray cluster, auto for this machine's; default: a new one.")
]


@contextmanager
def spread(name: str, address: str | None, workers: int) -> Iterator["Engine"]:
    """An engine by its name, whose processes end with the block."""
    from training.engine.choose import engine_of

    engine = engine_of(name, address, workers)
    try:
        yield engine
    finally:
        engine.close()
