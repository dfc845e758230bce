"""Features of a request as the log keeps them."""

import io

import numpy as np
import pytest

from router.decide.router import Router
from router.outcomes.kept import is_readable, pack, unpack
from router.text.request import request_from_prompt

PROMPTS = ["Why is the sky blue?", "x", "Wie heißt der größte Fluss in Korea? 한강", "1 + 1 = ?"]


@pytest.mark.parametrize("prompt", PROMPTS)
def test_what_was_kept_is_read_as_numpy_reads_it(prompt: str, router: Router) -> None:
    made = router.extractor.extract([request_from_prompt(prompt)])
    data = pack(made)
    assert is_readable(data)
    found = unpack(data)
    assert np.allclose(found.embedding, made.embedding, atol=1e-3) and len(found) == 1
    start = data.index(b"\n") + 1
    with np.load(io.BytesIO(data[start:]), allow_pickle=False) as kept:
        for name in ("embedding", "structure"):
            mine = getattr(found, name)
            assert np.array_equal(mine, kept[name]) and mine.shape == kept[name].shape
        for name in ("words", "pairs", "syllables"):
            mine = getattr(found, name)
            assert np.array_equal(mine[0], kept[name]) and mine.flat.dtype == np.int64
