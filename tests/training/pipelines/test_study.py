"""The verifier's training, labels for free, and the three acts, on answers made for the purpose.

Of 400 everyday prompts every model gets a made-up number right or wrong as its drawn score says,
so that agreement means what it means among real models.
"""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from router.answers.kinds import EVIDENCE
from router.answers.reading import Reader
from router.answers.verifier import NAMES, SIZE, Verifier
from router.decide.deferral import FROM_PROMPT, TO_ANSWER, TO_BEGINNING
from router.decide.extractors import extractor_of
from router.decide.heads import sigmoid
from router.decide.reliability import Reliability
from router.decide.router import Router
from router.errors import DataError, TrainingError
from router.registry import artifact as artifacts
from router.registry.artifact import GRID, MOVES, TABLES, Artifact
from training.cli.main import app
from training.data.answers import answered, read_answers, read_prompts
from training.data.dataset import Dataset
from training.data.opinions import Opinions
from training.evaluate import metrics
from training.evaluate.acts import Stages, quality, quality_at
from training.fit.deferral import borne_out, look_table
from training.fit.logistic import fit_logistic
from training.fit.verifier import (
    VerifierRows,
    adapted,
    fit_verifier,
    recalibrated,
    rows_of,
)
from training.pipelines.agreement import mixed, soft_labels, study
from training.pipelines.answers import abilities_of, fit_second

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def answers(small: Dataset) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    local = small.rows[small.rows["tier"] == "local"]
    truth = {p: int(rng.integers(10, 10**6)) for p in local["prompt_id"].unique()}
    texts = []
    for prompt, score in zip(local["prompt_id"], local["score"], strict=True):
        value = truth[prompt] if score else int(rng.integers(10, 10**6))
        lead = ("The answer is {}.", "We find x = {}", "**{}**")[int(rng.integers(3))]
        texts.append(lead.format(f"{value:,}"))
    return local[["prompt_id", "model"]].assign(text=texts, final=None, chars=None)


@pytest.fixture(scope="module")
def opinions(small: Dataset, answers: pd.DataFrame, shipped: Artifact) -> Opinions:
    read = answered(answers, small.prompts, Reader(extractor_of(shipped)), small)
    width = shipped.manifest["encoder"]["dimensions"]
    return Opinions(read, shipped.arrays["word_idf"].astype(np.float64), width)


@pytest.fixture(scope="module")
def rows(opinions: Opinions, shipped: Artifact) -> VerifierRows:
    draws = opinions.draws(np.random.default_rng(0), np.arange(len(opinions.answers)))
    return rows_of(opinions, draws, abilities_of(shipped))


def test_answers_are_joined_with_outcomes(opinions: Opinions, small: Dataset) -> None:
    frame = opinions.answers.frame
    assert len(frame) == 800 and frame["score"].isin([0, 1]).all()
    assert {r.final.kind for r in opinions.answers.readings} == {"number"}
    first, second = (opinions.of_prompt[frame["prompt_id"][0]]).tolist()
    assert np.array_equal(opinions.compared(first, second), opinions.compared(second, first))


def test_rows_of_one_prompt_weigh_as_one(rows: VerifierRows) -> None:
    assert rows.weight.sum() == pytest.approx(400)
    assert rows.features.shape == (len(rows.local), SIZE + 256)


def test_fitted_weights_judge_unseen_rows_and_agreement_raises(rows: VerifierRows) -> None:
    groups = np.unique(rows.group.astype(str))
    held = np.isin(rows.group.astype(str), groups[:130])
    verifier = fit_verifier(rows.take(np.flatnonzero(~held)))
    test = rows.take(np.flatnonzero(held))
    one = test.features[:, NAMES.index("one other opinion")] > 0
    p = sigmoid(verifier.logits(test.features))[one, 0]
    assert metrics.auc(p, test.local[one]) > 0.8
    assert verifier.weights[0, 0, NAMES.index("agreement: equal")] > 0
    rising = [i for i, n in enumerate(NAMES) if n in ("agreement: meaning", "agreement: words")]
    assert (verifier.weights[:, :, rising] >= 0).all()


