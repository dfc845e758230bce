"""Deciding again once the local answer is there, alone or beside other local models' answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isnan, log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router.answers.agreement import AGREEMENT, agreement
from router.answers.constants import MAX_OPINIONS
from router.answers.familiar import anchored
from router.answers.final import EXACT
from router.answers.kinds import OPEN, kind_of_evidence
from router.answers.reading import Answer, Reader, Reading
from router.answers.same import same
from router.answers.verifier import (
    Evidence,
    Verifier,
    features,
    heard,
    with_meaning,
)
from router.decide.bar import Bar, Judged
from router.decide.constants import LEAST_PROBABILITY, NAMES_REMEMBERED, PROMPT_SHARE, UNFAMILIAR
from router.decide.deferral import (
    FROM_ANSWER,
    act_for,
    completed,
    pays_to_read_on,
    value_of_looking,
    values_of_reading_on,
)
from router.decide.dependence import Dependence, limited
from router.decide.heads import sigmoid
from router.decide.reliability import Reliability
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
    `weight`: how reliable such labels have been on rows with known outcomes, 0.05 to 1. `alone`,
    `strangers`: the same probabilities without the opinion, and as if it were a stranger's.
    """

    p_local: float
    p_cloud: float
    agreement: Mapping[str, float]
    weight: float
    alone: tuple[float, float]
    strangers: tuple[float, float]


