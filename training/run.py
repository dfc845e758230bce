"""One training run: read the log, learn, save, track, and promote what is better."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import time

from sqlalchemy import Engine
from threadpoolctl import threadpool_limits

from router.decide.extractors import extractor_of
from router.errors import ArtifactExists
from router.outcomes import counts, events
from router.outcomes.database import open_database
from router.outcomes.pieces import Progress as Counted
from router.outcomes.pieces import untold
from router.registry import artifact as artifacts
from router.registry import gates
from router.registry.registry import Change, Registry
from router.registry.serving import serving, writable
from router.registry.shared import publishers
from router.settings import Settings
from router.text.features import SCHEMA, FeatureExtractor
from training.data.log import Spread, read_window
from training.engine.base import Engine as Spreading
from training.engine.stages import fingerprint
from training.evaluate.what_if import WhatIf, check_answerable, what_if
from training.fit import encoder as encoders
from training.pipelines.learn import Learned, check_learnable, learn
from training.pipelines.prompts import Progress

_HOUR_S = 3600.0
SpreadOver = tuple[Spreading, Path]  # an engine, and a folder that its processes reach
Over = Callable[[int], SpreadOver | None]  # for a log of so many requests; None: all in memory


def in_memory(requests: int) -> None:
    """An `Over` for a log of any size."""


@dataclass(frozen=True, kw_only=True)
class TrainingRun:
    """What was learned and what became of its model. `status`: promoted, shadow or refused."""

    learned: Learned
    champion: str
    status: Change
    shadow_requests: int


def train_on_log(
    settings: Settings,
    *,
    since: float,
    until: float,
    seed: int = 0,
    at_once: bool = False,
    store: Path | None = None,
    over: Over = in_memory,
    progress: Progress = lambda step: None,
    told: Counted = untold,
) -> TrainingRun:
    """Learn from the log between two times (Unix seconds) as `settings` say.

    A better model is current at once with `at_once` or without `shadow_requests`; else the gateway
    lets it decide in shadow first. `store`: folder of MLflow's database, default beside the models.
    `over`: gives the engine that reads the log in pieces, and a folder for their features. `told`
    hears how many requests are read.
    Raises LogError, TrainingError or ArtifactError; then the champion is as it was.
    """
    champion = serving(settings.model_copy(update={"version": artifacts.POINTER}))
    engine = open_database(settings.log_url)
    try:
        progress("counting what the log holds")
        check_learnable(engine, since=since, until=until, maturity_s=_maturity_s(settings))
        spread = _spread(engine, since, until, over, progress)
        window = read_window(
            engine,
            _reader(spread, settings.log_url, champion),
            since=since,
            until=until,
            maturity_s=_maturity_s(settings),
            texts=False,
            told=told,
        )
        with threadpool_limits(1):  # BLAS threads spin on small fits, and would round differently
            learned = learn(
                window,
                champion,
                cloud_model=settings.cloud_model,
                operating_point=settings.operating_point(),
                seed=seed,
                progress=progress,
            )
        models = writable(settings)
        with suppress(ArtifactExists):  # the same log was learned from before
            artifacts.save(learned.artifact, models)
        progress("logging to MLflow")
        from training.tracking import Tracking  # here: pictures and MLflow are not for `what-if`

        tracking = Tracking(store or models.parent, settings.mlflow_url)
        folder = models / learned.artifact.version
        tracking.log_training_run(learned, folder, {"since": since, "until": until})
        listeners = [events.listener(engine), tracking.listener(models)]
        registry = Registry(models, *listeners, *publishers(settings.models_url, models))
        rolled_back = events.rolled_back(engine, learned.artifact.version)
        at_once = at_once or settings.shadow_requests == 0
        status = _settled(registry, learned, champion.version, rolled_back, at_once)
        registry.tidy(events.refused(engine))
    finally:
        engine.dispose()
    return TrainingRun(
        learned=learned,
        champion=champion.version,
        status=status,
        shadow_requests=settings.shadow_requests,
    )


def _settled(
    registry: Registry, learned: Learned, champion: str, rolled_back: bool, at_once: bool
) -> Change:
    """What becomes of a training run's model."""
    version = learned.artifact.version
    before = (f"the router went back from {version} before",) if rolled_back else ()
    if reasons := learned.reasons or before:
        registry.reject(version, gates.sentence(version, reasons))
        return Change.REFUSED
    if not at_once:
        registry.shadow(version, f"{version} decides in shadow beside {champion}.")
        return Change.SHADOW
    registry.promote(version, f"{version} took over from {champion}.")
    return Change.PROMOTED


def asked_of_log(
    settings: Settings,
    thresholds: Sequence[float],
    model: artifacts.Artifact | None = None,
    over: Over = in_memory,
    progress: Progress = lambda step: None,
    told: Counted = untold,
) -> list[WhatIf]:
    """`what_if` on the whole log that `settings` name. Raises DataError."""
    champion = serving(settings)
    engine = open_database(settings.log_url)
    try:
        progress("counting what the log holds")
        now = time()
        check_answerable(engine, thresholds, since=0.0, until=now, as_logged=model is None)
        spread = _spread(engine, 0.0, now, over, progress)
        window = read_window(
            engine,
            _reader(spread, settings.log_url, champion),
            since=0.0,
            until=now,
            maturity_s=_maturity_s(settings),
            texts=False,
            learning=False,
            vectors=model is None,
            told=told,
        )
    finally:
        engine.dispose()
    progress("estimating what they would have come to")
    with threadpool_limits(1):
        return what_if(window, thresholds, model=model)


def _spread(
    engine: Engine, since: float, until: float, over: Over, progress: Progress
) -> SpreadOver | None:
    """Where a span of the log is read, which is said."""
    spread = over(counts.requests(engine, since, until))
    progress(f"reading the log, {_how(spread)}")
    return spread


def _reader(
    spread: SpreadOver | None, url: str, champion: artifacts.Artifact
) -> FeatureExtractor | Spread:
    return extractor_of(champion) if spread is None else reading(*spread, url, champion)


def _how(spread: SpreadOver | None) -> str:
    if spread is None:
        return "all in memory"
    return "in pieces over Ray" if spread[0].name == "ray" else "in pieces"


def reading(over: Spreading, work: Path, url: str, champion: artifacts.Artifact) -> Spread:
    """How a log is read over an engine; the encoder goes to where its processes find it."""
    source = encoders.of_artifact(champion)
    folder = work / fingerprint(SCHEMA, encoders.digest(source))
    encoders.write(source, folder / "encoder")
    made = partial(encoders.extractor_in, folder / "encoder")
    return Spread(engine=over, url=url, folder=folder, extractor=made)


def _maturity_s(settings: Settings) -> float:
    return settings.maturity_h * _HOUR_S
