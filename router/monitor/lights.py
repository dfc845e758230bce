"""How each part is doing: a light with one sentence, for a person who has a moment."""

from dataclasses import dataclass
from typing import Literal

from router.app import Service
from router.monitor.constants import FEW_LABELS
from router.monitor.watch import Watch
from router.types import Tier

State = Literal["good", "warn", "bad", "off"]


@dataclass(frozen=True, slots=True)
class Light:
    """`state`: good, warn, bad, or off where there is nothing to tell. `words`: one sentence."""

    name: str
    state: State
    words: str


def lights(service: Service, watch: Watch | None) -> list[Light]:
    """All of them, in the order in which a request meets the parts."""
    return [
        _local(service),
        _cloud(service),
        _log(service),
        _calibration(watch),
        _drift(watch),
        _background(service),
    ]


def _local(service: Service) -> Light:
    server, router = service.server, service.policy.router
    if (left := _left_alone(service, "local")) is not None:
        return left
    if server.kind == "none":
        words = "No local server answers; router doctor says what to do."
        return Light("Local server", "bad", words)
    if server.problem:
        words = "It answered and does not any more; router doctor says what is wrong."
        return Light("Local server", "bad", words)  # its own words may hold an address with a key
    if server.find(router.local_model) is None:
        words = f"{router.local_model} is not served there; router doctor says what to do."
        return Light("Local server", "bad", words)
    words = f"{router.local_model} answers, one of {len(server.models)} models served here."
    if not router.abilities[0].known:
        words = f"{router.local_model} answers; nobody measured it yet: router probe."
        return Light("Local server", "warn", words)
    return Light("Local server", "good", words)


def _cloud(service: Service) -> Light:
    if (left := _left_alone(service, "cloud")) is not None:
        return left
    if not service.dispatcher.planner.cloud_configured:
        return Light("Cloud", "off", "No cloud is configured; everything stays local.")
    return Light("Cloud", "good", f"{service.settings.cloud_model} answers what goes there.")


def _left_alone(service: Service, tier: Tier) -> Light | None:
    breaker = service.breakers[tier]
    if not breaker.open:
        return None
    name = "Local server" if tier == "local" else "Cloud"
    words = f"It failed too often in a row and is asked again in {breaker.reopens_in_s:.0f} s."
    return Light(name, "bad", words)


def _log(service: Service) -> Light:
    log = service.log
    if log.late:
        behind = log.behind
        words = (
            f"Its database is behind since {behind.seconds:.0f} s; {behind.rows} rows wait on "
            "the disk, and nothing is lost."
        )
        return Light("Outcome log", "bad", words)
    if log.lost:
        return Light("Outcome log", "warn", f"It takes rows; {log.lost} could not be kept.")
    words = "Each answer's row is on disk before its last byte is sent."
    return Light("Outcome log", "good", words)


def _calibration(watch: Watch | None) -> Light:
    if watch is None:
        return Light("Calibration", "off", "Nobody watches over the model here.")
    test = watch.calibration
    if test.broken:
        return Light("Calibration", "bad", test.words())
    if test.labels < FEW_LABELS:
        words = f"{test.labels} fresh labels so far, too few to doubt the model or to trust it."
        return Light("Calibration", "off", words)
    return Light("Calibration", "good", test.words())


def _drift(watch: Watch | None) -> Light:
    if watch is None or watch.drift is None:
        words = "Too few requests were kept yet to set beside those that the model learned from."
        return Light("Traffic", "off", words)
    drift = watch.drift
    if drift.alarms:
        return Light("Traffic", "warn", drift.alarms[0].words)
    words = (
        f"It is as the model learned it: {drift.distance:.1f} of what chance allows, "
        f"{drift.escalation:.0%} to the cloud where {drift.expected:.0%} was expected."
    )
    return Light("Traffic", "good", words)


def _background(service: Service) -> Light:
    if failing := [f"{task.name} {task.said}" for task in service.tasks if task.failing]:
        return Light("Background work", "warn", f"{'; '.join(failing)}.")
    return Light("Background work", "good", "Everything that repeats does its work.")
