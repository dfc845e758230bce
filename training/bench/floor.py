"""Is the promised floor kept? Labels are drawn from real outcomes again and again, and counted.

The world is one source of held-out rows (`training.bench.heldout`), a row a group; labels are drawn
from it with replacement, so what a threshold really keeps there is known. Beside it stands
conformal risk control (arXiv 2208.02814), which holds the loss on average over samples: largest t
up to which (sum of losses + the largest loss) / (n + 1) <= 0, the loss being f cloud - s_t.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from router.promise import FLOOR_CONFIDENCE, Known, threshold_for_floor
from router.types import FloatArray
from training.bench.constants import FLOOR_DRAWS, FLOOR_LABELS, FLOORS


def run_floors(rows: pd.DataFrame, seed: int = 0, draws: int = FLOOR_DRAWS) -> list[dict[str, Any]]:
    """One row per source, floor and number of labels that the source has."""
    out: list[dict[str, Any]] = []
    for source, part in rows.groupby("source", observed=True):
        world = world_of(part)
        for floor in FLOORS:
            for labels in FLOOR_LABELS:
                if labels <= len(world):
                    found = kept(world, floor, labels, np.random.default_rng(seed), draws)
                    out.append({"source": str(source), "floor": floor, "labels": labels, **found})
    return out


def world_of(rows: pd.DataFrame) -> Known:
    """Held-out rows of one source, a row a group."""
    columns = ["p_local", "p_cloud", "local", "cloud"]
    p_local, p_cloud, local, cloud = (
        rows.astype(dict.fromkeys(columns, "float64")).groupby("group")[columns].mean().to_numpy().T
    )
    return Known(p_cloud - p_local, local, cloud, f"requests of {len(local)}")


def kept(
    world: Known, floor: float, labels: int, rng: np.random.Generator, draws: int
) -> dict[str, float]:
    """Over samples of `labels`: how often the floor is broken, refused, and the share of the cloud.

    `best`: the smallest share of the cloud that keeps the floor, were all outcomes known. What is
    refused goes to the cloud and breaks nothing.
    """
    gains, quality = _quality(world)
    holds = quality >= floor
    broken, shares = {"promise": 0, "average": 0}, {"promise": 0.0, "average": 0.0}
    refused = 0
    for sample in _samples(world, labels, rng, draws):
        cuts = {
            "promise": threshold_for_floor(sample, floor, FLOOR_CONFIDENCE),
            "average": _on_average(sample, floor),
        }
        refused += cuts["promise"] is None
        for name, cut in cuts.items():
            stays = 0 if cut is None else int(np.searchsorted(gains, cut, side="right"))
            shares[name] += (1 - stays / len(gains)) / draws
            broken[name] += bool(stays) and not holds[stays - 1]
    longest = int(np.argmin(holds)) if not holds.all() else len(holds)
    return {
        "broken": broken["promise"] / draws,
        "refused": refused / draws,
        "share": shares["promise"],
        "best": 1 - longest / len(gains),
        "broken on average": broken["average"] / draws,
        "share on average": shares["average"],
    }


def _samples(world: Known, labels: int, rng: np.random.Generator, draws: int) -> Iterator[Known]:
    for _ in range(draws):
        at = rng.integers(0, len(world), labels)
        yield Known(world.gain[at], world.local[at], world.cloud[at], world.words)


def _quality(world: Known) -> tuple[FloatArray, FloatArray]:
    """Gains, rising, and the routed quality over the cloud's where all up to each stay local.

    Within equal gains, which stay or leave together, every entry has the quality of the last.
    """
    order = np.argsort(world.gain, kind="stable")
    gain = world.gain[order]
    routed = world.cloud.sum() + np.cumsum((world.local - world.cloud)[order])
    last = np.searchsorted(gain, gain, side="right") - 1
    return gain, (routed / world.cloud.sum())[last]


def _on_average(sample: Known, floor: float) -> float | None:
    """The threshold of conformal risk control."""
    order = np.argsort(sample.gain, kind="stable")
    gain, local, cloud = sample.gain[order], sample.local[order], sample.cloud[order]
    losses = (floor - 1) * cloud.sum() + np.cumsum(cloud - local)
    ends = np.append(gain[1:] > gain[:-1], True)
    held = (losses + floor)[ends] <= 0
    stays = len(held) if held.all() else int(np.argmin(held))
    return float(gain[ends][stays - 1]) if stays else None
