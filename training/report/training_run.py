"""A training run on one screen: what it rests on, what changed, and why it was promoted or not."""

from collections.abc import Sequence
from math import isfinite

from rich.console import Console
from rich.table import Table

from router.labels.sources import SOURCES
from training.evaluate.what_if import WhatIf
from training.run import TrainingRun


def show(console: Console, run: TrainingRun) -> None:
    """Print a training run."""
    learned = run.learned
    rows = learned.rows
    console.print(
        f"{rows['requests']} requests in the log; fitted on {rows['fit']} labels of the older "
        f"three quarters, judged by {learned.judged_on} on {rows['test']} of what came after."
    )
    table = Table("labels", "", "what they are", box=None)
    for source, count in learned.labels.items():
        words = SOURCES[source].words if source in SOURCES else "second local opinions, free"
        table.add_row(source, str(count), words)
    console.print(table)
    for sentence in learned.words:
        console.print(f"[yellow]held back[/] {sentence}")
    for alarm in learned.drift.alarms if learned.drift else ():
        console.print(f"[yellow]drift[/] {alarm.words}")
    for one in learned.noise:
        console.print(
            f"{one.first} and {one.second} differ by {one.difference:.2f} on {one.answers} answers"
        )
    if learned.curve:
        curve = Table("to the cloud", "quality before", "quality after", box=None)
        for row in learned.curve:
            before, after = (
                f"{row[k][0]:.3f} [{row[k][1]:.3f}, {row[k][2]:.3f}]" for k in ("before", "after")
            )
            curve.add_row(f"{row['share']:.0%}", before, after)
        console.print(curve)
    console.print(
        f"Brier score {learned.brier[0]:.3f} before, {learned.brier[1]:.3f} after (better "
        f"by {learned.better}); calibration error {learned.ece[0]:.3f} before, "
        f"{learned.ece[1]:.3f} now."
    )
    moved = [f"{cut:.3f}" if isfinite(cut) else "none" for cut in learned.thresholds]
    console.print(f"Threshold {moved[0]} before, {moved[1]} after.")
    version = learned.artifact.version
    if run.status == "promoted":
        console.print(f"[green]promoted[/] {version} took over from {run.champion}.")
    elif run.status == "shadow":
        console.print(
            f"[green]shadow[/] {version} is better; the gateway lets it decide "
            f"{run.shadow_requests} requests beside {run.champion} and then promotes it. "
            "At once: router learn --now"
        )
    else:
        why = "; ".join(learned.reasons) or "the router had to go back from it before"
        console.print(f"[yellow]refused[/] {version}: {why}.")


def show_what_if(console: Console, found: Sequence[WhatIf]) -> None:
    """Print what other policies would have done."""
    table = Table("threshold", "to the cloud", "quality", "cents a request", "rows", box=None)
    for one in found:
        quality, usd = one.quality.dr, one.usd.dr
        table.add_row(
            f"{one.threshold:+.2f}",
            f"{one.share:.0%}",
            str(quality),
            f"{100 * usd.value:.3f} [{100 * usd.low:.3f}, {100 * usd.high:.3f}]",
            f"{one.quality.rows}, worth {one.quality.effective:.0f}",
        )
    console.print(table)
    console.print("Doubly robust estimates with 95 % intervals; see training.evaluate.off_policy.")
