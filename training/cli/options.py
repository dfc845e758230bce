"""What the commands of `python -m training` share: options, reading, progress, writing."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Annotated, Any

import typer
from rich.console import Console

from router.cli.console import stoppable
from router.cli.progress import shown
from router.errors import ArtifactError, RouterError
from router.registry import artifact as artifacts
from training.cli.engines import Where
from training.cli.lasting import Lasting
from training.data.dataset import Dataset, combined
from training.data.readers import read

console = Console(highlight=False)
_UNSAVED = "The version in use is as it was; the same command begins anew."

Data = Annotated[list[Path], typer.Option(help="Outcomes: a file or folder; may be repeated.")]
SkipBad = Annotated[bool, typer.Option("--skip-bad", help="Leave faulty rows out and count them.")]
Models = Annotated[Path, typer.Option(help="Folder of model versions.")]
Json = Annotated[Path | None, typer.Option("--json", help="Write the result to this file.")]
EngineName = Annotated[
    Where,
    typer.Option(help="All in memory; in pieces in this process; in pieces over Ray's."),
]
Seed = Annotated[int, typer.Option(help="Seed of folds and bootstraps.")]


class Steps:
    """Called with its name where a step begins; of a long one `counted` hears how far it is."""

    def __init__(self, lasting: Lasting) -> None:
        self._lasting = lasting

    def __call__(self, step: str) -> None:
        """A step of this name begins."""
        self._lasting.begun(step, monotonic())

    def counted(self, done: int, of: int) -> None:
        """So many of its parts are done."""
        self._lasting.counted(done, of)


@contextmanager
def steps() -> Iterator[Steps]:
    """Show the current step and how long the last run took from there; yields what names a step.

    Ctrl-C says that nothing was saved: versions are written whole, at the end.
    """
    lasting = Lasting.of_last_run(sys.argv, sys.stderr.isatty())
    with stoppable(_UNSAVED), shown(lambda: lasting.words(monotonic())):
        yield Steps(lasting)
        lasting.ended(monotonic())


def folder_of(name: str) -> Path:
    """The model folder that a path means; see `router.registry.artifact.locate`."""
    path = artifacts.locate(Path(name))
    if not path.is_dir():
        raise ArtifactError(f"{path} is no model folder; name one such as models/current.")
    return path


def read_all(paths: list[Path], skip_bad: bool) -> Dataset:
    """All given files and folders as one dataset."""
    datasets = [read(p, skip_bad=skip_bad) for p in paths]
    return datasets[0] if len(datasets) == 1 else combined(datasets)


def write_json(path: Path | None, value: Any) -> None:
    """Write `value` as JSON, if a path was given. Raises RouterError."""
    if path is None:
        return
    try:
        path.write_text(json.dumps(value, indent=2, default=str) + "\n")
    except OSError as error:
        raise RouterError(f"{path} could not be written ({error.strerror}).") from error
