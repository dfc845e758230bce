"""The static encoder: distilled once from a SentenceTransformer, then carried by every model."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from router.errors import MissingExtra, TrainingError
from router.registry import artifact as artifacts
from router.text.features import (
    FeatureExtractor,
    SentenceTransformerEncoder,
    StaticEncoder,
    resolve_transformer,
)
from training.fit.constants import ENCODER_DIMENSIONS


@dataclass(frozen=True)
class EncoderSource:
    """What an artifact carries of its encoder: description, packed vectors, tokenizer."""

    description: dict[str, Any]
    vectors: bytes
    tokenizer: bytes

    def extractor(self) -> FeatureExtractor:
        """A feature extractor on this encoder."""
        tokenizer = Tokenizer.from_buffer(self.tokenizer)
        if self.description["kind"] == "static":
            packed = artifacts.Artifact(
                manifest={}, arrays={}, tokenizer=self.tokenizer, encoder=self.vectors
            )
            static = StaticEncoder(packed.encoder_vectors(), self.description["name"])
            return FeatureExtractor(tokenizer, static)
        return FeatureExtractor(tokenizer, SentenceTransformerEncoder(self.description["name"]))


def of_artifact(artifact: artifacts.Artifact) -> EncoderSource:
    """The encoder of a fitted model."""
    return EncoderSource(artifact.manifest["encoder"], artifact.encoder, artifact.tokenizer)


def with_transformer(source: EncoderSource, name: str) -> EncoderSource:
    """A SentenceTransformer for the embedding; words still come from `source`'s tokenizer."""
    encoder = SentenceTransformerEncoder(name)
    description = {
        "kind": "sentence-transformer",
        "name": name,
        "dimensions": encoder.dimensions,
    }
    return EncoderSource(description, source.vectors, source.tokenizer)


def distil(teacher: str, dimensions: int = ENCODER_DIMENSIONS) -> EncoderSource:
    """Distil `teacher` into token vectors (model2vec: token outputs, PCA, SIF weighting).

    Takes about a minute on one core. Raises MissingExtra without the extra `[encoder]`.
    """
    try:  # here, as it brings torch and need not be installed
        from model2vec.distill import distill
    except ImportError as error:
        raise MissingExtra("model2vec[distill]", "encoder") from error
    try:
        static = distill(resolve_transformer(teacher), pca_dims=dimensions)
    except (OSError, ValueError) as error:
        raise TrainingError(
            f"The teacher {teacher!r} could not be loaded; pass a folder or a packaged model."
        ) from error
    vectors = np.asarray(static.embedding, dtype=np.float32)
    description = {
        "kind": "static",
        "name": f"static-{dimensions}-{teacher.rsplit('/', 1)[-1].lower()}",
        "teacher": teacher,
        "dimensions": int(vectors.shape[1]),
    }
    tokenizer = static.tokenizer.to_str().encode()
    return EncoderSource(description, artifacts.pack_vectors(vectors), tokenizer)


def write(source: EncoderSource, folder: Path) -> None:
    """Write the packed vectors and the tokenizer to `folder`, for inspection or a later fit."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / artifacts.ENCODER).write_bytes(source.vectors)
    (folder / artifacts.TOKENIZER).write_bytes(source.tokenizer)
    (folder / "encoder.json").write_text(json.dumps(source.description, indent=2) + "\n")


def digest(source: EncoderSource) -> str:
    """sha256 of all that an encoder is."""
    parts = (json.dumps(source.description).encode(), source.vectors, source.tokenizer)
    return hashlib.sha256(b"".join(hashlib.sha256(p).digest() for p in parts)).hexdigest()


def read(folder: Path) -> EncoderSource:
    """Read what `write` wrote."""
    try:
        description = json.loads((folder / "encoder.json").read_text())
        return EncoderSource(
            description,
            (folder / artifacts.ENCODER).read_bytes(),
            (folder / artifacts.TOKENIZER).read_bytes(),
        )
    except (OSError, ValueError) as error:
        raise TrainingError(
            f"{folder} holds no encoder; make one with `encoder --distil`."
        ) from error


def extractor_in(folder: Path) -> FeatureExtractor:
    """A feature extractor on the encoder that `write` wrote to `folder`."""
    return read(folder).extractor()


def find(
    name: str | None, base: artifacts.Artifact | None, models_dir: Path
) -> EncoderSource | None:
    """The encoder that a fit should use.

    `name` is a folder written by `write`, a model folder, or the name of a SentenceTransformer
    (whose words then come from the base's, or the current model's, tokenizer). Without a name it
    is the base's encoder, else that of the current model in `models_dir`.
    """
    if name is None:
        return None if base else of_artifact(artifacts.load(artifacts.resolve(models_dir)))
    if base is not None:
        raise TrainingError(
            "A base brings its own encoder; pass --base none to fit on another (--encoder)."
        )
    folder = artifacts.locate(Path(name))
    if (folder / "encoder.json").is_file():
        return read(folder)
    if (folder / artifacts.MANIFEST).is_file():
        return of_artifact(artifacts.load(folder))
    current = of_artifact(artifacts.load(artifacts.resolve(models_dir)))
    return with_transformer(current, name)
