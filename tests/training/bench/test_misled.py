"""Logs that might mislead: what is drawn is what its habits say."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from router.decide.extractors import extractor_of
from router.registry.artifact import Artifact
from router.types import FloatArray
from tests.training import logs
from training.bench import misled
from training.bench.constants import LOG_REQUESTS
from training.bench.simulated import Habits, simulate
from training.bench.traffic import Traffic
from training.bench.watching import watch_bench
from training.data.featurize import featurize
from training.evaluate.scoring import fitted_of

TEXTS = logs.prompts(300)


@pytest.fixture(scope="module")
def traffic(shipped: Artifact) -> Traffic:
    rng = np.random.default_rng(0)
    made = Traffic(
        champion=shipped,
        pair={"local": logs.LOCAL, "cloud": logs.CLOUD},
        features=featurize(extractor_of(shipped), TEXTS),
        local=np.zeros(300),
        cloud=np.zeros(300),
        weaker=np.zeros(300),
        said=np.full((300, 2), 0.5),
        alone=np.full((300, 2), 0.5),
        echoed=np.full((300, 2), 0.8),
        group=np.arange(300),
        topic=np.array(["a: x" if i % 2 else "b: y" for i in range(300)]),
        asks=np.array(["text"] * 300),
    )
    p_local, p_cloud = made.predicted(fitted_of(shipped), np.arange(300))

    def drawn(p: FloatArray) -> FloatArray:
        return (rng.random(300) < p) * 1.0

    return replace(made, local=drawn(p_local), cloud=drawn(p_cloud))


def test_no_held_out_request_is_in_the_log(traffic: Traffic) -> None:
    made = simulate(traffic, Habits(requests=100, agreement=True), 1)
    held = {f"g{g}" for g in traffic.group[made.held]}
    assert not set(made.window.frame["group"]) & held
    assert len(made.window.soft) == 100 and not made.window.signals


def test_who_rates_only_bad_answers_does_so(traffic: Traffic) -> None:
    made = simulate(traffic, Habits(requests=140, bad=1.0, audit=0.0), 2)
    assert made.window.signals and {s.value for s in made.window.signals} == {0.0}


def test_inverted_keys_say_the_opposite_and_the_audit_is_rated(traffic: Traffic) -> None:
    honest = simulate(traffic, Habits(requests=140, good=0.5, bad=0.5), 3)
    liars = simulate(traffic, Habits(requests=140, good=0.5, bad=0.5, inverted=3), 3)
    pairs = zip(honest.window.signals, liars.window.signals, strict=True)
    assert all(a.value == 1 - b.value for a, b in pairs)
    assert honest.window.frame["audited"].any()


def test_a_stopped_run_goes_on_where_it_was(
    traffic: Traffic, shipped: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = {"nothing said": Habits(requests=60), "large": Habits(requests=LOG_REQUESTS + 1)}
    monkeypatch.setattr(misled, "CASES", few)
    monkeypatch.setattr(misled, "load_traffic", lambda *_: traffic)
    kept, steps = tmp_path / "kept.jsonl", list[str]()

    def run(logs: int) -> dict[str, Any]:
        return misled.misled_bench(
            tmp_path, shipped, logs=logs, jobs=1, kept=kept, progress=steps.append
        )

    assert run(1)["nothing said"]["logs"] == 1
    found = run(2)
    assert (found["nothing said"]["logs"], found["large"]["logs"]) == (2, 1)
    assert found["nothing said"]["promoted"] == 0
    assert [one for one in steps if "logs:" in one] == [
        "1 of 2 logs: nothing said",
        "2 of 2 logs: large",
        "1 of 1 logs: nothing said",
    ]


def test_a_second_model_repeats_only_mistakes_and_the_asked_rate_the_audit(
    traffic: Traffic,
) -> None:
    made = simulate(traffic, Habits(requests=140, agreement=True, copied=0.5, asked=1.0), 4)
    frame, soft = made.window.frame, made.window.soft
    wrong = traffic.local[[int(g[1:]) for g in frame["group"]]] < 0.5
    echoed = soft["p_local"].to_numpy() == 0.8
    assert not echoed[~wrong].any() and 0 < echoed[wrong].mean() < 1
    rated = {s.decision for s in made.window.signals}
    assert rated == set(frame.loc[frame["audited"], "id"])


@pytest.mark.slow
def test_the_watch_is_measured_at_every_age_and_habit() -> None:
    found = watch_bench(runs=5)
    assert found["delay after 10000"]["mean"] < 500
    assert found["false alarms, good rated with .2, bad with .5"] <= 0.2
