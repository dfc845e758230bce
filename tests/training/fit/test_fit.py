from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from router.decide.heads import sigmoid
from router.errors import TrainingError
from router.registry import artifact as artifacts
from router.registry.ability import ability_for
from router.registry.artifact import Artifact
from router.text.features import Features
from tests import ROOT
from training.data.dataset import Dataset
from training.data.featurize import featurize
from training.data.splits import SHARES, group_folds, group_sample, part_of, parts
from training.evaluate import metrics
from training.evaluate.scoring import fitted_of
from training.fit.calibrate import platt
from training.fit.design import Scaling, matrix, one_hot
from training.fit.encoder import find, of_artifact, write
from training.fit.encoder import read as read_encoder
from training.fit.head import REFERENCE, soft_rows
from training.fit.heads import Fitted, fit_heads, rows_of
from training.pipelines.prompts import Trained, base_of, best_cut, calibrated, train

pytestmark = pytest.mark.slow

VOCABULARY = 29525


@pytest.fixture(scope="module")
def position(small: Dataset) -> dict[str, int]:
    return {p: i for i, p in enumerate(small.prompts["prompt_id"])}


@pytest.fixture(scope="module")
def features(small: Dataset, shipped: Artifact) -> Features:
    extractor = of_artifact(shipped).extractor()
    return featurize(extractor, small.prompts["prompt"].tolist(), cache=False)


def test_serving_equals_scikit_learn(
    small: Dataset, features: Features, position: dict[str, int]
) -> None:
    fitted = fit_heads(features, small.rows, position, VOCABULARY, strength=0.1)
    columns = matrix(features, Scaling.from_heads(fitted.heads))
    for tier, model in (("local", "gemma-2-2b-it"), ("cloud", "claude-sonnet-5-5")):
        names = sorted(small.rows.loc[small.rows["tier"] == tier, "model"].unique())
        import scipy.sparse as sp

        inputs = sp.hstack([columns, one_hot([model] * len(features), names)], format="csr")
        # Its own sum is of single precision, which a thousand terms wear down to 1e-5.
        estimator = fitted.estimators[tier]
        expected = sigmoid(inputs.astype(float) @ estimator.coef_[0] + estimator.intercept_[0])
        p = fitted.predict(features, {**REFERENCE, tier: model})
        assert np.abs(p[0 if tier == "local" else 1] - expected).max() < 1e-6


def test_saved_model_equals_the_fit(trained: Trained, tmp_path: Path, small: Dataset) -> None:
    from router.decide.router import Router
    from training.pipelines.prompts import save

    prompts = small.prompts["prompt"].tolist()[:100]
    features = featurize(of_artifact(trained.artifact).extractor(), prompts, cache=False)
    pair = {"local": "llama3.1:8b", "cloud": "claude-sonnet-5-5"}
    expected = trained.fitted.predict(features, pair)
    router = Router.load(
        save(trained, tmp_path), local_model=pair["local"], cloud_model=pair["cloud"]
    )
    batch = router.predict_batch(prompts)
    assert np.abs(batch.p_local - expected[0]).max() < 1e-6
    assert np.abs(batch.p_cloud - expected[1]).max() < 1e-6


def test_soft_labels_equal_repeated_hard_ones() -> None:
    from scipy.sparse import csr_matrix
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 3))
    soft = rng.integers(0, 5, 60) / 4
    inputs, label, weight = soft_rows(csr_matrix(x), soft, np.full(60, 4.0))
    hard_x = np.repeat(x, 4, axis=0)
    hard_y = np.concatenate([[1] * int(4 * s) + [0] * int(4 - 4 * s) for s in soft])
    a = LogisticRegression(C=1.0, tol=1e-8).fit(inputs, label, weight)
    b = LogisticRegression(C=1.0, tol=1e-8).fit(hard_x, hard_y)
    assert a.coef_ == pytest.approx(b.coef_, abs=1e-4)


def test_weaker_model_gets_lower_ability(trained: Trained) -> None:
    abilities = trained.fitted.models["local"]
    assert abilities["gemma-2-2b-it"] < abilities["llama3.1:8b"] - 0.3


def test_a_prompt_answered_by_many_models_counts_once(
    small: Dataset, position: dict[str, int]
) -> None:
    rows = rows_of(small.rows, position, "local")
    totals = np.bincount(rows.prompt, weights=rows.weight)
    assert totals == pytest.approx(np.ones(len(totals)))


def few(small: Dataset, count: int, seed: int = 0) -> Dataset:
    ids = small.prompts["prompt_id"].sample(count, random_state=seed)
    return small.where(small.rows["prompt_id"].isin(ids))


def test_base_with_a_handful_of_labels_stays_the_base(
    small: Dataset, features: Features, position: dict[str, int], shipped: Artifact
) -> None:
    base = base_of(shipped)
    rows = few(small, 8).rows
    rows = rows[rows["model"] != "gemma-2-2b-it"]
    fitted = fit_heads(features, rows, position, VOCABULARY, base=base)
    assert fitted.strength == {"local": "kept", "cloud": "kept"}
    ability = np.array([base.ability(t, REFERENCE[t]) for t in ("local", "cloud")])
    expected = sigmoid(base.heads.logits(features, ability))
    p = fitted.predict(features)
    assert np.abs(p[0] - expected[:, 0]).max() < 1e-9
    assert np.abs(p[1] - expected[:, 1]).max() < 1e-9


