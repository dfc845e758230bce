"""Features of what does not fit in memory, piece by piece: the first stage of a fit in pieces.

Apart from the others, as a process that makes features need not load what fits on them: that is a
third of its memory.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from router.errors import DataError
from router.text.features import FeatureExtractor
from training.data.pieces import Unit, frames
from training.data.stored import Stored, store
from training.engine.base import Engine
from training.fit import encoder as encoders
from training.fit.encoder import EncoderSource


def featurized(
    engine: Engine, folder: Path, found: Sequence[Unit], source: EncoderSource, skip_bad: bool
) -> list[Stored]:
    """Every unit's features in `folder`; those that are there already are left.

    Raises DataError where no row has a score, TrainingError.
    """
    encoder = folder / "encoder"
    encoders.write(source, encoder)
    paths = [folder / f"piece-{i:05}.safetensors" for i in range(len(found))]
    todo = [(str(path), unit) for path, unit in zip(paths, found, strict=True) if not path.exists()]
    make = partial(_featurizer, str(encoder), skip_bad)
    for _ in engine.map(make, todo):
        pass
    pieces = [Stored(str(path)) for path in paths]
    if not any(piece.about["prompts"] for piece in pieces):
        raise DataError("None of the rows that were named has a score; there is nothing to fit.")
    return pieces


def _featurizer(encoder: str, skip_bad: bool) -> Callable[[tuple[str, Unit]], int]:
    """What makes and keeps the features of a unit; the encoder is loaded once."""
    return partial(_featurize, encoders.extractor_in(Path(encoder)), skip_bad)


def _featurize(extractor: FeatureExtractor, skip_bad: bool, todo: tuple[str, Unit]) -> int:
    path, unit = todo
    piece = store(Path(path), frames(unit), unit.name, extractor, skip_bad=skip_bad)
    return int(piece.about["prompts"])
