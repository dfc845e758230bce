"""What silence is worth on this machine: measured by the audit, and nothing before that.

That nobody complained of an answer is no praise: most people never say a word. Audited answers
are labelled whoever complains, so they tell how good silent ones really are.
"""

from collections.abc import Collection, Sequence

import numpy as np

from router.labels.label import Signal, labelled
from router.labels.sources import EXPLICIT, SILENCE_WEIGHT, SILENT_AUDITED, SOURCES


def told_by(
    loud: Sequence[Signal], audited: Collection[str], silent: Collection[tuple[str, str]]
) -> tuple[float, float] | None:
    """Score and weight of silence by what the audited say; None where they are too few.

    Its score is the mean of audited silent answers, its weight the share of the variance of all
    audited labels that silence explains, at most SILENCE_WEIGHT.
    `loud`: all signals but silence. `silent`: (decision, tier) that nobody complained of, of the
    audited at least.
    """
    known = {
        (label.decision, label.tier): label.score
        for label in labelled(s for s in loud if s.decision in audited)
        if SOURCES[label.source].rank <= EXPLICIT
    }
    scores = np.array(list(known.values()))
    mine = np.array([score for about, score in known.items() if about in silent])
    if len(mine) < SILENT_AUDITED or not scores.std():
        return None
    explained = (mine.mean() - scores.mean()) ** 2 * len(mine) / len(scores) / scores.var()
    return float(mine.mean()), float(min(explained, SILENCE_WEIGHT))
