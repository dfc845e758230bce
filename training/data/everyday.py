"""Graded everyday prompts as soft labels.

The rubric (data/README.md) grades a prompt from 1 to 5 for a good 8B local model and a frontier
model. `LOCAL` and `CLOUD` say how often such models' answers are taken to be good at each grade.
"""

import hashlib

import numpy as np
import pandas as pd

from router.errors import DataError

# Near the table that the design found by cross-validation (easy .95 to hard .3 for local),
# spread over five grades.
LOCAL = {1: 0.97, 2: 0.92, 3: 0.75, 4: 0.40, 5: 0.20}
CLOUD = {1: 0.98, 2: 0.97, 3: 0.95, 4: 0.90, 5: 0.80}
# A grade is a considered judgement, an exam outcome one draw of a random event. Beside exam
# questions, of {3, 10, 30, 100} the weights 30 and 100 rank unseen kinds of work best (AUC .89 at
# C = 0.03 against .82 for 3 at C = 0.1), and 30 costs the exam questions less.
WEIGHT = 30.0
SOURCE = "everyday"
RUBRIC_PREFIX = "rubric-"
FIELDS = ("prompt", "kind", "language", "difficulty", "needs_cloud", "reason", "origin")


def is_graded(frame: pd.DataFrame) -> bool:
    """Whether a table holds graded prompts rather than outcomes."""
    return "difficulty" in frame.columns and "score" not in frame.columns


def canonical(frame: pd.DataFrame, where: str) -> pd.DataFrame:
    """Graded prompts as canonical rows: two rows per prompt, one per tier."""
    missing = [f for f in ("prompt", "kind", "difficulty", "needs_cloud") if f not in frame]
    if missing:
        raise DataError(f"{where} lacks the column {missing[0]} of graded prompts.")
    bad = ~frame["difficulty"].isin(LOCAL)
    if bad.any():
        row = int(np.flatnonzero(bad)[0]) + 1
        raise DataError(f"{where}, row {row}, column difficulty: must be a whole number 1 to 5.")
    ids = [prompt_id(p) for p in frame["prompt"].astype("str")]
    tiers = []
    for tier, table in (("local", LOCAL), ("cloud", CLOUD)):
        tiers.append(
            pd.DataFrame(
                {
                    "prompt_id": ids,
                    "group": ids,
                    "source": SOURCE,
                    "category": frame["kind"].to_numpy(),
                    "prompt": frame["prompt"].to_numpy(),
                    "tier": tier,
                    "model": RUBRIC_PREFIX + tier,
                    "score": frame["difficulty"].map(table).to_numpy(dtype="float64"),
                    "weight": WEIGHT,
                }
            )
        )
    return pd.concat(tiers, ignore_index=True)


def prompt_id(prompt: str) -> str:
    """A stable id from the text.

    >>> prompt_id("hi")
    '8f434346648f6b96'
    """
    return hashlib.sha256(prompt.encode("utf-8", "replace")).hexdigest()[:16]
