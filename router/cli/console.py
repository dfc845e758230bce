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
        print(f"Error: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    except BrokenPipeError:
        raise SystemExit(0) from None
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        raise SystemExit(130) from None


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
