"""Model folders: written whole or not at all, checked before anything in them is used.

    models/current                 one line: the version in use
    models/<version>/manifest.json what it is, and the sha256 of every other file
    models/<version>/heads.safetensors, encoder.safetensors, tokenizer.json
    models/<version>/verifier.safetensors, where the version has a verifier

Nothing is unpickled. `ARRAYS` and `OPTIONAL` list the arrays with their shapes.
"""

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays

from router.answers.constants import MARKS
from router.answers.kinds import EVIDENCE
from router.answers.verifier import ARRAYS as VERIFIER_HEADS
from router.answers.verifier import SCHEMA as VERIFIER_SCHEMA
from router.answers.verifier import SIZE as VERIFIER_SIZE
from router.answers.verifier import SQUARED
from router.errors import (
    ArtifactCorrupt,
    ArtifactError,
    ArtifactExists,
    ArtifactMismatch,
    ArtifactMissing,
)
from router.text.constants import BIGRAM_BUCKETS, SYLLABLE_BUCKETS
from router.text.features import SCHEMA
from router.text.structure import SIZE

FORMAT = 1
MANIFEST, HEADS, ENCODER, TOKENIZER, VERIFIER, POINTER = (
    "manifest.json",
    "heads.safetensors",
    "encoder.safetensors",
    "tokenizer.json",
    "verifier.safetensors",
    "current",
)
# Rows 0 and 1 are the local and the cloud head. d: embedding width, v: vocabulary, n: reference.
ARRAYS = {
    "embedding": ("2", "d"),
    "structure": ("2", "s"),
    "words": ("2", "v"),
    "pairs": ("2", "b"),
    "syllables": ("2", "y"),
    "bias": ("2",),
    "calibration": ("2", "2"),  # per head: slope and shift of the logit
    "structure_mean": ("s",),
    "structure_scale": ("s",),
    "word_idf": ("v",),
    "pair_idf": ("b",),
    "syllable_idf": ("y",),
    "reference": ("3", "n"),  # gain, local, cloud of the traffic that shares refer to
    "seen": ("m",),  # sorted 64-bit hashes of the groups that any fit so far has used
}
# Requests with outcomes of both tiers that nothing was fitted on, a row a group and pair of models:
# logits of both heads without ability terms, scores of both tiers. The manifest's `known` lists the
# pairs in the order of their blocks.
OPTIONAL = {"known": ("4", "k")}
# Tables of looks: of second opinions alone, or of the beginnings and the whole of an answer too.
TABLES = (2, 3 + len(MARKS))
GRID = 8  # cells of p_local and of p_cloud in the table of looks, each of width 1/8
MOVES = 15  # quantiles of the move of the gain in each cell, equally likely
VERIFIER_ARRAYS = {**VERIFIER_HEADS, "look": ("t", "g", "g", "m")}
Arrays = Mapping[str, NDArray[Any]]
# What a manifest must hold, by place, for what reads it to work.
MEANT: Mapping[str, type | tuple[type, ...]] = {
    "version": str,
    "encoder.dimensions": int,
    "models.local": dict,
    "models.reference_local": str,
    "threshold.default": (float, int),
}
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A model folder in memory: manifest, arrays, and the bytes of encoder and tokenizer.

    `verifier`: its arrays (VERIFIER_ARRAYS), None for a version that judges prompts alone.
    """

    manifest: dict[str, Any]
    arrays: dict[str, NDArray[Any]]
    tokenizer: bytes
    encoder: bytes
    verifier: dict[str, NDArray[Any]] | None = None

    @property
    def version(self) -> str:
        """Name of the version."""
        return str(self.manifest["version"])

    def encoder_vectors(self) -> NDArray[np.float32]:
        """Token vectors of the static encoder, shape (v, d): int8 rows times their scale."""
        stored = load_arrays(self.encoder)
        return stored["vectors"].astype(np.float32) * stored["scale"][:, None].astype(np.float32)


def pack_vectors(vectors: NDArray[np.floating[Any]]) -> bytes:
    """Token vectors as int8 with one scale per row; the error is below 0.4 % of a row's maximum."""
    scale = np.maximum(np.abs(vectors).max(axis=1), 1e-12) / 127
    packed = np.rint(vectors / scale[:, None]).astype(np.int8)
    return bytes(save_arrays({"vectors": packed, "scale": scale.astype(np.float32)}))