def test_adaptation_moves_with_the_number_of_labels(rows: VerifierRows) -> None:
    base = fit_verifier(rows)
    flipped = replace(rows, local=1 - rows.local)
    few, many = (adapted(base, flipped.take(np.arange(n))) for n in (20, len(rows.local)))
    loss = [
        metrics.brier(sigmoid(v.logits(rows.features))[:, 0], flipped.local)
        for v in (base, few, many)
    ]
    assert loss[2] < loss[1] < loss[0]
    same = recalibrated(base, rows.take(np.arange(0)), 1.0)
    assert np.allclose(same.weights, base.weights)


def test_a_head_without_labels_keeps_its_weights(rows: VerifierRows) -> None:
    base = fit_verifier(rows)
    unknown = replace(rows, cloud=np.full(len(rows.cloud), np.nan))
    moved = fit_verifier(unknown, base=base, strength=1.0)
    assert np.array_equal(moved.weights[:, 1], base.weights[:, 1])
    assert not np.array_equal(moved.weights[:, 0], base.weights[:, 0])


def test_logistic_regression_matches_scikit_learn(rows: VerifierRows) -> None:
    from sklearn.linear_model import LogisticRegression

    x = fit_verifier(rows).standardised(rows.features)[:, :20].astype(np.float64)
    ours, bias = fit_logistic(x, rows.local, rows.weight, 0.5)
    theirs = LogisticRegression(C=0.5, tol=1e-8, max_iter=5000).fit(x, rows.local, rows.weight)
    assert np.allclose(ours, theirs.coef_[0], atol=2e-3)
    assert bias == pytest.approx(theirs.intercept_[0], abs=0.02)


def test_moves_of_the_gain_are_news_alone() -> None:
    rng = np.random.default_rng(0)
    before = rng.random((3000, 2))
    spread = np.where(before[:, 0] > 0.5, 0.3, 0.01)
    after = before.copy()
    after[:, 1] += spread * rng.choice([-1, 1], 3000) + 0.2
    table = look_table(before, after)
    assert table.shape == (GRID, GRID, MOVES)
    assert np.allclose(table.mean(axis=2), 0, atol=1e-6)
    assert np.abs(table[6:]).mean() > 10 * np.abs(table[:2]).mean()


