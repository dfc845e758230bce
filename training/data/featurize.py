"""Features of many prompts, computed once and kept on disk."""

import hashlib
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import joblib
import numpy as np

from router.text.features import SCHEMA, FeatureExtractor, Features
from router.text.ragged import Ragged, concatenated
from router.text.request import request_from_prompt

CACHE = Path(".cache/features")  # in the working folder; may be removed at any time
_CHUNK = 256


def featurize(
    extractor: FeatureExtractor, prompts: Sequence[str], *, cache: bool = True
) -> Features:
    """Features of `prompts`, in order. A cache that cannot be written is not used."""
    key = hashlib.sha256(f"{SCHEMA}:{extractor.encoder.name}:{extractor.sizes}".encode())
    for prompt in prompts:
        key.update(hashlib.sha256(prompt.encode("utf-8", "replace")).digest())
    path = CACHE / f"{key.hexdigest()[:32]}.joblib" if cache else None
    if path and path.exists():
        try:
            return _unpacked(joblib.load(path))
        except Exception:  # a cache file cut short is made anew
            path.unlink(missing_ok=True)
    requests = [request_from_prompt(p) for p in prompts]
    pieces = [extractor.extract(requests[i : i + _CHUNK]) for i in range(0, len(requests), _CHUNK)]
    features = Features(
        np.concatenate([p.embedding for p in pieces]),
        np.concatenate([p.structure for p in pieces]),
        concatenated([p.words for p in pieces]),
        concatenated([p.pairs for p in pieces]),
    )
    if path and len(prompts) > 1000:
        _keep(path, features)
    return features


def _keep(path: Path, features: Features) -> None:
    temporary = path.with_suffix(f".{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        joblib.dump(_packed(features), temporary)
        os.replace(temporary, path)
    except OSError:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _packed(features: Features) -> dict[str, Any]:
    packed: dict[str, Any] = {"embedding": features.embedding, "structure": features.structure}
    for name in ("words", "pairs"):
        lists: Ragged = getattr(features, name)
        packed |= {name: lists.flat.astype(np.int32), f"{name}_bounds": lists.bounds}
    return packed


def _unpacked(packed: dict[str, Any]) -> Features:
    words, pairs = (
        Ragged(packed[name].astype(np.int64), packed[f"{name}_bounds"])
        for name in ("words", "pairs")
    )
    return Features(packed["embedding"], packed["structure"], words, pairs)
