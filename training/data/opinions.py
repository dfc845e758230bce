"""Answers set beside each other: the feature rows that a verifier is fitted on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from router.answers.agreement import agreement
from router.answers.reading import Reader
from router.answers.verifier import SIZE, Evidence, heard, row, with_meaning
from router.decide.extractors import extractor_of
from router.registry.artifact import Artifact
from router.types import FloatArray, IntArray
from training.data.answers import Answered, answered
from training.data.dataset import Dataset

# Opinions drawn per answer: none once, one other and two others so often.
SINGLES = PAIRS = 2
Draw = tuple[int, tuple[int, ...]]
Abilities = Callable[[str], float]  # ability of a local model beside the reference, by name
PromptLogits = Mapping[str, tuple[float, float]]  # of both heads, by prompt_id


@dataclass
class Opinions:
    """Answers with a memory of what was compared.

    `weight` (v,) is the idf of every token, `dimensions` the width of meanings.
    """

    answers: Answered
    weight: FloatArray
    dimensions: int
    _compared: dict[tuple[int, int], FloatArray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        frame = self.answers.frame
        self.at = {
            key: i for i, key in enumerate(zip(frame["prompt_id"], frame["model"], strict=True))
        }
        self.of_prompt = {
            str(p): np.asarray(at) for p, at in frame.groupby("prompt_id").indices.items()
        }

    @classmethod
    def read(
        cls,
        artifact: Artifact,
        answers: pd.DataFrame,
        prompts: pd.DataFrame,
        outcomes: Dataset | None = None,
    ) -> "Opinions":
        """`answers` as `artifact` reads and weighs them; see `training.data.answers.answered`."""
        reader = Reader(extractor_of(artifact), idf_of(artifact))
        width = int(artifact.manifest["encoder"]["dimensions"])
        return cls(answered(answers, prompts, reader, outcomes), idf_of(artifact), width)

    def compared(self, i: int, j: int) -> FloatArray:
        """Agreement of answers i and j."""
        key = (i, j) if i < j else (j, i)
        if (found := self._compared.get(key)) is None:
            readings = self.answers.readings
            found = self._compared[key] = agreement(readings[i], readings[j], self.weight)
        return found

    def draws(
        self,
        rng: np.random.Generator,
        answers: IntArray,
        singles: int = SINGLES,
        pairs: int = PAIRS,
    ) -> list[Draw]:
        """Answers with no other opinion, and with random ones of the same prompt."""
        prompts = self.answers.frame["prompt_id"].to_numpy()
        out: list[Draw] = []
        for i in answers.tolist():
            out.append((i, ()))
            others = self.of_prompt[prompts[i]]
            others = rng.permutation(others[others != i])
            out += [(i, (int(j),)) for j in others[:singles]]
            if len(others) > 1:
                for _ in range(pairs):
                    two = rng.choice(len(others), 2, replace=False)
                    out.append((i, (int(others[two[0]]), int(others[two[1]]))))
        return out

    def of_models(self, prompts: Sequence[str], model: str, others: Sequence[str]) -> list[Draw]:
        """The answers of `model` beside those of `others`, where all of them answered."""
        out: list[Draw] = []
        for prompt in prompts:
            found = [self.at.get((prompt, m)) for m in (model, *others)]
            if all(f is not None for f in found):
                first, *rest = (int(f) for f in found if f is not None)
                out.append((first, tuple(rest)))
        return out

    def rows(
        self, draws: Sequence[Draw], ability: Abilities, prompt: PromptLogits | None = None
    ) -> FloatArray:
        """Feature rows of `draws`, shape (n, f + d); see `router.answers.verifier.Verifier`.

        `prompt` maps prompt_id to the prompt's logits for the reference models; that of the local
        model moves by its ability.
        """
        frame, readings = self.answers.frame, self.answers.readings
        ids, asks = frame["prompt_id"].to_numpy(), frame["asks"].to_numpy()
        terms = frame["model"].map({m: ability(m) for m in frame["model"].unique()}).to_numpy()
        out = np.empty((len(draws), SIZE + self.dimensions), dtype=np.float32)
        for n, (i, others) in enumerate(draws):
            known = prompt.get(ids[i]) if prompt else None
            spoken = heard(readings[i], [readings[j] for j in others])
            others = tuple(others[k] for k in spoken)
            evidence = Evidence(
                answer=readings[i],
                others=[readings[j] for j in others],
                asks=asks[i],
                ability=terms[i],
                abilities=[terms[j] for j in others],
                prompt=known and (known[0] + terms[i], known[1]),
            )
            measures = [self.compared(i, j) for j in others]
            between = self.compared(*others) if len(others) > 1 else None
            out[n] = with_meaning(row(evidence, measures, between), readings[i], self.dimensions)
        return out


def idf_of(artifact: Artifact) -> FloatArray:
    """How much a shared token counts, shape (v,)."""
    idf: FloatArray = artifact.arrays["word_idf"].astype(np.float64)
    return idf