def test_folding_the_base_equals_scikit_learn(
    small: Dataset, features: Features, position: dict[str, int], shipped: Artifact
) -> None:
    """The estimator sees the base's logits as columns; serving sees one folded weight vector."""
    from training.fit.head import Choice, Problem
    from training.fit.heads import base_logits

    base = base_of(shipped)
    rows = rows_of(small.rows, position, "local")
    columns = matrix(features, Scaling.from_heads(base.heads))
    problem = Problem(
        tier="local",
        rows=rows,
        columns=columns,
        base=base,
        base_logits=base_logits(base, features),
    )
    names = sorted(set(rows.model))
    whole = Choice(None, 1.5, 0.2), Choice(0.1, 1.5, 0.2)
    for choice in (*whole, *(replace(one, part=0.4, level=-0.3) for one in whole)):
        weight, ability, estimator = problem.solve(choice, 256, VOCABULARY)
        if estimator is None:
            prior, part = problem._prior(rows), choice.part
            expected = part * (1.5 * prior + 0.2) + (1 - part) * (prior + choice.level)
        else:
            expected = estimator.decision_function(problem._inputs(rows, names))
        served = (
            features.embedding.astype(float) @ weight["embedding"]
            + base.heads.standardised(features.structure) @ weight["structure"]
            + weight["bias"]
        )
        for name, idf, lists in (
            ("words", base.heads.word_idf, features.words),
            ("pairs", base.heads.pair_idf, features.pairs),
            ("syllables", base.heads.syllable_idf, features.syllables),
        ):
            values = idf[lists.flat].astype(float)
            norm = np.sqrt(np.maximum(lists.sums(values**2), 1e-12))
            served = served + lists.sums(weight[name][lists.flat] * values) / norm
        served = served[rows.prompt] + np.array(
            [ability_for(m, ability, REFERENCE["local"]).value for m in rows.model]
        )
        assert np.abs(sigmoid(served) - sigmoid(expected)).max() < 1e-5


def test_few_labels_move_the_level_and_hardly_the_order(
    small: Dataset, features: Features, position: dict[str, int], shipped: Artifact
) -> None:
    """Labels that turn the order round, as of a kind of request that the base never met."""
    base = base_of(shipped)
    rows = few(small, 50).rows
    good = rows.groupby("prompt_id")["score"].transform("mean")
    rows = rows.assign(score=np.where(rows["tier"] == "local", 1 - good, 0.9))
    fitted = fit_heads(features, rows, position, VOCABULARY, base=base)
    was = Fitted(base.heads, dict(base.models), {}).predict(features)
    now = fitted.predict(features)
    assert np.corrcoef(was[1] - was[0], now[1] - now[0])[0, 1] > 0.9
    assert abs(now[1].mean() - 0.9) < 0.05


def test_base_helps_with_fifty_labels(
    small: Dataset, features: Features, position: dict[str, int], shipped: Artifact
) -> None:
    rng = np.random.default_rng(1)
    pair = {"local": "llama3.1:8b", "cloud": "claude-sonnet-5-5"}
    rows = small.rows[small.rows["model"] != "gemma-2-2b-it"]
    train_at, test_at = group_sample(small.prompts["group"].to_numpy(), 50, rng)
    ids = small.prompts["prompt_id"].to_numpy()
    mine = rows[rows["prompt_id"].isin(ids[train_at])]
    y = rows[rows["tier"] == "local"].set_index("prompt_id")["score"]
    y = y.loc[ids[test_at]].to_numpy()
    skill = {}
    for name, base in (("scratch", None), ("base", base_of(shipped))):
        fitted = fit_heads(features, mine, position, VOCABULARY, base=base)
        p, _ = fitted.predict(features.take(test_at), pair)
        skill[name] = metrics.brier_skill(p, y)
    assert skill["base"] > skill["scratch"]
    assert skill["base"] > 0.1


@pytest.mark.parametrize("count", [1, 10])
def test_too_few_rows_without_a_base(small: Dataset, shipped: Artifact, count: int) -> None:
    with pytest.raises(TrainingError, match="20 are needed"):
        train(few(small, count), of_artifact(shipped), jobs=1)


def test_one_class_only(small: Dataset, shipped: Artifact) -> None:
    rows = small.rows.assign(score=1.0)
    with pytest.raises(TrainingError, match="good and bad"):
        train(Dataset(rows), of_artifact(shipped), jobs=1)
    kept = train(Dataset(rows), None, base=shipped, version_name="x", jobs=1)
    assert kept.fitted.strength == {"local": "kept", "cloud": "kept"}


def test_all_rows_of_one_question(small: Dataset, shipped: Artifact) -> None:
    rows = small.rows.assign(group="fit-0")
    assert part_of("fit-0") == "fit"
    result = train(Dataset(rows), of_artifact(shipped), version_name="x", jobs=1)
    assert result.evaluation.rows == 0


