"""Features of a request as bytes, for logs that keep no words."""

import io
from collections.abc import Sequence

import numpy as np

from router.text.features import FeatureExtractor, Features
from router.text.ragged import Ragged, bounds_of, concatenated
from router.types import Request

_BATCH = 256


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


def features_of(
    extractor: FeatureExtractor, requests: Sequence[Request | None], packed: Sequence[bytes | None]
) -> Features:
    """Features of logged requests, in order: of kept words where there are some, else kept ones.

    Every request must have one of the two. For no request at all, those of a placeholder.
    """
    written = [i for i, request in enumerate(requests) if request is not None]
    pieces: list[Features] = []
    order: list[int] = []
    for start in range(0, len(written), _BATCH):
        at = written[start : start + _BATCH]
        pieces.append(extractor.extract([r for i in at if (r := requests[i]) is not None]))
        order += at
    for i, data in enumerate(packed):
        if requests[i] is None and data:
            pieces.append(unpack(data))
            order.append(i)
    if not pieces:
        return extractor.extract([Request(text="-", chars=1)])
    found = stacked(pieces)
    if order == sorted(order):
        return found
    back = np.argsort(np.array(order), kind="stable")
    return Features(
        found.embedding[back], found.structure[back], found.words.take(back), found.pairs.take(back)
    )


def stacked(pieces: Sequence[Features]) -> Features:
    """The features of several lots of requests as one; there must be at least one lot."""
    return Features(
        np.concatenate([p.embedding for p in pieces]),
        np.concatenate([p.structure for p in pieces]),
        concatenated([p.words for p in pieces]),
        concatenated([p.pairs for p in pieces]),
    )
