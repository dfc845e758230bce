"""Deciding again once the local answer is there, alone or beside other local models' answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isnan, log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router.answers.agreement import AGREEMENT, agreement
from router.answers.constants import LEAST_RELIABLE, MAX_OPINIONS
from router.answers.final import EXACT
from router.answers.reading import Answer, Reader, Reading
from router.answers.same import same
from router.answers.verifier import (
    Evidence,
    Verifier,
    features,
    heard,
)
from router.decide.constants import LEAST_PROBABILITY, NAMES_REMEMBERED
from router.decide.deferral import (
    FROM_ANSWER,
    act_for,
    completed,
    pays_to_read_on,
    value_of_looking,
    values_of_reading_on,
)
from router.decide.heads import sigmoid
from router.errors import InputError
from router.registry.ability import ability_of, normalised
from router.text.features import FeatureExtractor
from router.threshold import choose
from router.types import Decision, FloatArray, Offer

AnswerLike = str | Answer


@dataclass(frozen=True, slots=True)
class AgreementLabel:
    """Labels that nobody gave: probabilities that both tiers' answers are good.

    `agreement`: measures of `router.answers.agreement` between the answer and the first opinion.
    `weight`: how reliable such labels have been on rows with known outcomes, 0.05 to 1.
    """

    p_local: float
    p_cloud: float
    agreement: Mapping[str, float]
    weight: float


class SecondLook:
    """A verifier with what it needs to read answers; threads may share it."""

    def __init__(
        self,
        arrays: Mapping[str, NDArray[Any]],
        extractor: FeatureExtractor,
        idf: FloatArray,
        abilities: Mapping[str, float],
        reference: str,
        reliability: Mapping[int, float] | None = None,
    ) -> None:
        self.verifier = Verifier.from_arrays(arrays)
        self._reliability = reliability or {}
        self.look = completed(arrays["look"].astype(np.float64))
        self._idf = idf.astype(np.float64)
        self.reader = Reader(extractor, self._idf)
        self._abilities, self._reference = abilities, reference
        self._abilities_met: dict[str, float] = {}  # of names met before

    def ability(self, model: str | None) -> float:
        """Ability of a local model beside that of the reference model, in logits."""
        if model is None:
            return 0.0
        if model not in self._abilities_met:
            known = ability_of(model, self._abilities, self._reference)
            if len(self._abilities_met) >= NAMES_REMEMBERED:
                return known
            self._abilities_met[model] = known
        return self._abilities_met[model]

    def evidence(
        self,
        decisions: Sequence[Decision],
        answers: Sequence[Answer],
        others: Sequence[Sequence[Answer]],
    ) -> list[Evidence]:
        """Everything read and set beside each other, one per request."""
        flat = [a for answer, rest in zip(answers, others, strict=True) for a in (answer, *rest)]
        asks = [d.asks for d, rest in zip(decisions, others, strict=True) for _ in (0, *rest)]
        offers = [d.offer for d, rest in zip(decisions, others, strict=True) for _ in (0, *rest)]
        readings = iter(self.reader.read(flat, asks, offers))
        out = []
        for decision, answer, rest in zip(decisions, answers, others, strict=True):
            own, opinions = next(readings), [next(readings) for _ in rest]
            out.append(self._evidence(own, opinions, answer, rest, decision.asks, decision))
        return out

    def _evidence(
        self,
        own: Reading,
        opinions: Sequence[Reading],
        answer: Answer,
        others: Sequence[Answer],
        asks: str,
        decision: Decision | None = None,
    ) -> Evidence:
        at = heard(own, opinions)
        return Evidence(
            answer=own,
            others=[opinions[i] for i in at],
            asks=asks,
            ability=self.ability(answer.model),
            abilities=[self.ability(others[i].model) for i in at],
            prompt=_logits_of(decision) if decision is not None else None,
            unheard=len(opinions) - len(at),
        )

    def agreement_label(
        self, asks: str, answer: Answer, others: Sequence[Answer], offer: Offer | None = None
    ) -> AgreementLabel:
        """What agreement alone says of an answer; the prompt's own probability stays out of it."""
        read = 1 + len(others)
        own, *rest = self.reader.read([answer, *others], [asks] * read, [offer] * read)
        evidence = self._evidence(own, rest, answer, others, asks)
        p_local, p_cloud = sigmoid(self.verifier.logits(self.rows([evidence])))[0].tolist()
        measures = agreement(own, rest[0], self._idf).tolist() if rest else []
        return AgreementLabel(
            p_local,
            p_cloud,
            dict(zip(AGREEMENT, measures, strict=False)),
            self._reliability.get(len(evidence.others), LEAST_RELIABLE),
        )

    def rows(self, evidence: Sequence[Evidence]) -> FloatArray:
        """Feature rows, shape (n, SIZE)."""
        return np.stack([features(e, self._idf) for e in evidence])

    def decide(
        self, decisions: Sequence[Decision], evidence: Sequence[Evidence], price: float
    ) -> list[Decision]:
        """The decision after each answer; see `Router.predict_after`."""
        p = sigmoid(self.verifier.logits(self.rows(evidence))).tolist()
        return [
            self._decision(d, e, local, cloud, price)
            for d, e, (local, cloud) in zip(decisions, evidence, p, strict=True)
        ]

    def reads_on(self, decision: Decision, at: int, reach: float, price: float) -> bool:
        """Whether to hold a stream and read on; see `Router.reads_on`."""
        one = (np.array([p]) for p in (decision.p_local, decision.p_cloud, decision.threshold))
        values = values_of_reading_on(self.look, at, *one)
        return bool(pays_to_read_on(values, at, reach, price)[0])

    def _decision(
        self, before: Decision, evidence: Evidence, p_local: float, p_cloud: float, price: float
    ) -> Decision:
        gain, threshold = p_cloud - p_local, before.threshold
        value = 0.0
        if not evidence.others and not evidence.unheard:
            value = value_of_looking(self.look[FROM_ANSWER], p_local, p_cloud, threshold)
        act = act_for(gain, threshold, value, price)
        verb = "exceeds" if gain > threshold else "does not exceed"
        reason = (
            f"{_seen(evidence)} The local answer is good with probability {p_local:.2f} "
            f"({_said(before.p_local, ' from the prompt alone')}), the cloud's with {p_cloud:.2f} "
            f"({_said(before.p_cloud)}); the gain {gain:+.2f} {verb} the threshold {threshold:.2f}."
        )
        if act == "look":
            reason += f" A second local opinion is worth asking: it should improve by {value:.3f}."
        return replace(
            before,
            tier=choose(gain, threshold),
            p_local=p_local,
            p_cloud=p_cloud,
            gain=gain,
            reason=reason,
            act=act,
            look_value=value,
        )


