"""Features of many prompts, computed once and kept on disk as arrays, never as pickles."""

import hashlib
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from platformdirs import user_cache_path

from router.text.features import SCHEMA, FeatureExtractor, Features, stacked
from router.text.ragged import Ragged
from router.text.request import request_from_prompt
from router.types import Request

CACHE = user_cache_path("hybrid-router") / "features"  # may be removed at any time
_CHUNK = 256
_LISTS = ("words", "pairs", "syllables")


def featurize(
    extractor: FeatureExtractor, prompts: Sequence[str | Request], *, cache: bool = True
) -> Features:
    """Features of `prompts` or requests, in order.

    Kept under a hash of prompts, encoder and schema. What cannot be read is made anew, a cache that
    cannot be written is not used.
    """
    key = hashlib.sha256(f"{SCHEMA}:{extractor.encoder.name}:{extractor.sizes}".encode())
    requests = [p if isinstance(p, Request) else request_from_prompt(p) for p in prompts]
    for request in requests:
        key.update(hashlib.sha256(repr(request).encode("utf-8", "replace")).digest())
    path = CACHE / f"{key.hexdigest()[:32]}.npz" if cache else None
    if path and (kept := _kept(path)) is not None:
        return kept
    pieces = [extractor.extract(requests[i : i + _CHUNK]) for i in range(0, len(requests), _CHUNK)]
    features = stacked(pieces)
    if path and len(prompts) > 1000:
        _keep(path, features)
    return features


def _keep(path: Path, features: Features) -> None:
    lists = {name: getattr(features, name) for name in _LISTS}
    temporary = path.with_suffix(f".{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            np.savez(
                file,
                embedding=features.embedding,
                structure=features.structure,
                **{name: kept.flat.astype(np.int32) for name, kept in lists.items()},
                **{f"{name}_bounds": kept.bounds for name, kept in lists.items()},
            )
        os.replace(temporary, path)
    except OSError:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _kept(path: Path) -> Features | None:
    """Features that were kept before; None where there are none, or none that can be read."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            words, pairs, syllables = (
                Ragged(kept[name].astype(np.int64), kept[f"{name}_bounds"]) for name in _LISTS
            )
            return Features(kept["embedding"], kept["structure"], words, pairs, syllables)
    except (OSError, ValueError, KeyError, BadZipFile, EOFError):
        return None
