"""Outcomes that do not fit in memory, in pieces: Parquet by row groups, a log by spans of time.

A unit is what one process reads at a time; it is read in frames of whole prompts, so that no more
than some thousand texts are in memory, whatever wrote the file.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

import pandas as pd
import pyarrow.parquet as pq
from pyarrow import ArrowException

from router.errors import DataError
from router.outcomes.database import open_database
from router.outcomes.export import outcomes
from router.outcomes.pieces import pieces
from router.outcomes.queries import extent, spans
from training.data.readers import SUFFIXES, as_rows, read_table
from training.engine.constants import FRAME_ROWS, UNIT_ROWS

_LOGS = ("sqlite:", "postgresql")


@dataclass(frozen=True, slots=True)
class Unit:
    """Rows that are read together.

    `place`: a file, or the address of a log. `first`, `last`: of Parquet the row groups from
    `first` up to `last`, of a log the Unix times; 0 for a file that is read as a whole. `mark`:
    changes when the file does.
    """

    place: str
    kind: Literal["file", "parquet", "log"]
    first: float = 0
    last: float = 0
    mark: str = ""

    @property
    def name(self) -> str:
        """For a message: which rows these are, without a password."""
        if self.kind == "file":
            return self.place
        if self.kind == "log":
            return f"the log from {self.first:.0f} to {self.last:.0f}"
        return f"{self.place} (row groups {self.first:.0f} to {self.last - 1:.0f})"


def is_log(place: str) -> bool:
    """Whether a place names a log's database rather than a file."""
    return place.startswith(_LOGS)


def units(places: Sequence[str | Path], rows: int = UNIT_ROWS) -> list[Unit]:
    """All of some files, folders and logs, in order, as units of about so many rows.

    Raises DataError, LogError.
    """
    found: list[Unit] = []
    for place in places:
        found += _of_log(str(place), rows) if is_log(str(place)) else _of_path(Path(place), rows)
    return found


def frames(unit: Unit, rows: int = FRAME_ROWS) -> Iterator[pd.DataFrame]:
    """The rows of a unit in frames of about so many, none of which divides a run of one prompt.

    Raises DataError, LogError.
    """
    if unit.kind == "file":
        yield as_rows(read_table(Path(unit.place)), unit.place)
        return
    batches = _of_groups(unit, rows) if unit.kind == "parquet" else _of_span(unit, rows)
    yield from _whole(batches)


def _of_path(path: Path, rows: int) -> list[Unit]:
    if not path.exists():
        raise DataError(f"{path} does not exist; name a file or folder of labelled outcomes.")
    if path.is_file():
        return _of_file(path, rows)
    if any(path.glob("*.prompts.parquet")):
        raise DataError(
            f"{path} has prompts and outcomes in files of their own; join them into rows first, "
            "or leave --engine out to fit in memory."
        )
    files = sorted(f for f in path.rglob("*") if f.suffix in SUFFIXES)
    if not files:
        raise DataError(f"{path} holds no .parquet, .jsonl or .csv file.")
    return [unit for file in files for unit in _of_file(file, rows)]


def _of_file(path: Path, rows: int) -> list[Unit]:
    stat = path.stat()
    mark = f"{stat.st_size} {stat.st_mtime_ns}"
    if path.suffix != ".parquet":
        return [Unit(str(path), "file", mark=mark)]
    with _opened(path) as file:
        sizes = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
    out, first, count = [], 0, 0
    for i, size in enumerate(sizes):
        if count and count + size > rows:
            out.append(Unit(str(path), "parquet", first, i, mark))
            first, count = i, 0
        count += size
    return [*out, Unit(str(path), "parquet", first, len(sizes), mark)] if count else out


def _opened(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except (ArrowException, OSError) as error:
        raise DataError(
            f"{path} could not be read as parquet ({type(error).__name__}); "
            "check that the file is complete."
        ) from error


def _of_groups(unit: Unit, rows: int) -> Iterator[pd.DataFrame]:
    groups = list(range(int(unit.first), int(unit.last)))
    with _opened(Path(unit.place)) as file:
        try:
            for batch in file.iter_batches(rows, row_groups=groups):
                yield as_rows(batch.to_pandas(), unit.place)
        except (ArrowException, OSError) as error:
            raise DataError(
                f"{unit.name} could not be read ({type(error).__name__}); the file is damaged."
            ) from error


def _of_log(url: str, rows: int) -> list[Unit]:
    engine = open_database(url)
    try:
        edges, mark = spans(engine, rows), str(extent(engine))
    finally:
        engine.dispose()
    return [Unit(url, "log", a, b, mark) for a, b in pairwise(edges)]


def _of_span(unit: Unit, rows: int) -> Iterator[pd.DataFrame]:
    engine = open_database(unit.place)
    try:
        for lot in pieces(outcomes(engine, since=unit.first, until=unit.last), rows):
            yield pd.DataFrame(lot)
    finally:
        engine.dispose()


def _whole(batches: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """The same rows, such that no prompt's run of rows is divided."""
    rest: pd.DataFrame | None = None
    for batch in batches:
        frame = batch if rest is None else pd.concat([rest, batch], ignore_index=True)
        if "prompt_id" not in frame:
            yield frame
            continue
        other = (frame["prompt_id"] != frame["prompt_id"].iloc[-1]).to_numpy().nonzero()[0]
        cut = int(other[-1]) + 1 if len(other) else 0
        rest = frame.iloc[cut:]
        if cut:
            yield frame.iloc[:cut]
    if rest is not None and len(rest):
        yield rest
