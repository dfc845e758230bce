"""Why a decision came out as it did: what each feature adds to the gain, in words."""

from collections.abc import Sequence

import numpy as np

from router.answers.verifier import NAMES as VERIFIED
from router.answers.verifier import Evidence
from router.decide.after import SecondLook
from router.decide.constants import LEAST_SHOWN_LOGITS, SHOWN_CONTRIBUTIONS
from router.decide.heads import Heads
from router.registry.ability import Ability
from router.text.features import FeatureExtractor, Features
from router.text.structure import NAMES
from router.types import Contribution, FloatArray, Request, Tier

_COUNTS = ("one other opinion", "two other opinions", "prompt unknown")


def contributions_before(
    heads: Heads, extractor: FeatureExtractor, request: Request
) -> tuple[Contribution, ...]:
    """What pushed the decision for `request`, strongest first.

    A contribution is the feature's share of logit(cloud good) - logit(local good): above 0 it
    speaks for the cloud. They are measured from an average request, so they need not add up to the
    gain, but their order and sign are those of the model.
    """
    features = extractor.extract([request])
    toward_cloud = heads.calibration[:, 0] * np.array([-1.0, 1.0])
    found = [
        *_structure_pushes(heads, features, toward_cloud),
        *_word_pushes(heads, extractor.tokens, features, toward_cloud),
        Contribution(
            "the overall meaning of the text",
            float(features.embedding[0] @ (toward_cloud @ heads.embedding)),
        ),
    ]
    found = sorted(
        (p for p in found if abs(p.logits) > LEAST_SHOWN_LOGITS), key=lambda p: -abs(p.logits)
    )
    return tuple(found[:SHOWN_CONTRIBUTIONS])


def contributions_after(second: SecondLook, evidence: Evidence) -> tuple[Contribution, ...]:
    """What pushed the decision after an answer, strongest first.

    In the units of `contributions_before`, measured from an average answer of the training data.
    """
    row = second.rows([evidence])
    logits = second.verifier.toward_cloud(row)
    # What an answer has says something to a reader; what it lacks hardly does, but for equality.
    shown = (row[0, : len(VERIFIED)] != 0) & ~np.isin(VERIFIED, _COUNTS)
    shown[VERIFIED.index("agreement: equal")] = bool(evidence.others)
    order = np.argsort(-np.abs(logits * shown))[: min(SHOWN_CONTRIBUTIONS, int(shown.sum()))]
    found = tuple(Contribution(VERIFIED[i], float(logits[i])) for i in order)
    return tuple(p for p in found if abs(p.logits) > LEAST_SHOWN_LOGITS)


def _structure_pushes(
    heads: Heads, features: Features, toward_cloud: FloatArray
) -> list[Contribution]:
    z = heads.standardised(features.structure)[0]
    logits = z * (toward_cloud @ heads.structure)
    degree = ("below average", "above average")
    return [
        Contribution(f"{name}, {degree[int(value > 0)]}", float(p))
        for name, value, p in zip(NAMES, z, logits, strict=True)
    ]


def _word_pushes(
    heads: Heads, tokens: Sequence[str], features: Features, toward_cloud: FloatArray
) -> list[Contribution]:
    present = features.words[0]
    if not len(present):
        return []
    values = heads.word_idf[present].astype(np.float64)
    values = values / np.sqrt(values @ values)
    logits = (toward_cloud @ heads.words[:, present]) * values
    return [
        Contribution(f"the word {tokens[i]!r}", float(p))
        for i, p in zip(present.tolist(), logits.tolist(), strict=True)
    ]


def assumptions(models: Sequence[tuple[Tier, str, Ability]]) -> list[str]:
    """What was assumed of models (tier, name, ability) that have no outcomes of their own."""
    notes = []
    for tier, name, ability in models:
        if ability.other_weights:
            notes.append(
                f"{name} was measured with other weights than are served now, so it counts as "
                f"unmeasured; it is taken to be as good as {ability.source}. Run: router probe."
            )
        elif not ability.known:
            notes.append(
                f"The {tier} model {name} has no outcomes yet; "
                f"its ability starts from that of {ability.source}."
            )
    return notes
