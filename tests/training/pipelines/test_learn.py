"""Learning from a log: what moves the model, what must not, and that it is the same every time."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine, insert

from router.decide.extractors import extractor_of
from router.decide.router import Router
from router.errors import TrainingError
from router.outcomes import events
from router.outcomes.database import open_database
from router.outcomes.kept import pack
from router.outcomes.tables import decisions, feedback, opinions
from router.registry import artifact as artifacts
from router.registry.artifact import Artifact
from router.registry.registry import Registry
from router.registry.shared import SharedModels
from router.settings import Settings, load_settings
from router.text.request import request_from_prompt
from tests.training import logs
from training.data.log import Window, read_window
from training.data.splits import group_hash
from training.evaluate.scoring import fitted_of
from training.pipelines.learn import Learned, learn
from training.run import train_on_log

pytestmark = pytest.mark.slow

TEXTS = logs.prompts(400)
FRESH = [t for t in logs.prompts(700) if t not in TEXTS][:200]
UNTIL = logs.START + 1e6


def window_of(engine: Engine, champion: Artifact) -> Window:
    return read_window(engine, extractor_of(champion), since=0, until=UNTIL, maturity_s=86_400)


def learned_of(engine: Engine, champion: Artifact, seed: int = 0) -> Learned:
    return learn(window_of(engine, champion), champion, cloud_model=logs.CLOUD, seed=seed)


def p_local(artifact: Artifact) -> Any:
    return Router(artifact, local_model=logs.LOCAL).predict_batch(FRESH).p_local


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory, router: Router) -> Engine:
    """A week of second opinions, and some honest feedback."""
    engine = logs.log(
        tmp_path_factory.mktemp("honest"), router, TEXTS, logs.contrary, rated=False, studied=True
    )
    rng = np.random.default_rng(1)
    some = rng.permutation(len(TEXTS))[:60]
    with engine.begin() as connection:
        rows = [logs.said(int(i), float(rng.random() < logs.contrary(TEXTS[i]))) for i in some]
        connection.execute(insert(feedback), rows)
    return engine


@pytest.fixture(scope="module")
def learned(honest: Engine, shipped: Artifact) -> Learned:
    return learned_of(honest, shipped)


def copied(engine: Engine, folder: Path) -> Engine:
    from router.outcomes import transfer

    transfer.dump(engine, folder / "dump")
    target = open_database(f"sqlite:///{folder / 'copy.db'}")
    transfer.load(folder / "dump", target)
    return target


def test_agreement_labels_and_a_little_feedback_teach_what_the_model_cannot(
    learned: Learned, shipped: Artifact
) -> None:
    good = np.array([logs.contrary(t) for t in FRESH])
    before, after = p_local(shipped), p_local(learned.artifact)
    assert np.mean((after - good) ** 2) < 0.85 * np.mean((before - good) ** 2)
    assert learned.better.low > 0 and not learned.reasons
    assert learned.labels == {"agreement": 400, "user": 60}


def test_later_requests_were_not_learned_from(
    learned: Learned, honest: Engine, shipped: Artifact
) -> None:
    window = window_of(honest, shipped)
    frame = window.frame
    seen = set(learned.artifact.arrays["seen"].tolist()) - set(shipped.arrays["seen"].tolist())
    late = frame.iloc[300:]
    new = ~late["group"].isin(frame["group"].iloc[:300])
    assert not any(group_hash(g) in seen for g in late["group"][new])


def test_the_same_log_seed_and_base_give_the_same_weights_bit_for_bit(
    learned: Learned, honest: Engine, shipped: Artifact, tmp_path: Path
) -> None:
    again = learned_of(copied(honest, tmp_path), shipped)
    assert again.artifact.version == learned.artifact.version
    for name, array in learned.artifact.arrays.items():
        assert array.tobytes() == again.artifact.arrays[name].tobytes(), name
    assert again.as_dict() == learned.as_dict()


Poison = Callable[[list[str]], list[dict[str, Any]]]


def flood(texts: list[str]) -> list[dict[str, Any]]:
    """One key says of everything, within an hour, that the opposite is true."""
    now = logs.START + 600.0 * len(texts)
    return [
        {**logs.said(i, float(logs.contrary(t) < 0.5)), "key": "bot", "at": now + i}
        for i, t in enumerate(texts)
    ]


def sided(texts: list[str]) -> list[dict[str, Any]]:
    """One key says day after day that all is bad."""
    return [
        {**logs.said(i, 0.0), "key": "sour", "at": logs.START + 86_400.0 * (i // 40) + i}
        for i in range(len(texts))
    ]


@pytest.mark.parametrize("poison", [flood, sided])
def test_a_flood_of_false_feedback_does_not_move_the_model(
    poison: Poison, honest: Engine, learned: Learned, shipped: Artifact, tmp_path: Path
) -> None:
    engine = copied(honest, tmp_path)
    with engine.begin() as connection:
        connection.execute(insert(feedback), poison(TEXTS))
    after = learned_of(engine, shipped)
    moved = np.abs(p_local(after.artifact) - p_local(learned.artifact))
    gained = np.abs(p_local(learned.artifact) - p_local(shipped)).mean()
    assert moved.mean() < 0.25 * gained
    good = np.array([logs.contrary(t) for t in FRESH])
    assert np.corrcoef(p_local(after.artifact), good)[0, 1] > 0.5


def test_one_repeated_prompt_does_not_move_the_model(
    honest: Engine, learned: Learned, shipped: Artifact, router: Router, tmp_path: Path
) -> None:
    engine = copied(honest, tmp_path)
    same = [f"Tell me about the weather in week {n}, please." for n in range(500)]
    with engine.begin() as connection:
        rows = [
            {**logs.decision(router, 1000 + n, text), "at": logs.START + n, "key": f"k{n % 20}"}
            for n, text in enumerate(same)
        ]
        connection.execute(insert(decisions), rows)
        said = [
            {
                **logs.said(1000 + n, float(n % 10 == 0)),
                "key": f"k{n % 20}",
                "at": logs.START + 3600.0 * n,
            }
            for n in range(500)
        ]
        connection.execute(insert(feedback), said)
    after = learned_of(engine, shipped)
    moved = np.abs(p_local(after.artifact) - p_local(learned.artifact)).mean()
    assert moved < 0.25 * np.abs(p_local(learned.artifact) - p_local(shipped)).mean()


def test_requests_without_words_teach_by_their_features(
    router: Router, shipped: Artifact, tmp_path: Path
) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'private.db'}")
    rows = [logs.decision(router, i, t) for i, t in enumerate(TEXTS)]
    for row, text in zip(rows, TEXTS, strict=True):
        features = router.extractor.extract([request_from_prompt(text)])
        row |= {"request": None, "answer": None, "features": pack(features)}
    with engine.begin() as connection:
        connection.execute(insert(decisions), rows)
        found = [logs.opinion(i, logs.contrary(t)) for i, t in enumerate(TEXTS)]
        connection.execute(insert(opinions), found)
    found = learned_of(engine, shipped)
    assert found.better.low > 0
    assert set(window_of(engine, shipped).frame["prompt"]) == {""}


def test_too_few_labels_are_refused_in_words(
    router: Router, shipped: Artifact, tmp_path: Path
) -> None:
    engine = logs.log(tmp_path, router, TEXTS[:10], logs.contrary, rated=False)
    with pytest.raises(TrainingError, match="20 are needed; collect some for free"):
        learned_of(engine, shipped)


@pytest.fixture
def own(tmp_path: Path, honest: Engine) -> Settings:
    """Settings with models and a log of their own."""
    copied(honest, tmp_path)
    shipped_folder = artifacts.resolve(load_settings().models_dir)
    models = tmp_path / "models"
    artifacts.save(artifacts.load(shipped_folder), models)
    Registry(models).promote(shipped_folder.name)
    return load_settings(
        models_dir=models, log_url=f"sqlite:///{tmp_path / 'copy.db'}", local_model=logs.LOCAL
    )


def test_what_is_better_is_promoted_tracked_and_can_be_taken_back(
    own: Settings, tmp_path: Path
) -> None:
    from training.tracking import CHALLENGER, CHAMPION, EXPERIMENT, Tracking

    own = own.model_copy(update={"models_url": f"file://{tmp_path}/there"})
    run = train_on_log(own, since=0, until=UNTIL, at_once=True)
    version = run.learned.artifact.version
    assert run.status == "promoted"
    assert artifacts.resolve(own.models_dir).name == version
    assert SharedModels(f"file://{tmp_path}/there").current == version
    tracking = Tracking(own.models_dir.parent)
    assert tracking.version_of(CHAMPION) == version
    assert tracking.version_of(CHALLENGER) is None
    experiment = tracking.client.get_experiment_by_name(EXPERIMENT)
    runs = tracking.client.search_runs([experiment.experiment_id])
    children = [r for r in runs if "mlflow.parentRunId" in r.data.tags]
    assert {r.data.tags["mlflow.runName"] for r in children} == {
        "labels",
        "fit",
        "evaluation",
        "promotion",
    }
    assert Registry(own.models_dir).roll_back() == run.champion
    engine = open_database(own.log_url)
    learned = artifacts.load(own.models_dir / version)
    later = learned_of(engine, learned)  # the traffic is what that version learned from
    assert later.drift is not None and later.drift.distance < 1
    events.write(engine, "rollback", version, "It was worse.")
    again = train_on_log(own, since=0, until=UNTIL, at_once=True)
    assert again.status == "refused"
    assert artifacts.resolve(own.models_dir).name == run.champion
    assert tracking.version_of(CHALLENGER) is None, "a refused model challenges nobody"
    assert tracking.version_of(CHAMPION) != version, "the way back is seen in MLflow too"


def test_the_aliases_follow_what_the_gateway_does_without_mlflow(own: Settings) -> None:
    from training.tracking import CHALLENGER, CHAMPION, Tracking

    run = train_on_log(own, since=0, until=UNTIL)
    tracking, version = Tracking(own.models_dir.parent), run.learned.artifact.version
    assert tracking.version_of(CHALLENGER) == version
    Registry(own.models_dir).promote(version)  # as the gateway does after the time in shadow
    tracking.follow(own.models_dir)
    assert (tracking.version_of(CHAMPION), tracking.version_of(CHALLENGER)) == (version, None)
    Registry(own.models_dir).roll_back()
    tracking.follow(own.models_dir)
    assert tracking.version_of(CHAMPION) is None, "the shipped version is in no registry"


def test_a_challenger_waits_in_shadow_unless_it_is_told_not_to(own: Settings) -> None:
    run = train_on_log(own, since=0, until=UNTIL)
    assert run.status == "shadow"
    assert Registry(own.models_dir).challenger == run.learned.artifact.version
    assert artifacts.resolve(own.models_dir).name == run.champion


def test_noise_is_not_promoted(router: Router, shipped: Artifact, tmp_path: Path) -> None:
    """Labels that have nothing to do with the requests, at the level that is predicted anyway."""
    level = float(router.predict_batch(TEXTS).p_local.mean())
    engine = logs.log(tmp_path, router, TEXTS, lambda text: level, seed=3)
    rng = np.random.default_rng(3)
    with engine.begin() as connection:
        connection.execute(feedback.delete())
        said = [
            {**logs.said(i, float(rng.random() < router.predict(t).p_local)), "key": f"k{i % 12}"}
            for i, t in enumerate(TEXTS)
        ]
        connection.execute(insert(feedback), said)
    assert learned_of(engine, shipped).reasons


def test_ratings_that_know_nothing_teach_nothing_and_it_is_said(
    router: Router, shipped: Artifact, tmp_path: Path
) -> None:
    """Many ratings of the cloud's answers by lot, a dozen of the local model's, these all bad."""
    engine = logs.log(tmp_path, router, TEXTS[:120], lambda text: 0.5, rated=False)
    with engine.begin() as connection:
        mine = decisions.c.id >= "d00012"
        connection.execute(decisions.update().where(mine).values(tier="cloud", model=logs.CLOUD))
        rng = np.random.default_rng(0)
        said = [logs.said(i, 0.0 if i < 12 else float(rng.random() < 0.7)) for i in range(120)]
        said = [{**s, "key": f"k{i % 4}"} for i, s in enumerate(said)]
        connection.execute(insert(feedback), said)
    with pytest.raises(TrainingError, match="better than chance"):
        learned_of(engine, shipped)


def test_few_ratings_alone_are_not_promoted_and_what_is_missing_is_said(
    router: Router, shipped: Artifact, tmp_path: Path
) -> None:
    """Too few tell answers apart for sure, and of the other tier they say nothing."""
    engine = logs.log(tmp_path, router, TEXTS, lambda text: router.predict(text).p_local)
    assert "50 more are needed (router study" in learned_of(engine, shipped).reasons[0]


def test_a_lesson_changes_which_requests_go_and_not_how_many(
    learned: Learned, honest: Engine, shipped: Artifact
) -> None:
    window = window_of(honest, shipped)
    shares = []
    for artifact in (shipped, learned.artifact):
        p_local, p_cloud = fitted_of(artifact).predict(window.features, window.pair)
        shares.append(np.mean(p_cloud - p_local > artifact.manifest["threshold"]["default"]))
    assert shares[0] == pytest.approx(shares[1], abs=0.01)
