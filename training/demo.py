"""`make run`: the whole main job on the bundled traffic, from outcomes to decisions."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from rich.console import Console

from router import artifact as artifacts
from router.cli import show
from router.predict import Router
from training import pipeline, report
from training.readers import read
from training.tracking import Tracking

MODELS = Path("models")
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
    counts = trained.artifact.manifest["data"]["parts"]
    console.print(
        f"Fitted on {len(dataset)} outcomes of {len(dataset.prompts)} prompts in {data} "
        f"({', '.join(f'{n} rows {part}' for part, n in sorted(counts.items()))}), "
        f"starting from {base.version}; heads: {trained.fitted.strength}.",
        soft_wrap=True,
    )
    report.evaluation(console, trained.evaluation)
    console.print("\nTen decisions of the new model:\n")
    router = Router.load(folder)
    for prompt in PROMPTS:
        console.print(f"[bold]{prompt}[/]", soft_wrap=True)
        show(router.predict(prompt))
        console.print()
    console.print(
        f"Saved as {folder} and logged to mlflow.db (alias challenger); look with: make mlflow",
        soft_wrap=True,
    )
