"""Promises of quality: that they are kept as often as they say, and refused in words."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from router.app import policy_of
from router.backends.discovery import LocalServer
from router.decide.promises import promises
from router.decide.router import Router
from router.errors import NoPromise
from router.promise import FLOOR_CONFIDENCE, Known, floor_at, labels_needed, threshold_for_floor
from router.registry.artifact import Artifact
from router.settings import load_settings
from router.threshold import QualityFloor, Reference
from router.types import FloatArray
from tests.servers.running import HARD

DRAWS = 500
Draw = Callable[[np.random.Generator, int], Known]
PAIR = "llama3.1:8b", "claude-sonnet-5-5"


def rare_losses(rng: np.random.Generator, n: int) -> Known:
    """Local answers are wrong only where the cloud's are right, the more the higher the gain."""
    gain = rng.uniform(0, 0.5, n)
    cloud = (rng.random(n) < 0.9) * 1.0
    return Known(gain, cloud * (rng.random(n) < 1 - 0.6 * gain), cloud, "drawn")


def independent(rng: np.random.Generator, n: int) -> Known:
    """Both answers are good by chances of their own; where the gain is below 0 the local wins."""
    gain = rng.uniform(-0.1, 0.7, n)
    local = (rng.random(n) < np.clip(0.85 - gain, 0, 1)) * 1.0
    return Known(gain, local, (rng.random(n) < 0.9) * 1.0, "drawn")


def always_a_little_worse(rng: np.random.Generator, n: int) -> Known:
    """A gain that says nothing, and local answers just too bad to keep many."""
    cloud = (rng.random(n) < 0.95) * 1.0
    return Known(rng.uniform(0, 1, n), cloud * (rng.random(n) < 0.94), cloud, "drawn")


def quality(known: Known, threshold: float) -> float:
    """Of routed answers, as a share of the cloud's."""
    routed = np.where(known.gain <= threshold, known.local, known.cloud)
    return float(routed.mean() / known.cloud.mean())


@pytest.mark.parametrize("draw", [rare_losses, independent, always_a_little_worse])
@pytest.mark.parametrize("labels", [100, 400])
def test_of_five_hundred_samples_of_labels_at_most_one_in_twenty_breaks_the_promise(
    draw: Draw, labels: int
) -> None:
    rng = np.random.default_rng(0)
    world = draw(rng, 200_000)
    found = [threshold_for_floor(draw(rng, labels), 0.95, FLOOR_CONFIDENCE) for _ in range(DRAWS)]
    broken = [t for t in found if t is not None and quality(world, t) < 0.95]
    assert len(broken) <= (1 - FLOOR_CONFIDENCE) * DRAWS


def test_more_labels_keep_more_requests_local() -> None:
    rng = np.random.default_rng(1)
    world = independent(rng, 200_000)
    kept = []
    for labels in (150, 600, 5000):
        cuts = [threshold_for_floor(independent(rng, labels), 0.95, 0.95) for _ in range(40)]
        kept.append(np.mean([(world.gain <= t).mean() if t is not None else 0.0 for t in cuts]))
    best = max(t for t in np.linspace(0, 0.7, 141) if quality(world, float(t)) >= 0.95)
    most = (world.gain <= best).mean()
    assert kept == sorted(kept)
    assert most - 0.06 < kept[-1] <= most


def test_the_promise_does_not_depend_on_the_order_of_the_labels() -> None:
    rng = np.random.default_rng(2)
    one = independent(rng, 300)
    at = rng.permutation(300)
    other = Known(one.gain[at], one.local[at], one.cloud[at], "the same")
    assert threshold_for_floor(one, 0.9, 0.95) == threshold_for_floor(other, 0.9, 0.95)


def test_equal_gains_stay_or_leave_together() -> None:
    cloud = np.ones(300)
    local = np.r_[np.ones(150), np.zeros(150)]
    same = Known(np.full(300, 0.2), local, cloud, "")
    assert threshold_for_floor(same, 0.95, 0.95) is None
    apart = Known(np.r_[np.full(150, 0.1), np.full(150, 0.3)], local, cloud, "")
    assert threshold_for_floor(apart, 0.95, 0.95) == 0.1


