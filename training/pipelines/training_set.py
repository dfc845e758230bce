"""Prompts with outcomes and features: what heads are fitted on and judged by."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from router.decide.extractors import extractor_of
from router.registry.artifact import Artifact
from router.text.features import Features
from router.types import FloatArray
from training.data.dataset import REFERENCE, Dataset
from training.data.featurize import featurize
from training.data.opinions import PromptLogits
from training.fit.head import TIERS, Base
from training.fit.heads import Fitted, fit_heads


@dataclass(frozen=True, kw_only=True)
class TrainingSet:
    """Outcomes beside the features of their prompts.

    `position`: prompt_id -> row of `features`; `vocabulary`: number of word ids. `minilm`
    (n, 384): another encoder's embedding of the prompts, where one is compared with.
    """

    data: Dataset
    features: Features
    position: Mapping[str, int]
    vocabulary: int
    minilm: FloatArray | None = None

    @classmethod
    def of(cls, data: Dataset, artifact: Artifact) -> "TrainingSet":
        """Features as `artifact` computes them."""
        frame = data.prompts
        extractor = extractor_of(artifact)
        return cls(
            data=data,
            features=featurize(extractor, data.requests),
            position={p: i for i, p in enumerate(frame["prompt_id"])},
            vocabulary=len(extractor.tokens),
        )

    def fit(
        self,
        rows: pd.DataFrame,
        *,
        base: Base | None = None,
        strength: float | None = None,
        focus: Mapping[str, str] | None = None,
        own_only: bool = False,
        seed: int = 0,
    ) -> Fitted:
        """Heads fitted on some rows; the choices are those of `fit_heads`."""
        return fit_heads(
            self.features,
            rows,
            self.position,
            self.vocabulary,
            base=base,
            strength=strength,
            focus=focus,
            own_only=own_only,
            seed=seed,
        )

    def logits(self, fitted: Fitted, prompts: "pd.Series[str]") -> PromptLogits:
        """Logits of both heads for the reference models."""
        at = prompts.map(self.position).to_numpy(dtype=np.int64)
        ability = np.array([fitted.ability(t, REFERENCE[t]) for t in TIERS])
        z = fitted.heads.logits(self.features.take(at), ability)
        return {p: (float(a), float(b)) for p, (a, b) in zip(prompts, z, strict=True)}

    def probabilities(self, fitted: Fitted, rows: pd.DataFrame) -> FloatArray:
        """That the answer of every row's own tier and model is good, shape (n,)."""
        out = np.zeros(len(rows))
        ids_of = rows["prompt_id"].map(self.position).to_numpy()
        names = list(zip(rows["tier"], rows["model"], strict=True))
        for tier, model in sorted(set(names)):
            at = np.flatnonzero([name == (tier, model) for name in names])
            pair = {**REFERENCE, tier: model}
            p = fitted.predict(self.features.take(ids_of[at]), pair)
            out[at] = p[TIERS.index(tier)]
        return out
