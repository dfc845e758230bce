"""What both command lines share: one sentence on failure, never a traceback."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer

from router.errors import MissingExtra, RouterError

_TRAINING = ("mlflow", "pandas", "scipy", "sklearn", "matplotlib", "joblib", "pyarrow")


def run(app: typer.Typer) -> None:
    """Run a command line; a RouterError becomes one sentence on stderr and exit code 1."""
    guarded(app)


def guarded(call: Callable[[], object]) -> None:
    """Call, turning expected failures into a sentence and an exit code."""
    try:
        call()
    except RouterError as error:
        print(f"Error: {error}" + (f" (see {error.page})" if error.page else ""), file=sys.stderr)
        raise SystemExit(1) from None
    except BrokenPipeError:
        raise SystemExit(0) from None
    except Stopped as stop:
        print(f"Stopped. {stop}", file=sys.stderr)
        raise SystemExit(130) from None
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        raise SystemExit(130) from None


class Stopped(Exception):
    """Ctrl-C, with what is kept in a sentence: typer ends at a KeyboardInterrupt without a word."""


@contextmanager
def stoppable(kept: str) -> Iterator[None]:
    """Where Ctrl-C ends the block, let the last line say what is kept of it, in a sentence."""
    try:
        yield
    except KeyboardInterrupt:
        raise Stopped(kept) from None


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Turn a package missing in the block into the sentence that names the extra."""
    try:
        yield
    except MissingExtra:
        raise
    except ModuleNotFoundError as error:
        of_training = (error.name or "").split(".")[0] in _TRAINING
        raise MissingExtra(str(error.name), "training" if of_training else name) from error