@pytest.mark.parametrize("floor", [0.8, 0.95, 0.99])
def test_so_many_flawless_labels_suffice_as_are_said_to_be_needed(floor: float) -> None:
    need = labels_needed(np.ones(1), floor, 0.95)

    def flawless(n: int) -> Known:
        return Known(np.zeros(n), np.ones(n), np.ones(n), "")

    assert threshold_for_floor(flawless(need), floor, 0.95) == 0.0
    assert threshold_for_floor(flawless(need - 1), floor, 0.95) is None


def test_the_floor_at_a_threshold_is_one_that_could_be_set() -> None:
    known = independent(np.random.default_rng(3), 2000)
    floor = floor_at(known, 0.2, 0.95)
    assert floor is not None
    higher = threshold_for_floor(known, floor + 0.01, 0.95)
    assert (threshold_for_floor(known, floor, 0.95) or -1) >= 0.199
    assert higher is None or higher < 0.2


def test_too_few_labels_are_refused_with_their_number() -> None:
    nothing = np.zeros(1)
    few = independent(np.random.default_rng(4), 20)
    with pytest.raises(NoPromise, match=r"There are 20 \(drawn\), at least \d+ are needed"):
        QualityFloor(0.95).threshold(Reference(nothing, nothing, nothing, few), 0.0)
    with pytest.raises(NoPromise, match="at least 67 requests with both outcomes are needed"):
        QualityFloor(0.95).threshold(Reference(nothing, nothing, nothing), 0.0)
    hopeless = Known(np.zeros(500), np.zeros(500), np.ones(500), "drawn")
    with pytest.raises(NoPromise, match="not answered well enough"):
        QualityFloor(0.95).threshold(Reference(nothing, nothing, nothing, hopeless), 0.0)


def knowing(artifact: Artifact, local: FloatArray, cloud: FloatArray) -> Artifact:
    """`artifact` with outcomes of its default pair, logits as its heads would give them."""
    rng = np.random.default_rng(5)
    logits = np.stack([rng.normal(0.5, 1.0, len(local)), rng.normal(1.5, 0.5, len(local))])
    about = {"local": PAIR[0], "cloud": PAIR[1], "rows": len(local), "sources": {"log": len(local)}}
    return replace(
        artifact,
        manifest={**artifact.manifest, "known": [about]},
        arrays={**artifact.arrays, "known": np.concatenate([logits, [local], [cloud]])},
    )


def test_a_router_sets_its_threshold_by_the_floor_and_says_so(shipped: Artifact) -> None:
    artifact = knowing(shipped, np.ones(300), np.ones(300))
    router = Router(artifact, operating_point=QualityFloor(0.9))
    decision = router.predict("Prove that there are infinitely many primes.")
    assert "a quality floor of 90% of the cloud's" in decision.reason
    assert decision.threshold == pytest.approx(router.reference.known.gain.max())
    assert promises(router)[0].startswith("In use: a quality floor of 90%")
    assert any(line.startswith("quality_floor = 0.95: threshold") for line in promises(router))


def test_what_a_floor_sends_to_the_cloud_is_not_looked_at_first(shipped: Artifact) -> None:
    rng = np.random.default_rng(6)
    artifact = knowing(shipped, (rng.random(400) < 0.9) * 1.0, np.ones(400))
    floor = Router(artifact, operating_point=QualityFloor(0.9), look_price=0.0)
    decision = floor.predict(HARD)
    assert decision.tier == "cloud" == decision.act


def test_outcomes_of_other_models_promise_nothing(shipped: Artifact) -> None:
    artifact = knowing(shipped, np.ones(300), np.ones(300))
    assert len(Router(artifact, local_model="Meta-Llama-3.1-8B-Instruct").reference.known) == 300
    with pytest.raises(NoPromise, match=r"not of qwen2\.5:3b and claude-sonnet-5-5"):
        Router(artifact, local_model="qwen2.5:3b", operating_point=QualityFloor(0.9))


def test_the_shipped_version_says_why_it_promises_nothing(router: Router) -> None:
    [sentence] = promises(router)
    assert "cannot be promised" in sentence and "router judge" in sentence


def test_the_setting_is_an_operating_point() -> None:
    assert load_settings(quality_floor=0.95).operating_point() == QualityFloor(0.95)


def test_a_gateway_does_not_start_with_a_floor_that_it_cannot_keep() -> None:
    with pytest.raises(NoPromise, match=r"quality floor of 0\.95 cannot be promised"):
        policy_of(load_settings(quality_floor=0.95), LocalServer("none"))
