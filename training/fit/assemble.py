"""A fit as a model folder in memory: arrays, and a manifest that says where it came from."""

import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router.registry.artifact import Artifact
from router.text.structure import NAMES
from router.types import FloatArray
from training.data.dataset import REFERENCE
from training.fit.constants import GIT_S
from training.fit.encoder import EncoderSource
from training.fit.heads import Fitted
from training.fit.known import KnownOutcomes

_LIBRARIES = ("numpy", "scikit-learn", "scipy", "tokenizers", "safetensors", "pandas")
_SINGLE = ("words", "pairs", "syllables", "word_idf", "pair_idf", "syllable_idf")
_INHERITED = ("verifier", "measured")


def assembled(
    fitted: Fitted,
    source: EncoderSource,
    *,
    base: Artifact | None,
    name: str,
    reference: FloatArray,
    seen: NDArray[np.uint64],
    threshold: float,
    known: KnownOutcomes | None,
    about: Mapping[str, Any],
) -> Artifact:
    """The artifact of a fit. `about`: data, metrics, seed and whatever else the manifest tells.

    The arrays depend on the fit, `reference`, `seen` and `known` alone, so equal fits give equal
    bytes.
    """
    arrays: dict[str, Any] = fitted.heads.arrays()
    arrays |= {n: arrays[n].astype(np.float32) for n in _SINGLE}
    if known is not None:
        arrays["known"] = known.array.astype(np.float32)
    inherited = {k: base.manifest[k] for k in _INHERITED if base and k in base.manifest}
    manifest = {
        **inherited,
        "version": name,
        "encoder": source.description,
        "features": {"structure": list(NAMES), "sizes": list(source.extractor().sizes)},
        "base": base.version if base else None,
        "strength": fitted.strength,
        "models": {**fitted.models, **{f"reference_{t}": m for t, m in REFERENCE.items()}},
        "threshold": {"default": threshold, "reference_rows": int(reference.shape[1])},
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "git_commit": _git_commit(),
        "libraries": {"python": platform.python_version(), **{p: version(p) for p in _LIBRARIES}},
        **({"known": known.about} if known else {}),
        **about,
    }
    return Artifact(
        manifest=manifest,
        arrays={**arrays, "reference": reference, "seen": seen},
        tokenizer=source.tokenizer,
        encoder=source.vectors,
        verifier=base.verifier if base else None,
    )


def _git_commit() -> str | None:
    """The commit of the working folder, None outside a repository."""
    try:
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=GIT_S, check=False
        )
    except OSError:
        return None
    return done.stdout.strip() or None
