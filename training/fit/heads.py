"""From labelled outcomes to two heads.

Both heads are scikit-learn logistic regressions with soft labels on the columns of
`training.fit.design.matrix`. With a base, its two logits come first among the columns and are
hardly shrunk: some dozens of labels move their slope and shift, thousands the words
(`training.fit.head`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from router.decide.heads import Heads, sigmoid
from router.errors import TrainingError
from router.registry.ability import ability_for
from router.text.features import Features
from router.types import FloatArray
from training.data.dataset import REFERENCE
from training.data.labels import by_prompt
from training.fit.constants import MIN_ROWS, TOLERANCE
from training.fit.design import Scaling, matrix
from training.fit.head import (
    TIERS,
    Base,
    Problem,
    Rows,
    ability_name,
)

_PIECE = 8192  # requests


@dataclass(frozen=True)
class Fitted:
    """Two heads, the ability term of every model, and what was chosen on the way."""

    heads: Heads
    models: dict[str, dict[str, float]]
    strength: dict[str, str]
    estimators: dict[str, LogisticRegression] = field(default_factory=dict)

    def predict(
        self, features: Features, models: Mapping[str, str] | None = None
    ) -> tuple[FloatArray, FloatArray]:
        """p_local and p_cloud of every request for a pair of models, shapes (n,)."""
        names = models or REFERENCE
        ability = np.array([self.ability(t, names[t]) for t in TIERS])
        p = sigmoid(logits(self.heads, features, ability))
        return p[:, 0], p[:, 1]

    def ability(self, tier: str, model: str) -> float:
        """The ability term of a model, or of the known one nearest to it."""
        return ability_for(model, self.models[tier], REFERENCE[tier]).value

    def scaled(self, scales: list[tuple[float, float]]) -> "Fitted":
        """The same fit with a further slope and shift of the logit per head."""
        before, after = self.heads.calibration, np.array(scales)
        shift = before[:, 1] * after[:, 0] + after[:, 1]
        calibration = np.column_stack([before[:, 0] * after[:, 0], shift])
        return replace(self, heads=replace(self.heads, calibration=calibration))

    def as_base(self) -> Base:
        """This fit as the start of the next."""
        return Base(self.heads, self.models)


def rows_of(rows: pd.DataFrame, position: Mapping[str, int], tier: str) -> Rows:
    """The rows of a tier. A prompt answered by many models counts once, not many times."""
    mine = rows[rows["tier"] == tier]
    prompt = mine["prompt_id"].map(position).to_numpy(dtype="int64")
    return Rows(
        prompt=prompt,
        model=[ability_name(tier, m) for m in mine["model"]],
        score=mine["score"].to_numpy(dtype="float64"),
        weight=by_prompt(mine["weight"].to_numpy(dtype="float64"), prompt),
        group=mine["group"].to_numpy(),
    )


def fit_heads(
    features: Features,
    rows: pd.DataFrame,
    position: Mapping[str, int],
    vocabulary: int,
    *,
    base: Base | None = None,
    strength: float | None = None,
    focus: Mapping[str, str] | None = None,
    own_only: bool = False,
    tolerance: float = TOLERANCE,
    seed: int = 0,
    jobs: int = 1,
) -> Fitted:
    """Fit both heads on canonical `rows`; slope and shift come from held-out folds of them.

    `position` maps prompt_id to the row of `features`; `vocabulary` is the tokenizer's size.
    `strength` is scikit-learn's C; with it, a base is always built upon. `focus` names the pair of
    models that counts; all others' rows of a prompt then weigh together as much as that one's.
    `own_only`: each head builds on its own logit alone, not on the other's. `tolerance`: see
    `Problem.tolerance`.
    Raises TrainingError for fewer than 20 rows or one class only (unless there is a base).
    """
    tiers = {t: _focused(rows_of(rows, position, t), (focus or {}).get(t)) for t in TIERS}
    used = np.unique(np.concatenate([r.prompt for r in tiers.values()]))
    for tier, own in tiers.items():
        score = own.score if len(own.score) else np.zeros(1)
        check_labels(tier, len(own.score), float(score.min()), float(score.max()), base)
    mine = features.take(used)  # a long log has labels of few requests
    scaling = Scaling.from_heads(base.heads) if base else Scaling.of(mine, vocabulary)
    columns = matrix(mine, scaling)
    of_base = base_logits(base, mine)
    dimensions = mine.embedding.shape[1]
    del mine  # the columns say it all, and both are gigabytes of a long log
    tiers = {t: replace(r, prompt=np.searchsorted(used, r.prompt)) for t, r in tiers.items()}
    weights, models, chosen, estimators = [], {}, {}, {}
    for tier in TIERS:
        problem = Problem(
            tier=tier,
            rows=tiers[tier],
            columns=columns,
            base=base,
            base_logits=of_base,
            own_only=own_only,
            tolerance=tolerance,
        )
        choice = problem.choose(strength, seed, jobs)
        weight, models[tier], estimator = problem.solve(choice, dimensions, vocabulary)
        weights.append(weight)
        chosen[tier] = str(choice)
        if estimator is not None:
            estimators[tier] = estimator
    return Fitted(heads_of(weights, scaling), models, chosen, estimators)


def heads_of(weights: Sequence[Mapping[str, FloatArray]], scaling: Scaling) -> Heads:
    """Both heads, local and cloud, from the weights of each."""
    return Heads(
        **{k: np.stack([w[k] for w in weights]) for k in weights[0]},
        calibration=np.array([[1.0, 0.0], [1.0, 0.0]]),
        structure_mean=scaling.structure_mean,
        structure_scale=scaling.structure_scale,
        word_idf=scaling.word_idf,
        pair_idf=scaling.pair_idf,
        syllable_idf=scaling.syllable_idf,
    )


def _focused(rows: Rows, model: str | None) -> Rows:
    if model is None or model not in rows.model:
        return rows
    mine = np.array([m == model for m in rows.model])
    scale = np.bincount(rows.prompt)[rows.prompt]  # undo the division by the number of answers
    weight = rows.weight * np.where(mine, scale, scale / np.maximum(scale - 1, 1))
    return Rows(
        prompt=rows.prompt, model=rows.model, score=rows.score, weight=weight, group=rows.group
    )


def check_labels(tier: str, rows: int, least: float, most: float, base: Base | None) -> None:
    """Refuse labels of a tier, scores from `least` to `most`, that no head can be fitted on.

    Raises TrainingError. A base bears any.
    """
    if base is not None:
        return
    if rows < MIN_ROWS:
        raise TrainingError(
            f"There are {rows} {tier} rows to fit on, {MIN_ROWS} are needed; "
            "add labels or start from a base model (--base)."
        )
    if least == most:
        raise TrainingError(
            f"All {tier} scores are {least:g}; a head needs good and bad answers. "
            "Add labels or start from a base model (--base)."
        )


def base_logits(base: Base | None, features: Features) -> FloatArray | None:
    """Calibrated logits of a base for its reference pair, shape (n, 2); None without one."""
    if base is None:
        return None
    reference = np.array([base.ability(t, REFERENCE[t]) for t in TIERS])
    return logits(base.heads, features, reference)


def logits(heads: Heads, features: Features, ability: FloatArray) -> FloatArray:
    """Logits (n, 2) in pieces, since each is worked out in double precision."""
    pieces = [heads.logits(one, ability) for one in features.pieces(_PIECE)]
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
