"""What each source of labels is worth, and how much of it counts: numbers chosen by hand."""

from collections.abc import Mapping
from dataclasses import dataclass

_HOUR_S, DAY_S = 3600.0, 86_400.0
EXPLICIT, STRONG = 1, 2  # ranks up to these are opinions, and clear faults; beyond are hints


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What a kind of signal is worth.

    `rank`: lower ones decide. `weight`: 1 is a person's word. `score`: what it says, where it does
    not come with a score of its own. `delay_s`: how long after the answer it may still come.
    """

    rank: int
    weight: float
    score: float | None
    delay_s: float
    words: str


# Chosen: a person's word weighs 1 and the judge's less, as it errs; what merely happened weighs the
# less the more innocent reasons it can have. Faults leave little good in an answer, a correction or
# a repeated request some. Silence weighs nothing until the audit has measured what it is worth
# (`router.labels.silence`). Delays: who is not content asks again at once.
SOURCES: Mapping[str, Source] = {
    "user": Source(rank=0, weight=1.0, score=None, delay_s=float("inf"), words="feedback"),
    "corrected": Source(
        rank=0, weight=1.0, score=0.2, delay_s=float("inf"), words="the user corrected the answer"
    ),
    "judge": Source(
        rank=1,
        weight=0.7,
        score=None,
        delay_s=float("inf"),
        words="the cloud model judged it blind",
    ),
    "bad call": Source(
        rank=2, weight=0.8, score=0.0, delay_s=0.0, words="a tool call that could not be parsed"
    ),
    "useless": Source(rank=2, weight=0.7, score=0.05, delay_s=0.0, words="empty, or a refusal"),
    "asked the cloud": Source(
        rank=2, weight=0.6, score=0.1, delay_s=0.5 * _HOUR_S, words="asked again soon, of the cloud"
    ),
    "cut off": Source(rank=2, weight=0.4, score=0.2, delay_s=0.0, words="the answer was cut off"),
    "regenerated": Source(
        rank=3, weight=0.3, score=0.3, delay_s=0.25 * _HOUR_S, words="the same request again soon"
    ),
    "quiet": Source(
        rank=4, weight=0.0, score=None, delay_s=float("inf"), words="nobody complained"
    ),
}

PERSONS = frozenset(("user", "corrected"))  # sources that choose what they speak of

# No word decides alone.
PER_GROUP = 3.0  # chosen: no prompt may say more than so many labels' worth
KEY_SHARE = 0.5  # chosen: of all explicit weight, where more than one key speaks

# Whose word counts.
PER_KEY_DAY = 50  # chosen: opinions of one key that count in a day, the first ones
# Chosen: so many opinions that (nearly) all say the same teach nothing that could be told apart.
ONE_SIDED, SAME_DEVIATION = 20, 0.02
ENOUGH_ANSWERS = 10  # chosen: that must have other evidence before a key is doubted
DOUBT_Z = -1.645  # one-sided 5 % quantile: how surely a key must say the opposite of it

# What silence is worth.
SILENT_AUDITED = 50  # chosen: audited answers that nobody complained of, to know what that says
SILENCE_WEIGHT = 0.1  # chosen: the most that silence may weigh, so common as it is

# Who has shown to tell good answers from bad.
PROVEN_BY = 30  # chosen: opinions of one key from which on they must show it
PROOF_Z, TOGETHER_Z = 1.645, 2.326  # one-sided 5 % for each key, 1 % for all that are left together
