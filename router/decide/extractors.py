"""Feature extractors of artifacts; versions with the same tokenizer and encoder share one.

They are nine tenths of a version's memory and of the time to load it, and hardly ever differ from
one version to the next: what is learned are the heads.
"""

import hashlib
import threading
from weakref import WeakValueDictionary

from tokenizers import Tokenizer

from router.errors import ArtifactCorrupt
from router.registry.artifact import Artifact
from router.text.features import (
    Encoder,
    FeatureExtractor,
    SentenceTransformerEncoder,
    StaticEncoder,
)

# By what they are made of; whoever uses one keeps it alive.
_known: WeakValueDictionary[bytes, FeatureExtractor] = WeakValueDictionary()
_lock = threading.Lock()


def extractor_of(artifact: Artifact) -> FeatureExtractor:
    """The feature extractor that an artifact was trained with.

    Raises ArtifactCorrupt, or MissingExtra for an encoder that a library brings.
    """
    key = _key(artifact)
    with _lock:
        if (known := _known.get(key)) is None:
            known = _known[key] = _made(artifact)
    return known


def _key(artifact: Artifact) -> bytes:
    """What the tokenizer and the encoder are, whatever the version is called."""
    described = artifact.manifest["encoder"]
    made_of = hashlib.sha256(f"{described['kind']}\0{described['name']}\0".encode())
    for data in (artifact.tokenizer, artifact.encoder):
        made_of.update(hashlib.sha256(data).digest())
    return made_of.digest()


def _made(artifact: Artifact) -> FeatureExtractor:
    try:
        tokenizer = Tokenizer.from_buffer(artifact.tokenizer)
    except Exception as error:  # tokenizers raises bare Exception
        raise ArtifactCorrupt(f"The tokenizer of {artifact.version} cannot be read.") from error
    described = artifact.manifest["encoder"]
    encoder: Encoder
    if described["kind"] == "static":
        encoder = StaticEncoder(artifact.encoder_vectors(), described["name"])
    else:
        encoder = SentenceTransformerEncoder(described["name"])
    return FeatureExtractor(tokenizer, encoder)
