"""`python -m training fit | evaluate | bench | promote | encoder | speed | demo`."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from router import artifact as artifacts
from router.config import shipped_models
from router.console import run
from router.errors import ArtifactError, PromotionRefused, RouterError
from training import report
from training.dataset import Dataset, combined
from training.readers import read

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Learns the models that the router serves.",
    pretty_exceptions_enable=False,
)
console = Console(highlight=False)

Data = Annotated[list[Path], typer.Option(help="Outcomes: a file or folder; may be repeated.")]
SkipBad = Annotated[bool, typer.Option("--skip-bad", help="Leave faulty rows out and count them.")]
Models = Annotated[Path, typer.Option(help="Folder of model versions.")]
Json = Annotated[Path | None, typer.Option("--json", help="Write the result to this file.")]
Seed = Annotated[int, typer.Option(help="Seed of folds and bootstraps.")]


@contextmanager
def steps() -> Iterator[Any]:
    """A spinner with the current step and the time so far; yields a function that names a step."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    screen = Console(stderr=True)
    with Progress(
        *columns, console=screen, transient=True, disable=not screen.is_terminal
    ) as progress:
        task = progress.add_task("starting", total=None)
        yield lambda step: progress.update(task, description=step)


@app.command(
    epilog="Example: python -m training fit --data data/everyday --base models/current --out models"
)
def fit(
    data: Data,
    base: Annotated[str, typer.Option(help="A model folder to start from, or none.")],
    out: Annotated[Path, typer.Option(help="Folder of versions to write the new one to.")],
    name: Annotated[str | None, typer.Option(help="Name of the version.")] = None,
    encoder: Annotated[
        str | None,
        typer.Option(help="An encoder folder, model folder, or SentenceTransformer name."),
    ] = None,
    strength: Annotated[
        float | None,
        typer.Option(help="scikit-learn's C (default 0.03)"),
    ] = None,
    skip_bad: SkipBad = False,
    seed: Seed = 0,
    jobs: Annotated[int, typer.Option(help="Processes for the held-out folds.")] = 1,
    json_file: Json = None,
    track: Annotated[bool, typer.Option(help="Log the run to MLflow in this folder.")] = True,
) -> None:
    """Fit a model on labelled outcomes, calibrate and evaluate it, save and register it."""
    from training import pipeline
    from training.encoder import find

    start = None if base == "none" else artifacts.load(folder_of(base))
    with steps() as step:
        step("reading the outcomes")
        dataset = read_all(data, skip_bad)
        source = find(encoder, start, shipped_models())
        trained = pipeline.train(
            dataset, source, base=start, version_name=name, strength=strength, seed=seed,
            jobs=jobs,
            progress=step,
        )  # fmt: skip
        step("saving")
        folder = pipeline.save(trained, out)
        if track:
            step("logging to MLflow")
            from training.tracking import Tracking

            Tracking().log_fit(trained, folder)
    report.left_out(console, dataset)
    report.evaluation(console, trained.evaluation)
    console.print(f"Saved {folder}.")
    _write_json(json_file, trained.artifact.manifest)


@app.command(
    epilog="Example: python -m training evaluate --model models/current --data outcomes.parquet"
)
def evaluate(
    model: Annotated[str, typer.Option(help="A model folder.")],
    data: Data,
    skip_bad: SkipBad = False,
    seed: Seed = 0,
    json_file: Json = None,
) -> None:
    """Judge a model on outcomes; groups that it was fitted on are left out."""
    from training import scoring

    artifact = artifacts.load(folder_of(model))
    with steps() as step:
        step("reading the outcomes")
        dataset = read_all(data, skip_bad)
        step("evaluating")
        result = scoring.evaluate(artifact, dataset, seed=seed)
    report.left_out(console, dataset)
    report.evaluation(console, result)
    _write_json(json_file, {"model_version": artifact.version, **result.as_dict()})


