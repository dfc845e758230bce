"""What one small fit makes: the shape, size and some values of every array."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router.registry.artifact import Artifact

GOLDEN = Path(__file__).with_name("golden_fit.json")
VALUES = 64  # of each array, spread evenly over those that are not zero


def described(artifact: Artifact) -> dict[str, Any]:
    """Array -> its type and shape, and a hash for whole numbers or size and values for others.

    The solver stops at a tolerance and BLAS adds in another order on another processor, so weights
    are compared by value, with room for that.
    """
    return {name: _of(array) for name, array in sorted(artifact.arrays.items())} | {
        "manifest": {k: artifact.manifest[k] for k in ("models", "threshold", "strength", "data")}
    }


def _of(array: NDArray[Any]) -> dict[str, Any]:
    out: dict[str, Any] = {"dtype": str(array.dtype), "shape": list(array.shape)}
    if array.dtype.kind in "iu":
        return {**out, "sha256": hashlib.sha256(array.tobytes()).hexdigest()}
    flat = array.ravel().astype(np.float64)
    used = np.flatnonzero(flat)
    at = used[np.linspace(0, len(used) - 1, min(VALUES, len(used))).astype(int)]
    return {
        **out,
        "not zero": len(used),
        "norm": _digits(np.linalg.norm(flat)),
        "largest": _digits(np.abs(flat).max()),
        "at": at.tolist(),
        "values": [_digits(v) for v in flat[at]],
    }


def _digits(value: Any) -> float:
    """To a millionth of itself."""
    return float(f"{float(value):.7g}")


if __name__ == "__main__":
    from router.registry import artifact as artifacts
    from tests import ROOT
    from tests.conftest import EVERYDAY, drawn, fitted
    from training.data.readers import read

    shipped = artifacts.load(artifacts.resolve(ROOT / "models"))
    found = described(fitted(drawn(read(EVERYDAY)), shipped).artifact)
    GOLDEN.write_text(json.dumps(found, indent=1) + "\n")