@contextmanager
def arriving(target: Path) -> Iterator[Path]:
    """A folder beside `target` to write a version to; it is moved there whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=target.parent))
    try:
        yield partial
        partial.chmod(0o755)
        os.rename(partial, target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def save(artifact: Artifact, models_dir: Path) -> Path:
    """Write `artifact` to `models_dir/<version>` and return that folder.

    Written beside its place and moved there in one step, so a full disk leaves no half model.
    Raises ArtifactExists, or ArtifactError when the folder cannot be written.
    """
    version = checked_version(artifact.version)
    target = models_dir / version
    if target.exists():
        raise ArtifactExists(f"The version {version} exists in {models_dir}; choose another name.")
    files = {
        HEADS: _packed(artifact.arrays),
        ENCODER: artifact.encoder,
        TOKENIZER: artifact.tokenizer,
    }
    manifest = {**artifact.manifest, "format": FORMAT, "feature_schema": SCHEMA}
    if artifact.verifier is not None:
        files[VERIFIER] = _packed(artifact.verifier)
        manifest["verifier"] = {**manifest.get("verifier", {}), "schema": VERIFIER_SCHEMA}
    manifest["files"] = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    files[MANIFEST] = (json.dumps(manifest, indent=2, sort_keys=True) + "\n").encode()
    try:
        with arriving(target) as partial:
            for name, data in files.items():
                write_synced(partial / name, data)
    except OSError as error:
        raise ArtifactError(
            f"The model {version} could not be written to {models_dir} ({error.strerror}); "
            "free space or choose a writable folder. Models that were there are unchanged."
        ) from error
    return target


def load(folder: Path) -> Artifact:
    """Read and check a model folder.

    Raises ArtifactMissing, ArtifactCorrupt or ArtifactMismatch, each naming the file.
    """
    raw = _read(folder / MANIFEST)
    try:
        manifest = json.loads(raw)
        recorded = dict(manifest["files"])
        found = manifest["format"], manifest["feature_schema"]
        sound = found != (FORMAT, SCHEMA) or all(
            isinstance(_at(manifest, path), kind) for path, kind in MEANT.items()
        )
        sound = sound and isinstance(manifest.get("known") or [], list)
    except (ValueError, KeyError, TypeError, RecursionError):
        sound = False
    if not sound:
        raise ArtifactCorrupt(f"{folder / MANIFEST} is not a manifest; restore the folder.")
    if found != (FORMAT, SCHEMA):
        raise ArtifactMismatch(
            f"{folder} has format {found[0]} and feature schema {found[1]}, this version of the "
            f"router reads {FORMAT} and {SCHEMA}; train again or install the matching router."
        )
    files = {}
    names = [HEADS, ENCODER, TOKENIZER] + [VERIFIER] * (VERIFIER in recorded)
    for name in names:
        files[name] = data = _read(folder / name)
        if hashlib.sha256(data).hexdigest() != recorded.get(name):
            raise ArtifactCorrupt(
                f"{folder / name} does not have the sha256 that its manifest records; "
                "it was cut short or altered. Restore it or use another version."
            )
    arrays = _unpacked(files[HEADS], folder / HEADS)
    sizes = {"2": 2, "3": 3, "4": 4, "s": SIZE, "b": BIGRAM_BUCKETS, "y": SYLLABLE_BUCKETS}
    sizes["d"] = int(manifest["encoder"]["dimensions"])
    more = {name: axes for name, axes in OPTIONAL.items() if name in arrays}
    _check_shapes(arrays, {**ARRAYS, **more}, sizes, folder / HEADS)
    verifier = _verifier(files[VERIFIER], manifest, folder) if VERIFIER in files else None
    return Artifact(
        manifest=manifest,
        arrays=arrays,
        tokenizer=files[TOKENIZER],
        encoder=files[ENCODER],
        verifier=verifier,
    )


def resolve(models_dir: Path, version: str = POINTER) -> Path:
    """Folder of `version`, or of the version that `models/current` names."""
    if version == POINTER:
        version = _read(models_dir / POINTER).decode("utf-8", "replace").strip()
    return models_dir / checked_version(version)


def locate(path: Path) -> Path:
    """The model folder that `path` means: a version, a `models/` folder or its `current`."""
    if path.name == POINTER:
        return resolve(path.parent)
    return resolve(path) if (path / POINTER).is_file() else path


def checked_version(version: str) -> str:
    """`version` if it is a plain folder name, else ArtifactError."""
    if not _VERSION.fullmatch(version):
        raise ArtifactError(
            f"{version!r} is not a version name; use letters, digits, dots, dashes and underscores."
        )
    return version


def _at(manifest: Any, path: str) -> Any:
    for name in path.split("."):
        manifest = manifest[name]
    return manifest


def _verifier(data: bytes, manifest: Mapping[str, Any], folder: Path) -> dict[str, NDArray[Any]]:
    told = manifest.get("verifier")
    schema = told.get("schema") if isinstance(told, dict) else None
    if schema != VERIFIER_SCHEMA:
        raise ArtifactMismatch(
            f"{folder / VERIFIER} has schema {schema}, this version of the router reads "
            f"{VERIFIER_SCHEMA}; fit the verifier again."
        )
    arrays = _unpacked(data, folder / VERIFIER)
    tables = len(arrays["look"]) if "look" in arrays else 0
    columns = VERIFIER_SIZE + len(SQUARED) + int(manifest["encoder"]["dimensions"])
    sizes = {"2": 2, "f": VERIFIER_SIZE, "g": GRID, "m": MOVES}
    sizes |= {"k": len(EVIDENCE), "c": columns, "s": len(SQUARED)}
    sizes["t"] = tables if tables in TABLES else TABLES[-1]
    _check_shapes(arrays, VERIFIER_ARRAYS, sizes, folder / VERIFIER)
    return arrays


def _packed(arrays: Arrays) -> bytes:
    # safetensors writes the buffer as it lies in memory, whatever the strides say
    return bytes(save_arrays({k: np.ascontiguousarray(v) for k, v in arrays.items()}))


def _unpacked(data: bytes, path: Path) -> dict[str, NDArray[Any]]:
    try:
        return dict(load_arrays(data))
    except SafetensorError as error:
        raise ArtifactCorrupt(f"{path} is not a safetensors file.") from error


def _check_shapes(
    arrays: Arrays, shapes: Mapping[str, tuple[str, ...]], sizes: dict[str, int], path: Path
) -> None:
    for name, axes in shapes.items():
        array = arrays.get(name)
        expected = tuple(
            sizes.setdefault(a, n) for a, n in zip(axes, getattr(array, "shape", ()), strict=False)
        )
        if array is None or array.shape != expected or len(axes) != array.ndim:
            raise ArtifactMismatch(
                f"The array {name} in {path} is missing or has another shape; "
                "train again with this version of the router."
            )
        if not np.isfinite(array).all():
            raise ArtifactCorrupt(f"The array {name} in {path} holds NaN or infinity.")


def write_synced(path: Path, data: bytes) -> None:
    """Write a file and wait until the disk has it."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _read(path: Path) -> bytes:
    if path.exists() and not path.is_file():  # a pipe or a device may never end
        raise ArtifactCorrupt(f"{path} is no file; restore the folder.")
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise ArtifactMissing(
            f"{path} is not there; check the models folder and version."
        ) from error
    except OSError as error:
        raise ArtifactError(f"{path} could not be read ({error.strerror}).") from error
