"""Features and labels of a piece on disk: compact, without a word of any prompt.

A file holds, for its n prompts, the features (embedding in half precision, structure in single, the
rest exact), hashes of prompt and group, the group's name and the source; for its m rows the prompt,
tier, model, score and weight. Read a block at a time, it is what `training.data.featurize` gives.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from safetensors import safe_open

from router.text.features import FeatureExtractor, Features, stacked
from router.text.ragged import Ragged, bounds_of
from router.types import FloatArray, IntArray
from training.data.dataset import LOGGED, TIERS, Dataset, checked
from training.data.splits import group_hash
from training.engine.stages import written

_BATCH = 256  # requests that features are made of at once, as `training.data.featurize` does
BLOCK = 4096  # prompts whose features are in memory at once
_LISTS = ("words", "pairs", "syllables")


@dataclass(frozen=True)
class Stored:
    """One piece on disk."""

    path: str

    @cached_property
    def about(self) -> dict[str, Any]:
        """`models`, `sources`: names by their number; `left_out`: see `Dataset.left_out`."""
        with safe_open(self.path, "numpy") as file:
            return {k: json.loads(v) for k, v in file.metadata().items()}

    @cached_property
    def names(self) -> frozenset[str]:
        """Which arrays there are; a piece of a log without any rating has no features."""
        with safe_open(self.path, "numpy") as file:
            return frozenset(file.keys())

    def array(self, name: str) -> NDArray[Any]:
        """One array by name; see `store`."""
        with safe_open(self.path, "numpy") as file:
            found: NDArray[Any] = file.get_tensor(name)
            return found

    @property
    def groups(self) -> list[str]:
        """The name of each prompt's group."""
        text, bounds = self.array("group_text").tobytes(), bounds_of(self.array("group_sizes"))
        cuts = zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)
        return [text[a:b].decode() for a, b in cuts]

    def blocks(self, size: int = BLOCK) -> Iterator[tuple[int, Features]]:
        """The features of so many prompts at a time, after the number of the first."""
        with safe_open(self.path, "numpy") as file:
            embedding, structure = file.get_tensor("embedding"), file.get_tensor("structure")
            lists = [
                (file.get_tensor(n), bounds_of(file.get_tensor(f"{n}_sizes").astype(np.int64)))
                for n in _LISTS
            ]
        for start in range(0, len(embedding), size):
            end = min(start + size, len(embedding))
            words, pairs, syllables = (
                Ragged(
                    flat[bounds[start] : bounds[end]].astype(np.int32),
                    (bounds[start : end + 1] - bounds[start]),
                )
                for flat, bounds in lists
            )
            yield (
                start,
                Features(
                    embedding[start:end].astype(np.float32),
                    structure[start:end],
                    words,
                    pairs,
                    syllables,
                ),
            )

    def vectors(self, at: IntArray) -> FloatArray:
        """The embeddings of some prompts, numbers ascending, (m, d); nothing else is read."""
        with safe_open(self.path, "numpy") as file:
            found = file.get_slice("embedding")[int(at[0]) : int(at[-1]) + 1]
        vectors: FloatArray = found[at - at[0]].astype(np.float32)
        return vectors

    def features(self, at: IntArray) -> Features:
        """The features of some prompts, numbers ascending; there must be one at least."""
        found = []
        for start, block in self.blocks():
            mine = at[(at >= start) & (at < start + len(block))] - start
            if len(mine):
                found.append(block.take(mine))
        return stacked(found)