@app.command(epilog="Example: python -m training bench --data ../outcomes --json bench.json")
def bench(
    data: Annotated[Path, typer.Option(help="Folder of outcomes (prompts and outcomes files).")],
    seeds: Annotated[int, typer.Option(help="Number of seeds.")] = 5,
    jobs: Annotated[int, typer.Option(help="Processes; one BLAS thread each.")] = 2,
    everyday: Annotated[Path, typer.Option(help="Graded prompts.")] = Path("data/everyday"),
    json_file: Json = None,
) -> None:
    """Run the quality benchmark beside simple baselines and print one table."""
    from training.bench import bench as run_bench

    model = artifacts.load(artifacts.resolve(shipped_models()))
    with steps() as step:
        result = run_bench(data, model, seeds=seeds, jobs=jobs, everyday=everyday, progress=step)
    report.bench(console, result)
    _write_json(json_file, result)


@app.command(epilog="Example: python -m training promote --data outcomes.parquet")
def promote(
    data: Annotated[list[Path] | None, typer.Option(help="Outcomes to compare on.")] = None,
    challenger: Annotated[
        str | None, typer.Option(help="Version name; default: the alias challenger.")
    ] = None,
    models: Models = Path("models"),
    back: Annotated[bool, typer.Option("--rollback", help="Return to the version before.")] = False,
    skip_bad: SkipBad = False,
    seed: Seed = 0,
) -> None:
    """Make the challenger current if it is not worse on the same rows; or roll back."""
    from training import promote as promotion
    from training.tracking import CHALLENGER, CHAMPION, Tracking

    tracking = Tracking()
    if back:
        version = promotion.rollback(models)
        tracking.point(CHAMPION, version)
        console.print(f"models/current and champion are back at {version}.")
        return
    version = challenger or tracking.version_of(CHALLENGER) or ""
    if not version:
        raise PromotionRefused("There is no challenger; fit a model or name one (--challenger).")
    if not data:
        raise PromotionRefused("Name the outcomes to compare on (--data).")
    with steps() as step:
        step("comparing with the champion")
        verdict = promotion.promote(models, version, read_all(data, skip_bad), seed=seed)
    tracking.point(CHAMPION, version)
    console.print(
        f"{version} is now current and champion: on {verdict.rows} rows, quality at equal cost "
        f"changed by {verdict.quality}, calibration error by {verdict.ece}.",
        soft_wrap=True,
    )


@app.command(epilog="Example: python -m training encoder --distil all-MiniLM-L6-v2 --out encoder")
def encoder(
    distil: Annotated[str, typer.Option(help="The SentenceTransformer to distil.")],
    out: Annotated[Path, typer.Option(help="Folder for the static encoder.")],
    dimensions: Annotated[int, typer.Option(help="Width of the vectors.")] = 256,
) -> None:
    """Distil a static encoder from a SentenceTransformer (extra [encoder])."""
    from training import encoder as encoders

    with steps() as step:
        step("distilling")
        source = encoders.distil(distil, dimensions)
        encoders.write(source, out)
    console.print(f"Wrote {source.description['name']} to {out}; use it with fit --encoder {out}.")


@app.command(epilog="Example: python -m training speed --json speed.json")
def speed(json_file: Json = None) -> None:
    """Measure latency, throughput, start-up and memory of a decision on this machine."""
    from training.speed import measure

    result = measure()
    report.speed(console, result)
    _write_json(json_file, result)


@app.command(epilog="Example: python -m training demo")
def demo(
    data: Annotated[Path, typer.Option(help="Labelled traffic.")] = Path("data/everyday"),
) -> None:
    """Train on the bundled traffic, show cost against quality, and decide ten prompts."""
    from training.demo import run_demo

    run_demo(console, data, steps)


def folder_of(name: str) -> Path:
    """The model folder that a path means; see `router.artifact.locate`."""
    path = artifacts.locate(Path(name))
    if not path.is_dir():
        raise ArtifactError(f"{path} is no model folder; name one such as models/current.")
    return path


def read_all(paths: list[Path], skip_bad: bool) -> Dataset:
    """All given files and folders as one dataset."""
    datasets = [read(p, skip_bad=skip_bad) for p in paths]
    return datasets[0] if len(datasets) == 1 else combined(datasets)


def _write_json(path: Path | None, value: Any) -> None:
    if path is None:
        return
    try:
        path.write_text(json.dumps(value, indent=2, default=str) + "\n")
    except OSError as error:
        raise RouterError(f"{path} could not be written ({error.strerror}).") from error


def main() -> None:
    """Entry point of `python -m training`."""
    run(app)
