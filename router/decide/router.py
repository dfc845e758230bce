"""`Router`: a loaded model, its pair of models and its operating point."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from router.answers.verifier import Evidence
from router.decide.after import AnswerLike, SecondLook, checked_answer, checked_others
from router.decide.bar import Bar, Threshold
from router.decide.constants import BATCH_REQUESTS, STRANGE_DEVIATION, UNMEASURED_DEVIATION
from router.decide.deferral import FROM_PROMPT, act_for, values_of_looking
from router.decide.dependence import Dependence
from router.decide.explain import assumptions, contributions_after, contributions_before
from router.decide.extractors import extractor_of
from router.decide.heads import Heads, sigmoid
from router.decide.reliability import Reliability
from router.errors import ArtifactMismatch, ConfigError, InputError
from router.prices import Prices
from router.registry import artifact as artifacts
from router.registry.ability import Ability, ability_for
from router.registry.reference import abilities_of, reference_of
from router.text.asks import asks_for
from router.text.request import checked_tools, request_from_messages, request_from_prompt
from router.threshold import (
    CONFIDENCE,
    LOOK_PRICE,
    Cut,
    Money,
    OperatingPoint,
    QualityFloor,
    choose,
)
from router.types import BatchPrediction, Decision, Explanation, FloatArray, Offer, Request

if TYPE_CHECKING:
    from router.settings import Settings


class Router:
    """A model, the pair of models it speaks of, and the operating point.

    Immutable after construction, so any number of threads may share one.

    >>> decision = Router.load().predict("What is the capital of France?")
    >>> decision.tier
    'local'
    """

    def __init__(
        self,
        artifact: artifacts.Artifact,
        *,
        local_model: str = "llama3.1:8b",
        cloud_model: str = "claude-sonnet-5-5",
        output_tokens: int = 500,
        operating_point: OperatingPoint | None = None,
        look_price: float = LOOK_PRICE,
        confidence: float = CONFIDENCE,
        local_digest: str | None = None,
        prices: Prices | None = None,
    ) -> None:
        manifest = artifact.manifest
        self.version = artifact.version
        self.traffic: Mapping[str, Any] = manifest.get("traffic", {})  # see `router.monitor.alarms`
        self.cloud_model, self.local_model = cloud_model, local_model
        self.output_tokens, self.prices = output_tokens, prices or Prices()
        self.operating_point: OperatingPoint = operating_point or Cut(
            float(manifest["threshold"]["default"]), "the model's default cut"
        )
        self.extractor = extractor_of(artifact)
        self.heads = Heads.from_arrays(artifact.arrays)
        self.reference = reference_of(artifact, local_model, cloud_model, local_digest)
        self.abilities: tuple[Ability, Ability] = abilities_of(
            artifact, local_model, cloud_model, local_digest
        )
        # What a floor sends to the cloud was promised to be the cloud's: nothing keeps it back.
        self._floor = isinstance(self.operating_point, QualityFloor)
        self._clouds: Mapping[str, float] = manifest["models"]["cloud"]
        self.confidence = confidence
        from statistics import NormalDist  # here, as it is slow to load

        sure = NormalDist().inv_cdf(confidence)
        self._doubt = 0.0  # logits by which an unmeasured model may be better than is thought
        if self._floor:
            sure = 0.0
        if not self.abilities[0].known:
            self._doubt = float(self.heads.calibration[0, 0]) * UNMEASURED_DEVIATION * sure
        self.threshold = Threshold(self.operating_point, self.reference)
        self._bar = Bar(self.threshold, self._doubt, STRANGE_DEVIATION * sure)
        self.look_price = look_price
        if isinstance(self.operating_point, Money) and self.operating_point.look_usd:
            self.look_price = self.operating_point.look_usd / self.operating_point.value_usd
        self.second: SecondLook | None = None
        if artifact.verifier is not None:
            self.second = SecondLook(
                artifact.verifier,
                self.extractor,
                self.heads.word_idf,
                manifest["models"]["local"],
                manifest["models"]["reference_local"],
                Reliability.of_manifest(manifest["verifier"]),
                Dependence(manifest.get("copied", {})),
            )
        self._ability = np.array([a.value for a in self.abilities])

    @classmethod
    def load(cls, path: str | Path | None = None, **options: Any) -> Self:
        """Load a model, or without `path` the one that the settings name.

        `path`: a version's folder, a `models/` folder or its `current`. `options` are those of the
        constructor. Raises ArtifactError or ConfigError.
        """
        if path is not None:
            return cls(artifacts.load(artifacts.locate(Path(path))), **options)
        # Here, as it brings pydantic, which is slow to load and which a given path does not need.
        from router.settings import load_settings

        return cls.from_settings(load_settings(), **options)

    @classmethod
    def from_settings(cls, settings: "Settings", **options: Any) -> Self:
        """Load the model that `settings` name, with their pair of models and operating point."""
        defaults = {
            "local_model": settings.local_model,
            "cloud_model": settings.cloud_model,
            "output_tokens": settings.output_tokens,
            "operating_point": settings.operating_point(),
            "look_price": settings.look_price,
            "confidence": settings.confidence,
            "prices": Prices(settings.cloud_prices),
        }
        # Here, as it brings pydantic too.
        from router.registry.serving import serving

        return cls(serving(settings), **{**defaults, **options})

    def predict(
        self,
        prompt: str | None = None,
        *,
        messages: Sequence[Mapping[str, Any]] | None = None,
        tools: Sequence[Any] | None = None,
        response_format: Mapping[str, Any] | None = None,
    ) -> Decision:
        """Decide for one prompt or one conversation. Raises InputError."""
        return self.decide(_request(prompt, messages, tools, response_format))

    def decide(self, request: Request) -> Decision:
        """Decide for one `Request`."""
        return self.decide_batch([request])[0]

    def decide_batch(self, requests: Sequence[Request]) -> list[Decision]:
        """Decide for some `Request`s at once, in their order; less than half the time for each."""
        named = any(request.cloud_model is not None for request in requests)
        ability = self._abilities_for(requests) if named else self._ability
        logits = self.heads.logits(self.extractor.extract(requests), ability)
        p = sigmoid(logits)
        costs = [self._cost_usd(r) for r in requests]
        thresholds = [
            self.threshold.of(max(cost - request.leaving_usd, 0.0))
            for request, cost in zip(requests, costs, strict=True)
        ]
        if self._doubt:
            burdens = (sigmoid(logits[:, 0] + self._doubt) - p[:, 0]).tolist()
            thresholds = [t + burden for t, burden in zip(thresholds, burdens, strict=True)]
        values = [0.0] * len(requests)
        if self.second is not None:
            table = self.second.look[FROM_PROMPT]
            cuts = np.array(thresholds)
            found = values_of_looking(table, p[:, 0], p[:, 1], cuts)
            if self._floor:
                found[p[:, 1] - p[:, 0] > cuts] = 0.0
            values = found.tolist()
        return [
            self._decision(request, pair[0], pair[1], cost, threshold, value)
            for request, pair, cost, threshold, value in zip(
                requests, p.tolist(), costs, thresholds, values, strict=True
            )
        ]

    def _cost_usd(self, request: Request) -> float:
        """The expected price of a cloud answer."""
        if request.cloud_usd is not None:
            return request.cloud_usd
        chars = request.chars + request.unjudged_chars
        return self.answer_usd(request.cloud_model or self.cloud_model, chars)

    def answer_usd(self, cloud_model: str, chars: int) -> float:
        """The expected price of a cloud model's answer to `chars` characters, in US dollars.

        One whose price is not known, as it is newer than the price list, costs as much as the
        router's own. Raises ConfigError where that has none.
        """
        with suppress(ConfigError):
            return self.prices.estimate_usd(cloud_model, chars, self.output_tokens)
        return self.prices.estimate_usd(self.cloud_model, chars, self.output_tokens)

    def _abilities_for(self, requests: Sequence[Request]) -> FloatArray:
        """Ability terms (n, 2) of who would answer; a named cloud model that was never measured
        counts as the router's own.
        """
        out = np.tile(self._ability, (len(requests), 1))
        for row, request in zip(out, requests, strict=True):
            if request.cloud_model is not None:
                found = ability_for(request.cloud_model, self._clouds, "")
                row[1] = found.value if found.known else row[1]
        return out

    def predict_batch(self, prompts: Sequence[str | Request]) -> BatchPrediction:
        """Probabilities for many prompts at once, arrays of shape (n,)."""
        requests = [p if isinstance(p, Request) else request_from_prompt(p) for p in prompts]
        out = np.empty((len(requests), 2))
        for start in range(0, len(requests), BATCH_REQUESTS):
            features = self.extractor.extract(requests[start : start + BATCH_REQUESTS])
            out[start : start + BATCH_REQUESTS] = sigmoid(
                self.heads.logits(features, self._ability)
            )
        return BatchPrediction(p_local=out[:, 0], p_cloud=out[:, 1])

    def predict_after(
        self,
        decision: Decision | None,
        answer: AnswerLike,
        others: Sequence[AnswerLike] = (),
        *,
        logprobs: Sequence[float] | None = None,
        tools: Sequence[Any] | None = None,
    ) -> Decision:
        """Decide again, knowing the local answer and what other local models answered.

        `others`: up to two opinions; more are left out. Pass an `Answer` to say which model wrote
        it or whether it was cut off. `logprobs`: the answer's token log-probabilities. Anything
        may be missing. Of answers over 5,000 characters the first 3,000 and the last 2,000 are
        read. The act is `look` where a second opinion has not been asked and would pay.
        `decision` None: the prompt is not known; the answers alone are judged.
        `tools`: the definitions that the request offered, in OpenAI's or Anthropic's shape; tool
        calls are checked against them. Without, those that `decision` was made with.
        Raises InputError for what is no text, ArtifactMismatch for a model without a verifier.

        >>> router = Router.load()
        >>> before = router.predict("What is 17 times 23?")
        >>> same = router.predict_after(before, "17 * 23 = 391", ["It is **391**."])
        >>> other = router.predict_after(before, "17 * 23 = 391", ["The answer is 381."])
        >>> same.p_local > other.p_local
        True
        """
        before = _offering(self.before(decision), tools)
        evidence = self._evidence_after(before, answer, others, logprobs=logprobs)
        return self.decide_after([before], [evidence])[0]

    def decide_after(
        self, decisions: Sequence[Decision], evidence: Sequence[Evidence]
    ) -> list[Decision]:
        """`predict_after` for answers that were read already."""
        return self.second_look().decide(decisions, evidence, self.look_price, self._bar)

    @property
    def _burden_words(self) -> str:
        """What is said where the threshold carries the burden of proof."""
        if not self._doubt:
            return ""
        return f" and the burden of proof, as nobody measured {self.local_model}"

    def before(self, decision: Decision | None) -> Decision:
        """`decision`, or one that knows nothing of the prompt: its probabilities are NaN."""
        if decision is not None:
            return decision
        cost = self.prices.estimate_usd(self.cloud_model, 0, self.output_tokens)
        return Decision(
            tier="local",
            p_local=nan,
            p_cloud=nan,
            gain=nan,
            threshold=self.threshold.of(cost),
            reason="The prompt is not known.",
            model_version=self.version,
            est_cost_usd=cost,
            act="local",
        )

    def _evidence_after(
        self,
        decision: Decision,
        answer: AnswerLike,
        others: Sequence[AnswerLike] = (),
        *,
        logprobs: Sequence[float] | None = None,
    ) -> Evidence:
        """What `predict_after` reads in the answers. Raises as it does."""
        own = checked_answer(answer, "The answer", self.local_model)
        if logprobs is not None:
            own = replace(own, logprobs=logprobs)
        opinions = checked_others(others, own.model)
        return self.second_look().evidence([decision], [own], [opinions])[0]

    def predict_after_batch(
        self,
        decisions: Sequence[Decision | None],
        answers: Sequence[AnswerLike],
        others: Sequence[Sequence[AnswerLike]] | None = None,
        *,
        tools: Sequence[Sequence[Any] | None] | None = None,
    ) -> list[Decision]:
        """`predict_after` of many requests at once, in their order."""
        rest = others if others is not None else [()] * len(decisions)
        offered = tools if tools is not None else [None] * len(decisions)
        if not len(decisions) == len(answers) == len(rest) == len(offered):
            raise InputError("decisions, answers, others and tools must be of equal length.")
        own = [checked_answer(a, f"Answer {i}", self.local_model) for i, a in enumerate(answers)]
        opinions = [checked_others(o, a.model) for o, a in zip(rest, own, strict=True)]
        second = self.second_look()
        before = [_offering(self.before(d), t) for d, t in zip(decisions, offered, strict=True)]
        out: list[Decision] = []
        for i in range(0, len(own), BATCH_REQUESTS):
            part = slice(i, i + BATCH_REQUESTS)
            evidence = second.evidence(before[part], own[part], opinions[part])
            out += self.decide_after(before[part], evidence)
        return out

    def reads_on(self, decision: Decision, at: int, reach: float) -> bool:
        """Whether it pays to hold the first words of a stream and read on before deciding.

        `decision`: by the prompt, or by the last beginning that was read. `at`: how many of
        `router.answers.constants.MARKS` were read. `reach`: characters that come in the time
        that a person is willing to wait for an improvement by the price of a look. False for a
        version without a verifier.
        """
        if self.second is None:
            return False
        return self.second.reads_on(decision, at, reach, self.look_price)

    def second_look(self) -> SecondLook:
        """What judges answers. Raises ArtifactMismatch for a version without a verifier."""
        if self.second is None:
            raise ArtifactMismatch(
                f"The model {self.version} has no verifier; use one that has, or fit one "
                "(python -m training verifier)."
            )
        return self.second

    def explain(
        self,
        prompt: str | None = None,
        *,
        messages: Sequence[Mapping[str, Any]] | None = None,
        tools: Sequence[Any] | None = None,
        response_format: Mapping[str, Any] | None = None,
    ) -> Explanation:
        """The decision with the features that pushed it, strongest first."""
        request = _request(prompt, messages, tools, response_format)
        decision = self.decide(request)
        found = contributions_before(self.heads, self.extractor, request)
        return Explanation(decision, found, tuple(self._notes(decision)))

    def explain_after(
        self, decision: Decision, answer: AnswerLike, others: Sequence[AnswerLike] = ()
    ) -> Explanation:
        """The decision of `predict_after` with what pushed it, strongest first; raises as it does.

        >>> router = Router.load()
        >>> router.explain_after(router.predict("Is water wet?"), "").notes
        ('The answer is empty, so nothing in it could be judged.',)
        """
        second = self.second_look()
        evidence = self._evidence_after(decision, answer, others)
        after = self.decide_after([decision], [evidence])[0]
        empty = not (answer if isinstance(answer, str) else answer.text).strip()
        notes = ("The answer is empty, so nothing in it could be judged.",) if empty else ()
        return Explanation(after, contributions_after(second, evidence), notes)

    def _notes(self, decision: Decision) -> list[str]:
        local, cloud = self.abilities
        notes = assumptions(
            [("local", self.local_model, local), ("cloud", self.cloud_model, cloud)]
        )
        if self.second is None:
            return notes
        verb = "above" if decision.act == "look" else "not above"
        value = (
            f"A second local opinion should improve the decision by {decision.look_value:.3f}, "
            f"{verb} its price of {self.look_price:g}."
        )
        return [value, *notes]

    def _decision(
        self,
        request: Request,
        p_local: float,
        p_cloud: float,
        cost: float,
        threshold: float,
        value: float,
    ) -> Decision:
        gain = p_cloud - p_local
        tier = choose(gain, threshold)
        verb = "exceeds" if tier == "cloud" else "does not exceed"
        whose = f"{request.cloud_model}'s" if request.cloud_model else "the cloud's"
        return Decision(
            tier=tier,
            p_local=p_local,
            p_cloud=p_cloud,
            gain=gain,
            threshold=threshold,
            reason=(
                f"The local answer is good with probability {p_local:.2f}, {whose} with "
                f"{p_cloud:.2f}; the gain {gain:+.2f} {verb} {threshold:.2f}, "
                f"{self.operating_point.words()}{self._burden_words}."
            ),
            model_version=self.version,
            est_cost_usd=cost,
            act=act_for(gain, threshold, value, self.look_price),
            look_value=value,
            asks=asks_for(request),
            offer=request.offer,
        )


def _offering(decision: Decision, tools: Sequence[Any] | None) -> Decision:
    """`decision` with the `tools` that were offered, where they are told apart from it."""
    if tools is None:
        return decision
    prompt = decision.offer.prompt if decision.offer else None
    return replace(decision, offer=Offer(checked_tools(tools), prompt))


def _request(
    prompt: str | None,
    messages: Sequence[Mapping[str, Any]] | None,
    tools: Sequence[Any] | None,
    response_format: Mapping[str, Any] | None,
) -> Request:
    if (prompt is None) == (messages is None):
        raise InputError("Pass either a prompt or messages.")
    if messages is None:
        if tools is None and response_format is None:
            return request_from_prompt(prompt)  # type: ignore[arg-type]
        messages = [{"role": "user", "content": prompt}]
    return request_from_messages(messages, tools, response_format)
