"""What a router gets wrong, as clusters of requests told in their own words."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.cluster import KMeans
from sklearn.feature_extraction.text import TfidfVectorizer

from training.data.log import Window
from training.evaluate.constants import (
    CLUSTER_STARTS,
    CLUSTER_WORDS,
    MAX_CLUSTERS,
    MISTAKE_GAP,
    ROWS_PER_CLUSTER,
)


@dataclass(frozen=True, slots=True)
class Mistakes:
    """Requests whose local answer was better or worse than thought.

    `error`: mean of score minus p_local; below 0 the router was too hopeful. `words`: those that
    set the cluster apart from all requests.
    """

    requests: int
    error: float
    words: tuple[str, ...]
    example: str


def mistakes(
    window: Window, scores: pd.Series, *, limit: float = MISTAKE_GAP, seed: int = 0
) -> list[Mistakes]:
    """Clusters of requests where `scores` (decision -> score of the local answer) and the logged
    p_local differ by more than `limit`, the largest first; empty where there are too few.
    """
    frame = window.frame
    score = frame["id"].map(scores)
    error = (score - frame["p_local"]).to_numpy(dtype="float64")
    wrong = np.flatnonzero((np.abs(error) > limit) & (frame["prompt"] != "").to_numpy())
    if len(wrong) < ROWS_PER_CLUSTER:
        return []
    side = np.where(error[wrong] > 0, 1.0, -1.0)
    points = np.column_stack([window.features.embedding[wrong], side])
    count = max(2, min(MAX_CLUSTERS, len(wrong) // ROWS_PER_CLUSTER))
    cluster = KMeans(count, n_init=CLUSTER_STARTS, random_state=seed).fit_predict(points)
    weigh = TfidfVectorizer(stop_words="english", token_pattern=r"[^\W\d_]{3,}", min_df=2)
    table = weigh.fit_transform(frame["prompt"])
    names = weigh.get_feature_names_out()
    usual = np.asarray(table.mean(axis=0)).ravel()
    out = []
    for number in range(count):
        at = wrong[cluster == number]
        above = np.asarray(table[at].mean(axis=0)).ravel() - usual
        words = tuple(str(names[i]) for i in np.argsort(-above)[:CLUSTER_WORDS])
        centre = points[cluster == number].mean(axis=0)
        nearest = at[np.argmin(((points[cluster == number] - centre) ** 2).sum(axis=1))]
        out.append(
            Mistakes(len(at), float(error[at].mean()), words, str(frame["prompt"].iloc[nearest]))
        )
    return sorted(out, key=lambda m: -m.requests)