def test_local_rows_only_move_the_local_head(small: Dataset, shipped: Artifact) -> None:
    rows = small.rows[small.rows["tier"] == "local"].reset_index(drop=True)
    result = train(Dataset(rows), None, base=shipped, version_name="x", jobs=1)
    assert result.fitted.strength["cloud"] == "kept"
    assert result.evaluation.rows == 0


def test_calibration_knows_a_model_by_its_other_name(
    small: Dataset, features: Features, position: dict[str, int], shipped: Artifact
) -> None:
    """`llama3.1:8b` is Meta-Llama-3.1-8B-Instruct, with its ability term."""
    kept = fitted_of(shipped)
    local = small.rows[small.rows["model"] == "llama3.1:8b"]
    other = local.assign(model=REFERENCE["local"])
    mine, theirs = (calibrated(kept, features, rows, position) for rows in (local, other))
    assert np.array_equal(mine.heads.calibration, theirs.heads.calibration)


def test_platt_recovers_a_known_distortion() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=20_000)
    y = (rng.random(20_000) < sigmoid(truth)) * 1.0
    slope, shift = platt((truth - 0.7) / 2, y, np.ones(20_000))
    assert slope == pytest.approx(2, abs=0.1)
    assert shift == pytest.approx(0.7, abs=0.1)


def test_platt_with_few_rows_hardly_moves() -> None:
    slope, shift = platt(np.array([2.0, -1.0]), np.array([0.0, 1.0]), np.ones(2))
    assert abs(slope - 1) < 0.4
    assert abs(shift) < 0.2


def test_default_cut_separates_what_the_cloud_does_better() -> None:
    gain = np.array([0.5, 0.4, 0.3, 0.2, 0.1, 0.0])
    local, cloud = np.array([0.4, 0.4, 0.4, 0.9, 0.9, 0.9]), np.full(6, 0.95)
    assert best_cut(np.stack([gain, local, cloud])) == pytest.approx(0.25)
    nothing_better = np.stack([gain, cloud, cloud])
    assert best_cut(nothing_better) == 0.25


def test_encoder_is_found_by_folder_pointer_or_base(shipped: Artifact, tmp_path: Path) -> None:
    models = ROOT / "models"
    for name in (None, str(models / "current"), str(artifacts.resolve(models))):
        found = find(name, None, models)
        assert found is not None
        assert found.vectors == shipped.encoder
    write(of_artifact(shipped), tmp_path / "encoder")
    assert find(str(tmp_path / "encoder"), None, models) == of_artifact(shipped)
    assert find(None, shipped, models) is None
    with pytest.raises(TrainingError, match="own encoder"):
        find("anything", shipped, models)
    with pytest.raises(TrainingError, match="holds no encoder"):
        read_encoder(tmp_path)


def test_parts_are_stable_and_never_divide_a_group(small: Dataset) -> None:
    groups = pd.Series([f"g{i // 3}" for i in range(6000)])
    part = parts(groups)
    assert (pd.Series(part).groupby(groups).nunique() == 1).all()
    for name, share in SHARES.items():
        assert (part == name).mean() == pytest.approx(share, abs=0.03)
    assert part_of("g1") == part_of("g1")


def test_folds_and_samples_keep_groups_whole() -> None:
    groups = np.repeat(np.arange(40), 3)
    rng = np.random.default_rng(0)
    seen = []
    for train_at, test_at in group_folds(groups, 5, rng):
        assert not set(groups[train_at]) & set(groups[test_at])
        seen += test_at.tolist()
    assert sorted(seen) == list(range(120))
    train_at, rest = group_sample(groups, 30, rng)
    assert 30 <= len(train_at) <= 33
    assert len(train_at) + len(rest) == 120


def test_names_are_drawn_into_folds_as_the_numbers_of_their_order_are() -> None:
    numbers = np.random.default_rng(1).integers(100, 300, 500)
    names = np.array([f"group {n}" for n in numbers])

    def drawn(groups: Any) -> list[list[int]]:
        rng = np.random.default_rng(7)
        folds = [test.tolist() for _, test in group_folds(groups, 5, rng)]
        return [*folds, group_sample(groups, 60, rng)[0].tolist()]

    of_numbers = drawn(numbers)
    assert drawn(names) == of_numbers and drawn(names.astype(object)) == of_numbers
    # As numpy itself shuffles the names.
    order = np.unique(names)
    np.random.default_rng(7).shuffle(order)
    held_out = np.array_split(order, 5)
    assert [sorted(set(names[fold])) for fold in of_numbers[:5]] == [sorted(h) for h in held_out]


def test_evaluation_of_the_fit(trained: Trained) -> None:
    overall = trained.evaluation.overall
    assert trained.evaluation.rows > 20
    assert overall["auc_local"].value > 0.6
    table = trained.evaluation.table
    assert [r["cloud_share"] for r in table] == sorted(r["cloud_share"] for r in table)
    assert sum(r["is_default"] for r in table) == 1
