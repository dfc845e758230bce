"""Features of a request as bytes, for logs that keep no words."""

import io

import numpy as np

from router.features import Features
from router.ragged import Ragged, bounds_of


def pack(features: Features) -> bytes:
    """The features of one request; embedding to half precision, the rest exact."""
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        embedding=features.embedding.astype(np.float16),
        structure=features.structure.astype(np.float32),
        words=features.words.flat.astype(np.int32),
        pairs=features.pairs.flat.astype(np.int32),
    )
    return buffer.getvalue()


def unpack(data: bytes) -> Features:
    """What `pack` kept, shape of one request."""
    with np.load(io.BytesIO(data), allow_pickle=False) as kept:
        words, pairs = (kept[k].astype(np.int64) for k in ("words", "pairs"))
        return Features(
            embedding=kept["embedding"].astype(np.float32),
            structure=kept["structure"].astype(np.float64),
            words=Ragged(words, bounds_of([len(words)])),
            pairs=Ragged(pairs, bounds_of([len(pairs)])),
        )
