"""Promises that rest on a log: on judged requests, and on how many nobody could judge."""

from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Engine, insert, update

from router.decide.router import Router, extractor_of
from router.outcomes.tables import decisions, feedback
from router.registry.artifact import Artifact
from router.threshold import QualityFloor
from tests.training import logs
from training.data.log import Window, read_window
from training.pipelines.learn import learn

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
    known = promised.artifact.manifest["known"]
    assert (known["local"], known["cloud"]) == (logs.LOCAL, logs.CLOUD)
    assert 60 < known["rows"] <= 100
    served = Router(promised.artifact, operating_point=floor)
    assert served.predict("Say hello.").threshold == pytest.approx(promised.thresholds[1])
    assert not promised.reasons
    assert np.isnan(refused.thresholds).all()
    assert any("cannot be promised" in reason for reason in refused.reasons)


def test_what_went_straight_to_the_cloud_counts_against_a_promise(
    shipped: Artifact, router: Router, tmp_path: Path
) -> None:
    engine = logs.log(tmp_path, router, TEXTS, lambda text: 1.0, rated=False)
    judge(engine, range(330, 360), lambda text: 1.0)
    with engine.begin() as connection:
        unseen = decisions.c.id >= "d00360"
        connection.execute(update(decisions).where(unseen).values(tier="cloud", model=logs.CLOUD))
    found = learn(window_of(engine, shipped), shipped, cloud_model=logs.CLOUD)
    local = found.artifact.arrays["known"][2]
    # Of the newest hundred the judge saw half of the sixty local ones: half of the others count.
    assert ((local == 1.0).sum(), (local == 0.0).sum()) == (30, 20)