def store(
    path: Path,
    frames: Iterator[pd.DataFrame],
    where: str,
    extractor: FeatureExtractor,
    *,
    skip_bad: bool = False,
) -> Stored:
    """Check canonical rows, make features of their prompts, and keep both in `path`.

    Of an exported log the answers that nobody rated are counted and left. Raises DataError,
    TrainingError.
    """
    parts: list[dict[str, NDArray[Any]]] = []
    models: dict[str, int] = {}
    sources: dict[str, int] = {}
    tier_of: dict[str, str] = {}
    left_out: dict[str, int] = {}
    prompts = 0
    for frame in frames:
        log = _log(frame) if set(LOGGED) <= set(frame.columns) else {}
        data = rated(frame, where, skip_bad)
        if data is None:
            parts.append(log)
            continue
        for rule, count in data.left_out.items():
            left_out[rule] = left_out.get(rule, 0) + count
        tier_of |= dict(zip(data.rows["model"], data.rows["tier"], strict=True))
        parts.append({**_arrays(data, extractor, models, sources, prompts), **log})
        prompts += len(data.prompts)
    names = {name for part in parts for name in part}
    arrays = {n: np.concatenate([p[n] for p in parts if n in p]) for n in sorted(names)}
    about = {
        "models": [[name, tier_of[name]] for name in models],
        "sources": list(sources),
        "left_out": left_out,
        "prompts": prompts,
    }
    written(path, arrays, {k: json.dumps(v) for k, v in about.items()})
    return Stored(str(path))


def rated(frame: pd.DataFrame, where: str, skip_bad: bool) -> Dataset | None:
    """Rows let through the gate; of an exported log the rated ones, None where there are none."""
    if set(LOGGED) <= set(frame.columns):
        frame = frame[frame["score"].notna()].drop(columns=[*LOGGED])
        if frame.empty:
            return None
    return checked(frame, where, skip_bad=skip_bad)


def _arrays(
    data: Dataset,
    extractor: FeatureExtractor,
    models: dict[str, int],
    sources: dict[str, int],
    before: int,
) -> dict[str, NDArray[Any]]:
    """The arrays of one frame; `before`: prompts of earlier frames of the piece."""
    prompts, rows, requests = data.prompts, data.rows, data.requests
    lots = [extractor.extract(requests[i : i + _BATCH]) for i in range(0, len(requests), _BATCH)]
    features = stacked(lots)
    position = dict(zip(prompts["prompt_id"], range(before, before + len(prompts)), strict=True))
    named = [str(g).encode() for g in prompts["group"]]
    return {
        **arrays_of(features),
        "prompt": pd.util.hash_array(prompts["prompt_id"].to_numpy(dtype=object)),
        "group": np.array([group_hash(str(g)) for g in prompts["group"]], dtype=np.uint64),
        "group_text": np.frombuffer(b"".join(named), dtype=np.uint8),
        "group_sizes": np.array([len(g) for g in named], dtype=np.uint16),
        "source": _coded(prompts["source"], sources),
        "of": rows["prompt_id"].map(position).to_numpy(dtype=np.int32),
        "tier": rows["tier"].map({t: i for i, t in enumerate(TIERS)}).to_numpy(dtype=np.uint8),
        "model": _coded(rows["model"], models),
        "score": rows["score"].to_numpy(dtype=np.float64),
        "weight": rows["weight"].to_numpy(dtype=np.float64),
    }


def arrays_of(features: Features) -> dict[str, NDArray[Any]]:
    """Features as a piece keeps them; `Stored.blocks` reads them."""
    return {
        "embedding": features.embedding.astype(np.float16),
        "structure": features.structure.astype(np.float32),
        **{n: getattr(features, n).flat.astype(np.uint16) for n in _LISTS},
        **{f"{n}_sizes": getattr(features, n).sizes.astype(np.uint16) for n in _LISTS},
    }


def _log(frame: pd.DataFrame) -> dict[str, NDArray[Any]]:
    """Of every answer of a log, rated or not: its group and when it was given."""
    return {
        "log_group": np.array([group_hash(str(g)) for g in frame["group"]], dtype=np.uint64),
        "log_at": pd.to_numeric(frame["created_at"]).to_numpy(dtype=np.float64),
    }


def _coded(names: "pd.Series[str]", known: dict[str, int]) -> NDArray[np.uint16]:
    """A number for each name, that of `known`, which grows."""
    for name in names.unique():
        known.setdefault(str(name), len(known))
    return np.array(names.map(known), dtype=np.uint16)
