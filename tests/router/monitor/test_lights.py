"""What the lights say of a gateway that is well, and of one that is not."""

from dataclasses import replace

import pytest

from router.monitor.alarms import Alarm, CalibrationTest, Drift, Kind
from router.monitor.lights import Light, lights
from router.monitor.shadow import Shadow
from router.monitor.watch import Watch
from tests.servers.fixtures import Run
from tests.servers.running import EASY, Gateway


def of(gateway: Gateway, watch: Watch | None = None) -> dict[str, Light]:
    return {light.name: light for light in lights(gateway.service, watch)}


def watching(gateway: Gateway) -> Watch:
    return Watch(service=gateway.service, shadow=Shadow(gateway.service))


def test_a_fresh_gateway_is_well_and_knows_little(run: Run) -> None:
    gateway = run()
    found = of(gateway, watching(gateway))
    assert {n: light.state for n, light in found.items()} == {
        "Local server": "warn",  # the stand-in serves a model that nobody measured
        "Cloud": "good",
        "Outcome log": "good",
        "Calibration": "off",
        "Traffic": "off",
        "Background work": "good",
    }
    assert "nobody measured it" in found["Local server"].words
    assert of(gateway)["Calibration"].state == "off"


def test_a_model_that_is_not_there_is_named(run: Run) -> None:
    found = of(run(local_model="llama3.1:8b"))["Local server"]
    assert found.state == "bad" and "llama3.1:8b is not served" in found.words


def test_a_tier_that_fails_is_left_alone_and_says_so(run: Run) -> None:
    limits = {"failures": 1, "retries": 0, "cool_off_s": 60.0}
    gateway = run(local_url="http://127.0.0.1:9", local_limits=limits)
    assert of(gateway)["Local server"].state == "bad"
    gateway.chat(EASY, headers={"x-router-privacy": "private"})
    assert "asked again in" in of(gateway)["Local server"].words


def test_no_cloud_is_no_fault(run: Run) -> None:
    gateway = run()
    planner = gateway.service.dispatcher.planner
    bare = gateway.settings.model_copy(update={"cloud_url": "https://api.anthropic.com"})
    planner.policy = replace(planner.policy, settings=bare)
    assert of(gateway)["Cloud"].state == "off"


def test_a_log_that_takes_nothing_is_bad_and_lost_rows_are_remembered(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = run()
    monkeypatch.setattr(type(gateway.service.log), "lost", 3)
    assert of(gateway)["Outcome log"] == Light(
        "Outcome log", "warn", "It takes rows; 3 could not be kept."
    )
    gateway.service.log.failing = True
    assert of(gateway)["Outcome log"].state == "bad"


def test_calibration_and_traffic_say_what_the_watch_saw(run: Run) -> None:
    gateway = run()
    watch = watching(gateway)
    for _ in range(30):
        watch.calibration.add(0.5, 1.0)
        watch.calibration.add(0.5, 0.0)
    watch.drift = Drift(requests=200, distance=0.4, escalation=0.2, expected=0.25, alarms=())
    found = of(gateway, watch)
    assert (found["Calibration"].state, found["Traffic"].state) == ("good", "good")
    assert "20% to the cloud where 25% was expected" in found["Traffic"].words
    watch.calibration = CalibrationTest()
    for _ in range(300):
        watch.calibration.add(0.9, 0.0)
    watch.drift = replace(watch.drift, alarms=(Alarm(Kind.TOPICS, "It is about other things."),))
    found = of(gateway, watch)
    assert (found["Calibration"].state, found["Traffic"].state) == ("bad", "warn")
    assert found["Traffic"].words == "It is about other things."