class SecondLook:
    """A verifier with what it needs to read answers; threads may share it."""

    def __init__(
        self,
        arrays: Mapping[str, NDArray[Any]],
        extractor: FeatureExtractor,
        idf: FloatArray,
        abilities: Mapping[str, float],
        reference: str,
        reliability: Reliability | None = None,
        dependence: Dependence | None = None,
    ) -> None:
        self.verifier = Verifier.from_arrays(arrays)
        self._reliability = reliability or Reliability()
        self._dependence = dependence or Dependence({})
        self._level = tuple(arrays["level"].tolist())
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
            prompt=prompt_logits(decision) if decision is not None else None,
            unheard=len(opinions) - len(at),
            copied=self._copied(answer.model, [others[i].model for i in at]),
        )

    def _copied(self, own: str | None, others: Sequence[str | None]) -> tuple[float, ...]:
        """Of each other opinion how much it repeats the answer or an opinion before it."""
        copied = self._dependence.copied
        shares = [
            max(copied(before, model) for before in (own, *others[:i]))
            for i, model in enumerate(others)
        ]
        return tuple(shares) if any(shares) else ()

    def agreement_label(
        self, asks: str, answer: Answer, others: Sequence[Answer], offer: Offer | None = None
    ) -> AgreementLabel:
        """What agreement alone says of an answer; the prompt's own probability stays out of it."""
        read = 1 + len(others)
        own, *rest = self.reader.read([answer, *others], [asks] * read, [offer] * read)
        evidence = self._evidence(own, rest, answer, others, asks)
        alone, as_strangers = replace(evidence, others=(), copied=()), replace(evidence, copied=())
        p = sigmoid(self.judged([evidence, alone, as_strangers])[0]).tolist()
        measures = agreement(own, rest[0], self._idf).tolist() if rest else []
        return AgreementLabel(
            p_local=p[0][0],
            p_cloud=p[0][1],
            agreement=dict(zip(AGREEMENT, measures, strict=False)),
            weight=self._reliability.of(
                kind_of_evidence(own, asks),
                len(evidence.others),
                evidence.copied[-1] if evidence.copied else 0.0,
            ),
            alone=(p[1][0], p[1][1]),
            strangers=(p[2][0], p[2][1]),
        )

    def rows(self, evidence: Sequence[Evidence]) -> FloatArray:
        """Feature rows, shape (n, f + d); see `Verifier`."""
        d = self.verifier.dimensions
        return np.stack([with_meaning(features(e, self._idf), e.answer, d) for e in evidence])

    def judged(self, evidence: Sequence[Evidence]) -> tuple[FloatArray, FloatArray]:
        """Logits of p_local and p_cloud (n, 2), and how familiar the answers are (n,), 0..1.

        As far as they are not, what the prompt says stands, or where it is unknown the level of
        such models. Of what is open (`OPEN`) a known prompt says PROMPT_SHARE in any case.
        """
        rows = self.rows(evidence)
        degree = self.verifier.familiarity(rows)
        logits = self.verifier.logits(rows)
        for i, one in enumerate(evidence):
            if one.copied:
                logits[i] = self._heard_in_part(one)
        otherwise = np.array([self._otherwise(e) for e in evidence])
        both = [
            e.prompt is not None and kind_of_evidence(e.answer, e.asks) in OPEN for e in evidence
        ]
        share = np.where(both, (1 - PROMPT_SHARE) * degree, degree)
        return anchored(logits, share, otherwise), degree

    def _heard_in_part(self, evidence: Evidence) -> FloatArray:
        """Logits (2,) where opinions hang together: each adds to those before what is its own."""
        steps = [
            replace(evidence, others=evidence.others[:count], abilities=evidence.abilities[:count])
            for count in range(len(evidence.copied) + 1)
        ]
        together = self.verifier.logits(self.rows(steps))
        out = together[:1]
        for before, after, share in zip(together, together[1:], evidence.copied, strict=False):
            out = limited(out, out + (after - before)[None], share)
        logits: FloatArray = out[0]
        return logits

    def _otherwise(self, evidence: Evidence) -> tuple[float, float]:
        if evidence.prompt is not None:
            return evidence.prompt
        return self._level[0] + evidence.ability, self._level[1]

    def decide(
        self,
        decisions: Sequence[Decision],
        evidence: Sequence[Evidence],
        price: float,
        bar: Bar,
    ) -> list[Decision]:
        """The decision after each answer; see `Router.predict_after`."""
        logits, degree = self.judged(evidence)
        p = sigmoid(logits)
        burdens = sigmoid(logits[:, 0] + bar.doubts(degree)) - p[:, 0]
        cuts = [bar.threshold.of(d.est_cost_usd) for d in decisions]
        found = zip(*p.T.tolist(), cuts, burdens.tolist(), degree.tolist(), strict=True)
        return [
            self._decision(d, e, Judged(*one), price)
            for d, e, one in zip(decisions, evidence, found, strict=True)
        ]

    def reads_on(self, decision: Decision, at: int, reach: float, price: float) -> bool:
        """Whether to hold a stream and read on; see `Router.reads_on`."""
        one = (np.array([p]) for p in (decision.p_local, decision.p_cloud, decision.threshold))
        values = values_of_reading_on(self.look, at, *one)
        return bool(pays_to_read_on(values, at, reach, price)[0])

    def _decision(
        self, before: Decision, evidence: Evidence, judged: Judged, price: float
    ) -> Decision:
        p_local, p_cloud = judged.p_local, judged.p_cloud
        gain, threshold = p_cloud - p_local, judged.cut + judged.burden
        value = 0.0
        if not evidence.others and not evidence.unheard:
            value = value_of_looking(self.look[FROM_ANSWER], p_local, p_cloud, threshold)
        act = act_for(gain, threshold, value, price)
        verb = "exceeds" if gain > threshold else "does not exceed"
        reason = (
            f"{_seen(evidence)} The local answer is good with probability {p_local:.2f} "
            f"({_said(before.p_local, ' from the prompt alone')}), the cloud's with {p_cloud:.2f} "
            f"({_said(before.p_cloud)}); the gain {gain:+.2f} {verb} the threshold {threshold:.2f}"
            f"{' and the burden of proof' * (judged.burden > 0)}."
        )
        if judged.familiarity < UNFAMILIAR:
            reason += (
                " Little like this answer was learned from, so the probabilities stay near what is "
                "known without it."
            )
        if act == "look":
            reason += f" A second local opinion is worth asking: it should improve by {value:.3f}."
        tier = choose(gain, threshold)
        if evidence.unheard and not evidence.others and tier == "local":
            # Whatever the cut: nobody is helped by a second refusal in place of an answer.
            tier = act = "cloud"
            reason += " Local models only refuse, so the cloud is asked."
        return replace(
            before,
            tier=tier,
            p_local=p_local,
            p_cloud=p_cloud,
            gain=gain,
            threshold=threshold,
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


def prompt_logits(decision: Decision) -> tuple[float, float] | None:
    """What the prompt alone says; None where it is not known."""
    if isnan(decision.p_local):
        return None
    return _logit(decision.p_local), _logit(decision.p_cloud)


def _logit(p: float) -> float:
    p = min(max(p, LEAST_PROBABILITY), 1 - LEAST_PROBABILITY)
    return log(p / (1 - p))
