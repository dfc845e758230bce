"""Features of a request as bytes, for logs that keep no words."""

import io
from collections.abc import Sequence
from typing import TypeGuard

import numpy as np

from router.text.features import SCHEMA, FeatureExtractor, Features, stacked
from router.text.ragged import Ragged, bounds_of
from router.types import Request

_BATCH = 256
_MARK = f"features {SCHEMA}\n".encode()  # what was kept under another schema means something else
_LISTS = ("words", "pairs", "syllables")


def pack(features: Features) -> bytes:
    """The features of one request; embedding to half precision, the rest exact."""
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        embedding=features.embedding.astype(np.float16),
        structure=features.structure.astype(np.float32),
        **{name: getattr(features, name).flat.astype(np.int32) for name in _LISTS},
    )
    return _MARK + buffer.getvalue()


def is_readable(data: bytes | None) -> TypeGuard[bytes]:
    """Whether there is something that `pack` kept under the schema of today."""
    return data is not None and data.startswith(_MARK)


def unpack(data: bytes) -> Features:
    """What `pack` kept, shape of one request; `data` must be readable."""
    with np.load(io.BytesIO(data[len(_MARK) :]), allow_pickle=False) as kept:
        words, pairs, syllables = (
            Ragged(kept[k].astype(np.int64), bounds_of([len(kept[k])])) for k in _LISTS
        )
        return Features(
            embedding=kept["embedding"].astype(np.float32),
            structure=kept["structure"].astype(np.float64),
            words=words,
            pairs=pairs,
            syllables=syllables,
        )


def features_of(
    extractor: FeatureExtractor, requests: Sequence[Request | None], packed: Sequence[bytes | None]
) -> Features:
    """Features of logged requests, in order: of kept words where there are some, else kept ones.

    Every request must have one of the two, the latter readable. For no request at all, those of a
    placeholder.
    """
    written = [i for i, request in enumerate(requests) if request is not None]
    pieces: list[Features] = []
    order: list[int] = []
    for start in range(0, len(written), _BATCH):
        at = written[start : start + _BATCH]
        pieces.append(extractor.extract([r for i in at if (r := requests[i]) is not None]))
        order += at
    for i, data in enumerate(packed):
        if requests[i] is None and is_readable(data):
            pieces.append(unpack(data))
            order.append(i)
    if not pieces:
        return extractor.extract([Request(text="-", chars=1)])
    found = stacked(pieces)
    if order == sorted(order):
        return found
    back = np.argsort(np.array(order), kind="stable")
    return found.take(back)
