"""The commands of `python -m training`; those about answers are in `training.cli.answers`."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from router.cli.console import run
from router.errors import PromotionRefused, TrainingError
from router.registry import artifact as artifacts
from router.registry.registry import Registry
from router.settings import shipped_models
from training.cli import answers as cli_answers
from training.cli import loop as cli_loop
from training.cli import people as cli_people
from training.cli import picture as cli_picture
from training.cli import rows as cli_rows
from training.cli.engines import Address, check_heeded, spread
from training.cli.options import (
    Data,
    EngineName,
    Json,
    Models,
    Seed,
    SkipBad,
    console,
    folder_of,
    read_all,
    steps,
    write_json,
)
from training.report import tables as report

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Learns the models that the router serves.",
    pretty_exceptions_enable=False,
)


@app.command(
    epilog="Example: python -m training fit --data data/everyday --base models/current --out models"
)
def fit(
    data: Annotated[
        list[str],
        typer.Option(help="Outcomes: a file or folder, with --engine a log too; may be repeated."),
    ],
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
    jobs: Annotated[
        int | None,
        typer.Option(min=1, help="Processes: of the held-out folds, or of a new Ray; default: 1."),
    ] = None,
    engine: EngineName = "memory",
    address: Address = None,
    work: Annotated[
        Path | None,
        typer.Option(help="Folder for what stages leave; default: .pieces beside --out."),
    ] = None,
    json_file: Json = None,
    track: Annotated[bool, typer.Option(help="Log the run to MLflow, beside --out.")] = True,
    unjudged: Annotated[
        bool, typer.Option("--unjudged", help="Save even if nothing could be evaluated.")
    ] = False,
) -> None:
    """Fit a model on labelled outcomes, calibrate and evaluate it, save and register it."""
    from training.fit.encoder import find
    from training.pipelines import prompts as pipeline

    of_ray = None if engine == "memory" else jobs
    check_heeded(engine, address=address, jobs=of_ray, work=work)
    start = None if base == "none" else artifacts.load(folder_of(base))
    settings: dict[str, Any] = {
        "base": start,
        "version_name": name,
        "strength": strength,
        "seed": seed,
    }
    with steps() as step:
        source = find(encoder, start, shipped_models())
        if engine == "memory":
            step("reading the outcomes")
            rows = read_all([Path(place) for place in data], skip_bad)
            trained = pipeline.train(rows, source, **settings, jobs=jobs or 1, progress=step)
        else:
            from training.pipelines.in_pieces import train_in_pieces

            with spread(engine, address, jobs or 1) as spread_over:
                trained = train_in_pieces(
                    data,
                    source,
                    engine=spread_over,
                    work=work or out.parent / ".pieces",
                    skip_bad=skip_bad,
                    **settings,
                    progress=step,
                )
        if not (trained.judged or unjudged):
            raise TrainingError(pipeline.unjudged(trained))
        step("saving")
        folder = pipeline.save(trained, out)
        if track:
            step("logging to MLflow")
            from training.tracking import Tracking

            Tracking(out.parent).log_fit(trained, folder)
    report.left_out(console, trained.data)
    if trained.one_tier is not None:
        report.one_tier(console, trained.one_tier)
    else:
        report.evaluation(console, trained.evaluation)
    report.promised(console, trained.artifact)
    console.print(f"Saved {folder}.")
    write_json(json_file, trained.artifact.manifest)


app.command(
    epilog="Example: python -m training verifier --data outcomes --base models/current "
    "--out models --name mine-2"
)(cli_answers.verifier)
app.command(
    epilog="Example: python -m training study --answers opinions.jsonl --base models/current "
    "--out models --name studied-1"
)(cli_answers.study)
app.command(epilog="Example: python -m training stages --data outcomes --out data/looks.parquet")(
    cli_answers.stages
)
app.command(
    epilog="Example: python -m training heldout --data outcomes --out data/heldout.parquet"
)(cli_answers.heldout)
app.command(epilog="Example: python -m training floor --rows data/heldout.parquet")(
    cli_answers.floor
)


app.command(
    name="bench-loop", epilog="Example: python -m training bench-loop --data ../outcomes --seeds 5"
)(cli_loop.bench_loop)
app.command(epilog="Example: python -m training rows --rows 1000000 --out rows")(cli_rows.rows)
app.command(
    name="bench-rows", epilog="Example: python -m training bench-rows --work big --rows 1000000"
)(cli_rows.bench_rows)
app.command(
    epilog="Example: python -m training picture --rows data/heldout.parquet --out docs/picture.png"
)(cli_picture.picture)
app.command(epilog="Example: python -m training people --data data/everyday --data outcomes")(
    cli_people.people
)


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
    from training.evaluate import scoring
    from training.evaluate.one_tier import OneTier, evaluate_one_tier

    artifact = artifacts.load(folder_of(model))
    with steps() as step:
        step("reading the outcomes")
        dataset = read_all(data, skip_bad)
        step("evaluating")
        both = scoring.paired(artifact, dataset)
        scored = scoring.evaluate if both else evaluate_one_tier
        result = scored(artifact, dataset, seed=seed)
    report.left_out(console, dataset)
    if isinstance(result, OneTier):
        report.one_tier(console, result)
    else:
        report.evaluation(console, result)
    write_json(json_file, {"model_version": artifact.version, **result.as_dict()})


@app.command(epilog="Example: python -m training bench --data ../outcomes --json bench.json")
def bench(
    data: Annotated[Path, typer.Option(help="Folder of outcomes (prompts and outcomes files).")],
    seeds: Annotated[int, typer.Option(help="Number of seeds.")] = 5,
    jobs: Annotated[int, typer.Option(help="Processes; one BLAS thread each.")] = 2,
    everyday: Annotated[Path, typer.Option(help="Graded prompts.")] = Path("data/everyday"),
    part: Annotated[
        Literal["all", "prompts", "answers", "unmeasured", "streams"],
        typer.Option(
            help="Judge by prompts, by answers; local models that nobody measured; held streams."
        ),
    ] = "all",
    json_file: Json = None,
) -> None:
    """Run the quality benchmark beside simple baselines: by prompts alone, by answers too."""
    from training.bench.answers import bench_answers
    from training.bench.prompts import bench as run_bench
    from training.bench.streams import run_streams
    from training.bench.unmeasured import run_unmeasured

    model = artifacts.load(artifacts.resolve(shipped_models()))
    result: dict[str, Any] = {"seeds": seeds}
    with steps() as step:
        if part == "unmeasured":
            step("local models that nobody measured")
            result["unmeasured"] = run_unmeasured(data, model, progress=step)
        if part == "streams":
            result["streams"] = run_streams(data, model, everyday=everyday, progress=step)
        if part in ("all", "prompts"):
            result |= run_bench(
                data, model, seeds=seeds, jobs=jobs, everyday=everyday, progress=step
            )
        if part == "answers" or (part == "all" and any(data.glob("*.answers.*"))):
            result["look"] = bench_answers(data, model, seeds=seeds, jobs=jobs, progress=step)
    if "works" in result:
        report.bench(console, result)
    if "unmeasured" in result:
        report.unmeasured(console, result["unmeasured"])
    if "streams" in result:
        report.streams(console, result["streams"])
    if "look" in result:
        report.look(console, result["look"])
    write_json(json_file, result)


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
    from training.evaluate import against_champion as promotion
    from training.tracking import CHALLENGER, Tracking

    tracking = Tracking(models.parent)
    tracking.follow(models)
    registry = Registry(models, tracking.listener(models))
    if back:
        version = registry.roll_back("by hand.")
        console.print(f"models/current and champion are back at {version}.")
        return
    version = challenger or tracking.version_of(CHALLENGER) or ""
    if not version:
        raise PromotionRefused("There is no challenger; fit a model or name one (--challenger).")
    if not data:
        raise PromotionRefused("Name the outcomes to compare on (--data).")
    with steps() as step:
        step("comparing with the champion")
        verdict = promotion.promote(registry, version, read_all(data, skip_bad), seed=seed)
    console.print(
        f"{version} is now current and champion: on {verdict.rows} rows, quality at equal cost "
        f"changed by {verdict.quality}, calibration error by {verdict.ece}.",
        soft_wrap=True,
    )
    report.promised(console, registry.load())


@app.command(epilog="Example: python -m training encoder --distil all-MiniLM-L6-v2 --out encoder")
def encoder(
    distil: Annotated[str, typer.Option(help="The SentenceTransformer to distil.")],
    out: Annotated[Path, typer.Option(help="Folder for the static encoder.")],
    dimensions: Annotated[int, typer.Option(help="Width of the vectors.")] = 256,
) -> None:
    """Distil a static encoder from a SentenceTransformer; needs the extra `encoder`."""
    from training.fit import encoder as encoders

    with steps() as step:
        step("distilling")
        source = encoders.distil(distil, dimensions)
        encoders.write(source, out)
    console.print(f"Wrote {source.description['name']} to {out}; use it with fit --encoder {out}.")


@app.command(epilog="Example: python -m training speed --json speed.json")
def speed(json_file: Json = None) -> None:
    """Measure latency, throughput, start-up and memory of a decision on this machine."""
    from training.bench.speed import measure

    result = measure()
    report.speed(console, result)
    write_json(json_file, result)


@app.command(epilog="Example: python -m training demo")
def demo(
    data: Annotated[Path, typer.Option(help="Labelled traffic.")] = Path("data/everyday"),
) -> None:
    """Train on the bundled traffic, show cost against quality, and decide ten prompts."""
    from training.cli.demo import run_demo

    run_demo(console, data, steps)


def main() -> None:
    """Entry point of `python -m training`."""
    run(app)
