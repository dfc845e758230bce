"""`make run`: the whole main job on the bundled traffic, from outcomes to decisions."""

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from time import time
from typing import Any

from rich.console import Console

from router.cli.main import show
from router.decide.router import Router
from router.registry import artifact as artifacts
from router.registry.registry import Registry
from router.settings import Settings, load_settings
from training.data.readers import read
from training.data.sample import open_log
from training.pipelines import prompts as pipeline
from training.report import tables as report
from training.report import training_run as report_run
from training.run import train_on_log
from training.tracking import Tracking

MODELS = Path("models")
TRAFFIC = Path("data/traffic")  # a log of real small models; data/traffic/README.md
RUNS = Path("runs")  # demo models are kept apart from the shipped ones

PROMPTS = (
    "Hi, how are you?",
    "Translate 'see you on Monday' into Spanish.",
    "Write a Python function that checks whether a number is prime.",
    "Summarise in one sentence: The pool is closed on Tuesday because the pump is being repaired.",
    "Solve x^2 - 9x + 20 = 0.",
    "Wie wird das Wetter beschrieben, wenn es nieselt?",
    "Prove that every bounded monotone sequence of reals converges, then show which axiom fails "
    "you in a constructive setting.",
    "Design a payment ledger over three regions that survives the loss of one without double "
    "spending, and defend the consistency model.",
    "Our Go service leaks goroutines only behind HTTP/2 when clients cancel. Find the mechanism "
    "and an experiment that proves it.",
    "Draft a shareholder agreement clause on drag-along rights that protects an 18 % minority "
    "under Delaware law, with the counter-arguments.",
)


def run_demo(
    console: Console, data: Path, steps: Callable[[], AbstractContextManager[Any]]
) -> None:
    """Fit on `data` from the current model, track the run, print tables and ten decisions."""
    base = artifacts.load(artifacts.resolve(MODELS))
    with steps() as step:
        step("reading the outcomes")
        dataset = read(data)
        trained = pipeline.train(dataset, None, base=base, progress=step)
        step("saving")
        folder = pipeline.save(trained, RUNS)
        step("logging to MLflow")
        Tracking().log_fit(trained, folder)
        step("learning from the bundled log")
        run = train_on_log(
            _settings(), since=0, until=time(), at_once=True, store=Path(), progress=step
        )
    counts = trained.artifact.manifest["data"]["parts"]
    console.print(
        f"Fitted on {len(dataset)} outcomes of {len(dataset.prompts)} prompts in {data} "
        f"({', '.join(f'{n} rows {part}' for part, n in sorted(counts.items()))}), "
        f"starting from {base.version}; heads: {trained.fitted.strength}.",
        soft_wrap=True,
    )
    report.evaluation(console, trained.evaluation)
    console.print(f"\nThe loop, on the log in {TRAFFIC} (a model of 135M parameters at home):\n")
    report_run.show(console, run)
    console.print("\nTen decisions of the model fitted on the everyday prompts:\n")
    router = Router.load(folder)
    for prompt in PROMPTS:
        console.print(f"[bold]{prompt}[/]", soft_wrap=True)
        show(router.predict(prompt))
        console.print()
    console.print(
        f"Saved as {folder} and logged to mlflow.db (alias challenger); look with: make mlflow",
        soft_wrap=True,
    )


def _settings() -> Settings:
    """A models folder and a copy of the bundled log, both apart from the shipped ones."""
    own = RUNS / "own"
    current = artifacts.resolve(MODELS)
    shutil.rmtree(own, ignore_errors=True)  # an earlier router's versions may not be readable
    shutil.copytree(current, own / current.name)
    Registry(own).start_from(current.name)
    engine = open_log(TRAFFIC)
    url = engine.url.render_as_string(hide_password=False)
    engine.dispose()
    settings = load_settings(models_dir=own.resolve(), log_url=url)
    return settings.model_copy(update={"mlflow_url": None})
