"""Features of a request as bytes, for logs that keep no words."""

import io
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, TypeGuard
from zipfile import ZipFile

import numpy as np
from numpy.typing import NDArray

from router.outcomes.constants import HEADERS
from router.text.features import SCHEMA, FeatureExtractor, Features, stacked
from router.text.ragged import Ragged, bounds_of
from router.types import Request

_BATCH = 256
_MARK = f"features {SCHEMA}\n".encode()  # what was kept under another schema means something else
_LISTS = ("words", "pairs", "syllables")
_HEAD = 10  # bytes of a header of NumPy's first format that say what it is, and how long it is


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
    with ZipFile(io.BytesIO(data[len(_MARK) :])) as file:
        kept = {k: _array(file.read(f"{k}.npy")) for k in ("embedding", "structure", *_LISTS)}
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


def _array(written: bytes) -> NDArray[Any]:
    """What stands in one file of `pack`; numpy's own reading takes five times as long."""
    end = _HEAD + int.from_bytes(written[_HEAD - 2 : _HEAD], "little")
    shape, kind = _form(written[:end])
    return np.frombuffer(written, kind, offset=end).reshape(shape)


@lru_cache(HEADERS)
def _form(header: bytes) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and type by the header of a file; those of lists differ in their length alone."""
    stream = io.BytesIO(header)
    np.lib.format.read_magic(stream)
    shape, _, kind = np.lib.format.read_array_header_1_0(stream)
    return shape, kind


def features_of(
    extractor: FeatureExtractor,
    requests: Sequence[Request | None],
    packed: Sequence[bytes | None],
    *,
    vectors: bool = False,
) -> Features:
    """Features of logged requests, in order: of kept words where there are some, else kept ones.

    Every request must have one of the two, the latter readable. For no request at all, those of a
    placeholder. `vectors`: embeddings are enough; then the rest is empty, but for kept words.
    """

    def made(some: Sequence[Request]) -> Features:
        return Features.of_vectors(extractor.vectors(some)) if vectors else extractor.extract(some)

    written = [i for i, request in enumerate(requests) if request is not None]
    pieces: list[Features] = []
    order: list[int] = []
    for start in range(0, len(written), _BATCH):
        at = written[start : start + _BATCH]
        pieces.append(made([r for i in at if (r := requests[i]) is not None]))
        order += at
    for i, data in enumerate(packed):
        if requests[i] is None and is_readable(data):
            known = unpack(data)
            if vectors:
                known = replace(Features.of_vectors(known.embedding), words=known.words)
            pieces.append(known)
            order.append(i)
    if not pieces:
        return made([Request(text="-", chars=1)])
    found = stacked(pieces)
    if order == sorted(order):
        return found
    back = np.argsort(np.array(order), kind="stable")
    return found.take(back)