def checked_answer(value: Any, what: str, model: str | None = None) -> Answer:
    """An `Answer` from text or an `Answer`. Raises InputError for anything else."""
    if isinstance(value, str):
        return Answer(value, model)
    if isinstance(value, Answer) and isinstance(value.text, str):
        calls = value.tool_calls
        if not isinstance(calls, list | tuple) or not all(isinstance(c, Mapping) for c in calls):
            raise InputError(f"{what} has tool calls that are no list of objects.")
        return replace(value, model=value.model or model)
    raise InputError(f"{what} is {type(value).__name__}, not text or an Answer; decode it first.")


def checked_others(values: Any, own: str | None) -> list[Answer]:
    """The other opinions, at most two, those of other models first."""
    if isinstance(values, str | Answer) or not isinstance(values, Sequence):
        raise InputError("others must be a list of answers.")
    others = [checked_answer(v, f"Opinion {i}") for i, v in enumerate(values)]
    if len(others) > MAX_OPINIONS and own:
        mine = normalised(own)
        others.sort(key=lambda a: a.model is not None and normalised(a.model) == mine)
    return others[:MAX_OPINIONS]


def _seen(evidence: Evidence) -> str:
    """What the answers show, in words."""
    answer, others = evidence.answer, evidence.others
    if answer.final.kind == "none":
        return "The local answer is empty."
    if not others and evidence.unheard:
        return "The local models refuse alike."
    if not others:
        read = "The beginning of the local answer" if answer.so_far else "The local answer"
        return f"{read} was read; no other model was asked."
    verdicts = [same(answer.final, o.final) for o in others]
    if all(v is None for v in verdicts):
        kinds = {answer.final.kind, *(o.final.kind for o in others)} - EXACT
        words = "free text" if kinds <= {"prose", "code"} else "no final answer"
        return f"The local answers could only be compared by degree ({words})."
    count = sum(v is True for v in verdicts)
    if len(others) == 1:
        return f"The second local model {'agrees' if count else 'answers otherwise'}."
    return (
        f"{('Neither', 'One', 'Both')[count]} of two other local models agree{'s' * (count < 2)}."
    )


def _said(p: float, whence: str = "") -> str:
    return "the prompt is not known" if isnan(p) else f"{p:.2f}{whence}"


def _logits_of(decision: Decision) -> tuple[float, float] | None:
    """What the prompt alone says; None where it is not known."""
    if isnan(decision.p_local):
        return None
    return _logit(decision.p_local), _logit(decision.p_cloud)


def _logit(p: float) -> float:
    p = min(max(p, LEAST_PROBABILITY), 1 - LEAST_PROBABILITY)
    return log(p / (1 - p))
