"""What versions share, and that it goes with the last of them."""

import gc
import weakref
from dataclasses import replace

import numpy as np

from router.decide.extractors import extractor_of
from router.decide.router import Router
from router.registry import artifact as artifacts
from router.registry.artifact import Artifact


def named(artifact: Artifact, version: str) -> Artifact:
    return replace(artifact, manifest={**artifact.manifest, "version": version})


def test_versions_with_one_tokenizer_and_encoder_share_what_reads_text(shipped: Artifact) -> None:
    first, second = Router(named(shipped, "a")), Router(named(shipped, "b"))
    assert first.version != second.version
    assert first.extractor is second.extractor


def test_another_encoder_is_read_anew(shipped: Artifact) -> None:
    vectors = artifacts.pack_vectors(np.asarray(shipped.encoder_vectors()) + 1)
    other = replace(shipped, encoder=vectors)
    assert extractor_of(other) is not extractor_of(shipped)
    renamed = {**shipped.manifest["encoder"], "name": "another"}
    by_name = replace(shipped, manifest={**shipped.manifest, "encoder": renamed})
    assert extractor_of(by_name).encoder.name == "another"


def test_it_leaves_the_memory_with_the_last_version_that_uses_it(shipped: Artifact) -> None:
    vectors = artifacts.pack_vectors(np.asarray(shipped.encoder_vectors()) * 2 + 1)
    mine = replace(shipped, encoder=vectors)
    gc.disable()
    try:
        first, second = Router(mine), Router(named(mine, "b"))
        kept = weakref.ref(first.extractor)
        del first
        assert kept() is second.extractor
        del second
        assert kept() is None
    finally:
        gc.enable()
