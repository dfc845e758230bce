"""The outcomes of a log on which a promise can rest: of its newest requests, and honest about gaps.

The judge sees requests that have a local answer, so those that went straight to the cloud have no
outcome, and they are the hard ones. As many of these stand for their kind as the judge's sample has
of the others, and each counts as if its local answer were worthless: what a threshold lets stay of
them counts in full against the promise.
"""

import numpy as np
import pandas as pd

from training.data.columns import among
from training.data.log import Window
from training.fit.head import TIERS
from training.fit.heads import Fitted
from training.fit.known import KnownOutcomes, known_outcomes
from training.pipelines.before_after import LabelledWindow


def judged_outcomes(
    window: Window, labelled: LabelledWindow, fitted: Fitted, seed: int
) -> KnownOutcomes | None:
    """Later requests with a true label for both tiers, and their share of those without one.

    Agreement is a guess and promises nothing. Of several pairs of models the usual one counts.
    """
    true = labelled.part(labelled.true, labelled.late)
    sides = [true[true["tier"] == tier] for tier in TIERS]
    usual = [side[side["model"].isin(side["model"].mode().head(1))] for side in sides]
    said = pd.concat([a[among(a["prompt_id"], b["prompt_id"])] for a, b in (usual, usual[::-1])])
    if said.empty:
        return None
    rest = _unseen_by_the_judge(window, labelled, said, np.random.default_rng(seed))
    rows = pd.concat([said, rest], ignore_index=True)
    return known_outcomes(fitted, window.features, rows, labelled.known.position)


def _unseen_by_the_judge(
    window: Window, labelled: LabelledWindow, said: pd.DataFrame, rng: np.random.Generator
) -> pd.DataFrame:
    frame = window.frame.drop_duplicates("group")
    began = frame["at"][among(frame["id"], labelled.late)].min()
    early = window.frame["group"][among(window.frame["id"], labelled.early)]
    later = frame[(frame["at"] >= began) & ~among(frame["group"], early)]
    straight = (later["tier"] == "cloud") & ~later["escalated"].astype(bool)
    rate = said["group"].nunique() / max(int((~straight).sum()), 1)
    hard = later[straight & ~among(later["group"], said["group"])]
    count = min(len(hard), int(np.ceil(rate * int(straight.sum()))))
    drawn = hard.iloc[np.sort(rng.permutation(len(hard))[:count])]
    asked = pd.DataFrame({"prompt_id": drawn["id"], "group": drawn["group"], "source": "log"})
    models = said.groupby("tier")["model"].first()
    usual = float(said.loc[said["tier"] == "cloud", "score"].mean())
    scores = {"local": 0.0, "cloud": usual}
    return pd.concat([asked.assign(tier=t, model=models[t], score=scores[t]) for t in TIERS])
