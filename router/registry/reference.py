"""What operating points are turned into thresholds on, for a pair of models."""

import numpy as np

from router.promise import Known
from router.registry.ability import Ability, ability_for, measured_ability, normalised
from router.registry.artifact import Artifact
from router.threshold import Reference
from router.types import FloatArray

_TIERS = ("local", "cloud")


def abilities_of(
    artifact: Artifact, local_model: str, cloud_model: str, local_digest: str | None = None
) -> tuple[Ability, Ability]:
    """The ability terms of a pair of models; see `router.registry.ability`."""
    models = artifact.manifest["models"]
    return (
        measured_ability(artifact.manifest, local_model, local_digest),
        ability_for(cloud_model, models["cloud"], models["reference_cloud"]),
    )


def reference_of(
    artifact: Artifact, local_model: str, cloud_model: str, local_digest: str | None = None
) -> Reference:
    """The artifact's traffic for shares, and its known outcomes if they are of these models."""
    gain, local, cloud = artifact.arrays["reference"].astype(np.float64)
    terms = [a.value for a in abilities_of(artifact, local_model, cloud_model, local_digest)]
    known = _known(artifact, (local_model, cloud_model), np.array(terms))
    return Reference(gain, local, cloud, known)


def _known(artifact: Artifact, pair: tuple[str, str], ability: FloatArray) -> Known:
    blocks = artifact.manifest.get("known", [])
    if not blocks:
        return Known.nothing(f"{artifact.version} knows no outcomes of your two models")
    start = 0
    for about in blocks:
        end = start + about["rows"]
        if all(normalised(about[t]) == normalised(m) for t, m in zip(_TIERS, pair, strict=True)):
            break
        start = end
    else:
        most = max(blocks, key=lambda about: int(about["rows"]))
        words = f"{artifact.version} knows outcomes of {most['local']} and {most['cloud']}"
        more = f" and {len(blocks) - 1} more pairs" if len(blocks) > 1 else ""
        return Known.nothing(f"{words}{more}, not of {' and '.join(pair)}")
    rows = artifact.arrays["known"][:, start:end].astype(np.float64)
    slope = artifact.arrays["calibration"][:, 0]
    p = 1 / (1 + np.exp(-(rows[:2] + (slope * ability)[:, None])))
    words = f"requests of {', '.join(about['sources'])} with outcomes of both models"
    return Known(p[1] - p[0], rows[2], rows[3], words)
