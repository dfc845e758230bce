"""`router learn` and `what-if`: commands of `router` that training adds, named in pyproject.toml.

The command line finds them as entry points of the group `router.commands`, so that serving need
not know training; what is heavy is imported when a command runs.
"""

from pathlib import Path
from time import time
from typing import Annotated

import typer
from rich.console import Console

from router.cli.console import extra
from router.registry import artifact as artifacts
from router.settings import load_settings
from training.cli.engines import Address, Chosen, check_heeded, over_log

_DAY_S = 86_400


def register(app: typer.Typer) -> None:
    """Add these commands to `app`."""
    app.command(epilog="Example: router learn --now")(learn)
    app.command("what-if", epilog="Example: router what-if --threshold 0.2 --threshold 0.4")(
        what_if
    )


EngineName = Annotated[
    Chosen,
    typer.Option(
        help="By the size of the log; in one go; in pieces in this process; in pieces over Ray's."
    ),
]
Jobs = Annotated[int | None, typer.Option(min=1, help="Processes of a new Ray; default: 2.")]
Work = Annotated[
    Path | None, typer.Option(help="Folder for the pieces' features; default: one that goes away.")
]


def learn(
    days: Annotated[float, typer.Option(min=0, help="How many days of the log; 0 is all.")] = 0,
    now: Annotated[
        bool, typer.Option("--now", help="Promote at once, without a time in shadow.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Seed of folds and bootstraps.")] = 0,
    until: Annotated[
        float | None, typer.Option(help="Unix time in seconds where the log ends; default: now.")
    ] = None,
    track: Annotated[
        Path | None, typer.Option(help="Folder of MLflow's store; default: beside the models.")
    ] = None,
    engine: EngineName = "auto",
    address: Address = None,
    jobs: Jobs = None,
    work: Work = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the training run here.")
    ] = None,
) -> None:
    """Learn from the outcome log, judge it on later requests, and promote what is better."""
    with extra("gateway"):
        from training.cli.options import steps, write_json
        from training.report import training_run as report_run
        from training.run import train_on_log

        check_heeded(engine, address=address, jobs=jobs, work=work)
        settings = load_settings()
        end = time() if until is None else until
        with steps() as step, over_log(engine, address, jobs, work) as over:
            run = train_on_log(
                settings,
                since=end - days * _DAY_S if days else 0.0,
                until=end,
                seed=seed,
                at_once=now,
                store=track,
                over=over,
                progress=step,
                told=step.counted,
            )
        report_run.show(Console(highlight=False, soft_wrap=True), run)
        write_json(json_file, {"status": run.status, **run.learned.as_dict()})


def what_if(
    threshold: Annotated[
        list[float] | None, typer.Option(help="Cut on the gain; may be repeated.")
    ] = None,
    version: Annotated[str | None, typer.Option(help="Ask about another version too.")] = None,
    engine: EngineName = "auto",
    address: Address = None,
    jobs: Jobs = None,
    work: Work = None,
) -> None:
    """Say what other thresholds would have cost and answered, from the log alone."""
    with extra("gateway"):
        from training.cli.options import steps
        from training.report.training_run import show_what_if
        from training.run import asked_of_log

        check_heeded(engine, address=address, jobs=jobs, work=work)
        settings = load_settings()
        other = None
        if version is not None:
            other = artifacts.load(artifacts.resolve(settings.models_dir, version))
        cuts = threshold or [0.0, 0.1, 0.2, 0.3, 0.5]
        with steps() as step, over_log(engine, address, jobs, work) as over:
            found = asked_of_log(settings, cuts, other, over, step, step.counted)
        show_what_if(Console(highlight=False, soft_wrap=True), found)
