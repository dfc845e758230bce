"""Why a decision came out as it did: what each feature adds to the gain, in words."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from router.answers.verifier import NAMES as VERIFIED
from router.decide.after import AnswerLike
from router.decide.heads import Heads
from router.text.features import Features
from router.text.structure import NAMES
from router.types import Contribution, Decision, Explanation, FloatArray, Request

if TYPE_CHECKING:
    from router.decide.router import Router

SHOWN = 8
_COUNTS = ("one other opinion", "two other opinions", "prompt unknown")
_SMALL = 0.005  # pushes below this are noise to a reader


def explain(router: "Router", request: Request) -> Explanation:
    """The decision for `request` and what pushed it.

    A push is the feature's share of logit(cloud good) - logit(local good): above 0 it speaks
    for the cloud. Pushes are measured from an average request, so they need not add up to the
    gain, but their order and sign are those of the model.
    """
    features = router.extractor.extract([request])
    toward_cloud = router.heads.calibration[:, 0] * np.array([-1.0, 1.0])
    pushes = [
        *_structure_pushes(router.heads, features, toward_cloud),
        *_word_pushes(router, features, toward_cloud),
        Contribution(
            "the overall meaning of the text",
            float(features.embedding[0] @ (toward_cloud @ router.heads.embedding)),
        ),
    ]
    pushes = sorted((p for p in pushes if abs(p.push) > _SMALL), key=lambda p: -abs(p.push))
    decision = router.decide(request)
    return Explanation(decision, tuple(pushes[:SHOWN]), tuple(_notes(router, decision)))


def explain_after(
    router: "Router", decision: Decision, answer: AnswerLike, others: Sequence[AnswerLike] = ()
) -> Explanation:
    """The decision after an answer (see `Router.predict_after`) and what pushed it.

    Pushes are in the units of `explain`, measured from an average answer of the training data.
    """
    second = router.second_look()
    evidence = router.evidence_after(decision, answer, others)
    after = second.decide([decision], [evidence], router.look_price)[0]
    row = second.rows([evidence])
    z = second.verifier.standardised(row)[0]
    push = z * (second.verifier.weights[1] - second.verifier.weights[0])
    # What an answer has says something to a reader; what it lacks hardly does, but for equality.
    shown = (row[0] != 0) & ~np.isin(VERIFIED, _COUNTS)
    shown[VERIFIED.index("agreement: equal")] = bool(others)
    order = np.argsort(-np.abs(push * shown))[: min(SHOWN, int(shown.sum()))]
    pushes = tuple(Contribution(VERIFIED[i], float(push[i])) for i in order)
    empty = not (answer if isinstance(answer, str) else answer.text).strip()
    notes = ["The answer is empty, so nothing in it could be judged."] if empty else []
    return Explanation(after, tuple(p for p in pushes if abs(p.push) > _SMALL), tuple(notes))


def _structure_pushes(
    heads: Heads, features: Features, toward_cloud: FloatArray
) -> list[Contribution]:
    z = heads.standardised(features.structure)[0]
    push = z * (toward_cloud @ heads.structure)
    degree = ("below average", "above average")
    return [
        Contribution(f"{name}, {degree[int(value > 0)]}", float(p))
        for name, value, p in zip(NAMES, z, push, strict=True)
    ]


def _word_pushes(
    router: "Router", features: Features, toward_cloud: FloatArray
) -> list[Contribution]:
    heads, present = router.heads, features.words[0]
    if not len(present):
        return []
    values = heads.word_idf[present].astype(np.float64)
    values = values / np.sqrt(values @ values)
    push = (toward_cloud @ heads.words[:, present]) * values
    return [
        Contribution(f"the word {router.extractor.tokens[i]!r}", float(p))
        for i, p in zip(present.tolist(), push.tolist(), strict=True)
    ]


def _notes(router: "Router", decision: Decision) -> list[str]:
    notes = []
    if router.second is not None:
        verb = "above" if decision.act == "look" else "not above"
        notes.append(
            f"A second local opinion should improve the decision by {decision.look_value:.3f}, "
            f"{verb} its price of {router.look_price:g}."
        )
    for tier, name, ability in zip(
        ("local", "cloud"),
        (router.local_model, router.cloud_model),
        router.abilities,
        strict=True,
    ):
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
