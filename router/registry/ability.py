"""How able the model is that a user runs.

A head carries one ability term per model it was fitted on. A model that it never saw starts from
what its size and generation suggest (`router.registry.prior`), or without these from the known
model of the nearest size; `explain` says so.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from math import log
from typing import Any

from router.registry.artifact import Artifact
from router.registry.prior import SIZE, prior_ability

# Sizes that the name does not tell, in billions of parameters (model cards).
_KNOWN_SIZES = {
    "phi-3-mini": 3.8,
    "phi-3.5-mini": 3.8,
    "phi3": 3.8,
    "phi3.5": 3.8,
    "phi4-mini": 3.8,
    "phi4": 14.0,
    "mistral-nemo": 12.2,
    "mistral": 7.2,
    "mixtral": 46.7,
    "llama3.1": 8.0,
    "llama3.2": 3.2,
    "llama3": 8.0,
    "qwen2.5": 7.6,
    "qwen3": 8.2,
    "gemma2": 9.2,
    "gemma3": 4.3,
}
_NOISE = re.compile(r"instruct|chat|-it\b|latest|meta|v0\.\d|q\d_[a-z0-9_]+|-\d{4}\b|fp16|hf|gguf")


def normalised(name: str) -> str:
    """A model's name without publisher, case, quantisation and 'instruct'.

    >>> normalised("meta-llama/Meta-Llama-3.1-8B-Instruct") == normalised("llama3.1:8b")
    True
    """
    bare = name.lower().rsplit("/", 1)[-1]
    return re.sub(r"[^a-z0-9.]", "", _NOISE.sub("", bare))


def size_of(name: str) -> float | None:
    """Billions of parameters as far as the name tells them, else None.

    >>> size_of("qwen2.5:14b"), size_of("Mixtral-8x7B-Instruct-v0.1"), size_of("smollm2:135m")
    (14.0, 56.0, 0.135)
    """
    lower = name.lower()
    if found := SIZE.search(lower):
        times, number, unit = found.groups()
        size = float(number) * (int(times) if times else 1)
        return size if unit == "b" else size / 1000
    plain = normalised(name)
    matches = [k for k in _KNOWN_SIZES if normalised(k) and plain.startswith(normalised(k))]
    return _KNOWN_SIZES[max(matches, key=len)] if matches else None


@dataclass(frozen=True, slots=True)
class Ability:
    """The ability term used for a model, in logits, and where it comes from.

    `other_weights`: the name is known, but was measured with other weights than are served.
    """

    value: float
    source: str
    known: bool
    other_weights: bool = False


def ability_for(name: str, known: Mapping[str, float], reference: str) -> Ability:
    """The ability term of `name`: its own, else what its size and generation suggest.

    `known` maps model names to logits. Where these are too few, that of the model of nearest size;
    a name without a size stands at `reference`.
    """
    by_name = {normalised(k): k for k in known}
    if (key := by_name.get(normalised(name))) is not None:
        return Ability(known[key], key, True)
    sizes = {k: s for k in known if (s := size_of(k)) is not None}
    own = size_of(name)
    if own is None or not sizes:
        return Ability(known.get(reference, 0.0), reference, False)
    if (prior := prior_ability(name, own, known, sizes)) is not None:
        return Ability(prior, "a model of its size and generation", False)
    nearest = min(sizes, key=lambda k: (abs(log(sizes[k] / own)), k))
    return Ability(known[nearest], nearest, False)


def ability_of(name: str, known: Mapping[str, float], reference: str) -> float:
    """Ability of `name` beside that of `reference`, in logits; see `ability_for`."""
    own = ability_for(reference, known, reference).value
    return ability_for(name, known, reference).value - own


def measured_ability(manifest: Mapping[str, Any], name: str, digest: str | None) -> Ability:
    """The ability term of the local model `name` as a manifest knows it.

    A term that was measured holds for the weights that were measured: with another `digest` the
    name counts as unknown. `digest` None: which weights are served is not known.
    """
    models = manifest["models"]
    known, reference = models["local"], models["reference_local"]
    bound = manifest.get("measured", {}).get(normalised(name), {}).get("digest")
    if bound is None or digest is None or bound == digest:
        return ability_for(name, known, reference)
    others = {k: v for k, v in known.items() if normalised(k) != normalised(name)}
    return replace(ability_for(name, others, reference), other_weights=True)


def with_ability(
    base: Artifact, model: str, digest: str, ability: float, about: Mapping[str, Any]
) -> Artifact:
    """`base` knowing a local model's ability term, bound to the digest of its weights."""
    mine = normalised(model)
    local = {k: v for k, v in base.manifest["models"]["local"].items() if normalised(k) != mine}
    now = datetime.now(UTC)
    manifest = {
        **base.manifest,
        "version": f"{base.version.split('+')[0][:40]}-{mine[:20]}-{now:%Y%m%d-%H%M%S}",
        "base": base.version,
        "created_at": now.isoformat(timespec="seconds"),
        "models": {**base.manifest["models"], "local": {**local, model: ability}},
        "measured": {**base.manifest.get("measured", {}), mine: {"digest": digest, **about}},
    }
    return replace(base, manifest=manifest)