def test_three_acts_reach_always_looking_with_fewer_looks() -> None:
    rng = np.random.default_rng(1)
    n = 6000
    p = np.column_stack([rng.beta(0.6, 0.5, n), np.full(n, 0.9)])
    good = (rng.random(n) < p[:, 0]) * 1.0
    seen = rng.random(n) < 0.9  # looking shows the truth nine times in ten
    known = np.where(seen, good, 1 - good)
    right = np.where(known == 1, 0.9, 0.1)
    joint = right * p[:, 0] / (right * p[:, 0] + (1 - right) * (1 - p[:, 0]))
    after = np.column_stack([joint, np.full(n, 0.9)])
    table = np.stack([look_table(p[: n // 2], after[: n // 2])] * 2)
    test = slice(n // 2, n)
    stages = Stages(p[test], p[test], after[test], table)
    cloud = np.full(n // 2, 0.9)
    always = quality_at(after[test][:, 1] - after[test][:, 0], 0.3, good[test], cloud)
    alone = quality_at(p[test][:, 1] - p[test][:, 0], 0.3, good[test], cloud)
    sent, asked = stages.at_share(0.3, 0.02)
    assert sent.mean() == pytest.approx(0.3, abs=0.02)
    assert asked.mean() < 0.7
    found = quality(sent, good[test], cloud)
    assert found > alone + 0.01 and found > always - 0.01
    assert stages.at_share(0.3, 1.0)[1].sum() == 0


def test_moves_count_as_far_as_outcomes_bear_them_out() -> None:
    rng = np.random.default_rng(0)
    before = np.column_stack([rng.uniform(0.3, 0.7, 4000), np.full(4000, 0.9)])
    after = before.copy()
    after[:, 0] += rng.uniform(-0.3, 0.3, 4000)
    cloud = (rng.random(4000) < 0.9) * 1.0
    seen, blind = ((rng.random(4000) < p) * 1.0 for p in (after[:, 0], before[:, 0]))
    assert borne_out(before, after, cloud - seen) > 0.9
    assert borne_out(before, after, cloud - blind) < 0.1
    some = np.where(rng.random(4000) < 0.5, np.nan, cloud - seen)
    assert borne_out(before, after, some) > 0.85
    assert borne_out(before, before, cloud - seen) == 1.0


def test_soft_labels_are_probabilities_with_their_reliability(
    opinions: Opinions, rows: VerifierRows, small: Dataset, shipped: Artifact
) -> None:
    verifier = fit_verifier(rows)
    everything = np.arange(len(opinions.answers))
    draws = [d for d in opinions.draws(np.random.default_rng(0), everything) if d[1]]
    known = Reliability(kinds={(EVIDENCE.index("final answer"), 1): 0.4})
    soft = soft_labels(opinions, draws, verifier, abilities_of(shipped), known, small.prompts)
    local = soft[soft["tier"] == "local"]
    assert local["score"].between(0, 1).all() and (soft["weight"] == 0.4).all()
    truth = small.rows.set_index(["prompt_id", "model"])["score"]
    known = truth.loc[list(zip(local["prompt_id"], local["model"], strict=True))].to_numpy()
    assert metrics.auc(local["score"].to_numpy(), known) > 0.7
    true = small.rows[small.rows["tier"] == "local"].head(10)
    both = mixed(soft, true, 5.0)
    assert (both["weight"] == 5).sum() == 10
    assert not both.duplicated(["prompt_id", "model"]).any()


@pytest.fixture(scope="module")
def with_own(small: Dataset, answers: pd.DataFrame, shipped: Artifact) -> Artifact:
    return fit_second(small, answers, shipped, name="own-1", seed=0)


def test_a_verifier_is_moved_to_own_answers(with_own: Artifact, tmp_path: Path) -> None:
    described = with_own.manifest["verifier"]
    assert described["answers"] == 800 and described["base"]
    assert set(described["metrics"]) == {"0 other opinions", "1 other opinions"}
    assert described["metrics"]["1 other opinions"]["auc"] > 0.75
    router = Router(artifacts.load(artifacts.save(with_own, tmp_path)))
    before = router.predict("How many days do seven weeks have?")
    p = [router.predict_after(before, "49", [o]).p_local for o in ("49", "50")]
    assert p[0] > p[1]


def test_it_learns_what_the_beginning_of_an_answer_shows(with_own: Artifact) -> None:
    assert with_own.verifier is not None
    look = with_own.verifier["look"].astype(float)
    assert len(look) == TABLES[-1]
    assert np.allclose(look.mean(axis=-1), 0, atol=1e-6)
    spread = np.sqrt((look**2).mean(axis=(1, 2, 3)))
    # These answers are of one line, so that each is read to its end before the first mark.
    assert np.allclose(spread[TO_BEGINNING:], spread[TO_ANSWER])
    assert 0 < spread[TO_ANSWER] < spread[FROM_PROMPT]  # an opinion shows more
    assert Router(with_own).second_look().look.shape == look.shape


def test_a_verifier_is_fitted_from_nothing(
    small: Dataset, answers: pd.DataFrame, shipped: Artifact
) -> None:
    found = fit_second(small, answers, replace(shipped, verifier=None), name="own-2", scratch=True)
    assert found.manifest["verifier"]["base"] is None and found.verifier is not None
    assert Verifier.from_arrays(found.verifier).dimensions == 256


def test_study_learns_without_labels_and_with_a_few(
    small: Dataset, answers: pd.DataFrame, with_own: Artifact
) -> None:
    prompts = small.prompts
    free = study(prompts, answers, with_own, name="s-1")
    described = free.artifact.manifest["study"]
    assert described["true_labels"] == 0 and described["soft_labels"] == 1200
    assert free.artifact.verifier is not None
    few = small.where(small.rows["prompt_id"].isin(prompts["prompt_id"].head(25)))
    helped = study(prompts, answers, with_own, name="s-2", true=few)
    assert 0 < helped.artifact.manifest["study"]["true_labels"] <= 75
    assert not np.allclose(
        helped.artifact.arrays["calibration"], free.artifact.arrays["calibration"]
    )


def test_study_needs_a_verifier_and_second_opinions(
    small: Dataset, answers: pd.DataFrame, shipped: Artifact
) -> None:
    with pytest.raises(TrainingError, match="no verifier"):
        study(small.prompts, answers, replace(shipped, verifier=None), name="x")
    alone = answers.drop_duplicates("prompt_id")
    with pytest.raises(TrainingError, match="two local models"):
        study(small.prompts, alone, shipped, name="x")


def test_commands_over_files(
    small: Dataset, answers: pd.DataFrame, shipped: Artifact, tmp_path: Path
) -> None:
    small.rows.to_parquet(tmp_path / "outcomes.parquet")
    own = answers.merge(small.prompts, on="prompt_id")
    own.to_parquet(tmp_path / "answers.parquet")
    base = str(
        artifacts.save(
            replace(shipped, manifest={**shipped.manifest, "version": "b"}), tmp_path / "models"
        )
    )
    run = CliRunner()
    first = run.invoke(
        app,
        [
            "verifier",
            "--data",
            str(tmp_path / "outcomes.parquet"),
            "--answers",
            str(tmp_path / "answers.parquet"),
            "--base",
            base,
            "--out",
            str(tmp_path / "models"),
            "--name",
            "v1",
            "--json",
            str(tmp_path / "v1.json"),
        ],
    )
    assert first.exit_code == 0, first.output
    assert "1 other opinions" in first.output
    assert json.loads((tmp_path / "v1.json").read_text())["answers"] == 800
    second = run.invoke(
        app,
        [
            "study",
            "--answers",
            str(tmp_path / "answers.parquet"),
            "--base",
            str(tmp_path / "models" / "v1"),
            "--out",
            str(tmp_path / "models"),
            "--name",
            "s1",
        ],
    )
    assert second.exit_code == 0, second.output
    assert "agreement labels" in second.output
    assert artifacts.load(tmp_path / "models" / "s1").verifier is not None


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        ({"prompt_id": ["a"], "text": ["x"]}, "lacks the column model"),
        ({"prompt_id": ["a"], "model": ["m"]}, "lacks the column text"),
        ({"prompt_id": ["a", "a"], "model": ["m", "m"], "text": ["x", "y"]}, "row 2"),
        ({"prompt_id": ["a"], "model": ["m"], "text": [["x"]]}, "row 1, column text"),
    ],
)
def test_faulty_answers_are_refused(
    frame: dict[str, list[object]], message: str, tmp_path: Path
) -> None:
    pd.DataFrame(frame).to_json(tmp_path / "a.jsonl", orient="records", lines=True)
    with pytest.raises(DataError, match=message):
        read_answers(tmp_path / "a.jsonl")


def test_answers_that_a_table_holds_as_numbers_are_text(tmp_path: Path) -> None:
    frame = pd.DataFrame({"prompt_id": ["a", "b"], "model": "m", "text": [5, 42], "prompt": "How?"})
    frame.to_csv(tmp_path / "a.csv", index=False)
    read = read_answers(tmp_path / "a.csv")
    assert read["text"].tolist() == ["5", "42"] and read["final"].isna().all()


def test_answers_without_prompts_are_refused(tmp_path: Path) -> None:
    pd.DataFrame({"prompt_id": ["a"], "model": ["m"], "text": ["x"]}).to_csv(tmp_path / "a.csv")
    with pytest.raises(DataError, match="no prompts"):
        read_prompts(tmp_path / "a.csv")
    with pytest.raises(DataError, match="no answers"):
        read_answers(tmp_path / "none")
