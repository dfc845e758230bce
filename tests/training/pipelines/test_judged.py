"""What promises rest on: outcomes of a folder, judged requests, and those nobody could judge."""

from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Engine, insert, update

from router.decide.extractors import extractor_of
from router.decide.router import Router
from router.errors import NoPromise
from router.outcomes.tables import decisions, feedback
from router.registry import artifact as artifacts
from router.registry.artifact import Artifact
from router.threshold import QualityFloor
from tests.training import logs
from training.data.dataset import Dataset
from training.data.log import Window, read_window
from training.data.splits import parts
from training.pipelines.learn import learn
from training.pipelines.prompts import Trained, train

pytestmark = pytest.mark.slow

TEXTS = logs.prompts(400)


def window_of(engine: Engine, champion: Artifact) -> Window:
    until = logs.START + 1e6
    return read_window(engine, extractor_of(champion), since=0, until=until, maturity_s=86_400)


def judge(engine: Engine, numbers: range, good: logs.Good) -> None:
    """The judge calls local answers good by these chances, and nearly all of the cloud's."""
    rng = np.random.default_rng(7)
    rows = [
        {**logs.said(i, float(rng.random() < chance)), "source": "judge", "tier": tier}
        for i in numbers
        for tier, chance in (("local", good(TEXTS[i])), ("cloud", 0.95))
    ]
    with engine.begin() as connection:
        connection.execute(insert(feedback), rows)


def test_a_judged_log_can_promise_a_floor_and_one_of_agreement_alone_is_refused(
    shipped: Artifact, router: Router, tmp_path: Path
) -> None:
    floor = QualityFloor(0.8)
    found = []
    for judged in (True, False):
        folder = tmp_path / str(judged)
        folder.mkdir()
        engine = logs.log(folder, router, TEXTS, logs.contrary, rated=False, studied=True)
        if judged:
            judge(
                engine, range(300, 400), logs.contrary
            )  # the newest: nothing is learned from them
        window = window_of(engine, shipped)
        found.append(learn(window, shipped, cloud_model=logs.CLOUD, operating_point=floor))
    promised, refused = found
    [known] = promised.artifact.manifest["known"]
    assert (known["local"], known["cloud"]) == (logs.LOCAL, logs.CLOUD)
    assert 60 < known["rows"] <= 100
    served = Router(promised.artifact, operating_point=floor)
    assert served.predict("Say hello.").threshold == pytest.approx(promised.thresholds[1])
    assert not any("cannot be promised" in reason for reason in promised.reasons)
    assert np.isnan(refused.thresholds).all()
    assert any("cannot be promised" in reason for reason in refused.reasons)


def test_what_went_straight_to_the_cloud_counts_against_a_promise(
    shipped: Artifact, router: Router, tmp_path: Path
) -> None:
    engine = logs.log(tmp_path, router, TEXTS, lambda text: 1.0, rated=False, studied=True)
    judge(engine, range(330, 360), lambda text: 1.0)
    with engine.begin() as connection:
        unseen = decisions.c.id >= "d00360"
        connection.execute(update(decisions).where(unseen).values(tier="cloud", model=logs.CLOUD))
    found = learn(window_of(engine, shipped), shipped, cloud_model=logs.CLOUD)
    local = found.artifact.arrays["known"][2]
    # Of the newest hundred the judge saw half of the sixty local ones: half of the others count.
    assert ((local == 1.0).sum(), (local == 0.0).sum()) == (30, 20)


def test_a_fit_keeps_the_outcomes_of_its_threshold_part_by_pair_and_a_row_a_group(
    shipped: Artifact, small: Dataset, trained: Trained, tmp_path: Path
) -> None:
    rows = small.rows.assign(source="mine")
    same = {g: f"g{i // 2}" for i, g in enumerate(rows["group"].unique())}  # two prompts a group
    found = train(
        Dataset(rows.assign(group=rows["group"].map(same))), None, base=shipped, version_name="own"
    )
    pairs, known = found.artifact.manifest["known"], found.artifact.arrays["known"]
    held = found.data.rows[parts(found.data.rows["group"]) == "threshold"]
    assert [pair["local"] for pair in pairs] == ["gemma-2-2b-it", logs.LOCAL]
    assert {pair["rows"] for pair in pairs} == {held["group"].nunique()}
    assert known.shape[1] == 2 * held["group"].nunique()
    router = Router.load(artifacts.save(found.artifact, tmp_path))
    mine = held[held["model"] == logs.LOCAL].groupby("group")["score"].mean()
    assert router.reference.known.local == pytest.approx(mine.to_numpy())
    with pytest.raises(NoPromise, match=r"There are \d+ \(requests of mine"):
        Router.load(tmp_path / "own", operating_point=QualityFloor(0.99))
    assert "known" not in trained.artifact.manifest  # grades are no outcomes


def test_known_gains_are_those_that_the_router_serves(
    shipped: Artifact, small: Dataset, tmp_path: Path
) -> None:
    rows = small.rows.assign(source="mine")
    found = train(Dataset(rows), None, base=shipped, version_name="own")
    router = Router(found.artifact)
    held = found.data.rows[parts(found.data.rows["group"]) == "threshold"]
    prompts = held.drop_duplicates("group").sort_values("group")
    served = router.predict_batch(prompts["prompt"].tolist())
    assert np.sort(router.reference.known.gain) == pytest.approx(np.sort(served.gain), abs=1e-6)
