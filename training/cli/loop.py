"""`python -m training bench-loop`: how fast the loop learns, and how right its estimates are."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.table import Table

from router.registry import artifact as artifacts
from router.settings import shipped_models
from training.cli.options import Json, console, steps, write_json


def bench_loop(
    data: Annotated[Path, typer.Option(help="Folder of outcomes (prompts and outcomes files).")],
    part: Annotated[
        Literal["all", "learning", "off-policy", "misled", "watch", "drift", "dependence"],
        typer.Option(help="What to measure."),
    ] = "all",
    seeds: Annotated[int, typer.Option(help="Seeds of the learning part.")] = 5,
    simulations: Annotated[int, typer.Option(help="Logs of the off-policy part.")] = 200,
    logs: Annotated[int, typer.Option(help="Logs of each case that might mislead.")] = 30,
    cases: Annotated[str, typer.Option(help="Only cases with these words in their name.")] = "",
    jobs: Annotated[int, typer.Option(help="Processes; one BLAS thread each.")] = 2,
    kept: Annotated[
        Path | None,
        typer.Option(help="File of finished logs that mislead; a stopped run goes on from it."),
    ] = None,
    json_file: Json = None,
) -> None:
    """Measure the loop: labels, exploration, swapped models, misleading logs, alarms, estimates."""
    model = artifacts.load(artifacts.resolve(shipped_models()))
    out: dict[str, Any] = {}
    with steps() as step:
        if part in ("all", "misled"):
            from training.bench.misled import misled_bench

            out["misled"] = misled_bench(
                data, model, logs=logs, jobs=jobs, cases=cases, kept=kept, progress=step
            )
        if part in ("all", "dependence"):
            from training.bench.dependence import dependence_bench

            out["dependence"] = dependence_bench(data, model, logs=max(logs // 3, 1), progress=step)
        if part in ("all", "watch"):
            from training.bench.watching import watch_bench

            out["watch"] = watch_bench(runs=10 * logs, progress=step)
        if part in ("all", "drift"):
            from training.bench.drifting import drift_bench

            out["drift"] = drift_bench(data, model, runs=5 * logs, progress=step)
        if part in ("all", "learning"):
            from training.bench.loop import loop_bench

            out["learning"] = loop_bench(data, model, seeds=seeds, jobs=jobs, progress=step)
        if part in ("all", "off-policy"):
            from training.bench.asked import asked_bench
            from training.bench.off_policy import off_policy_bench

            out["off-policy"] = off_policy_bench(
                data, model, simulations=simulations, jobs=jobs, progress=step
            )
            out["what-if"] = asked_bench(
                data, model, simulations=simulations, jobs=jobs, progress=step
            )
    if "learning" in out:
        _learning(out["learning"])
    if "misled" in out:
        _misled(out["misled"])
    if "drift" in out:
        _tables({"drift": out["drift"]})
    if "dependence" in out:
        _tables(out["dependence"])
    if "watch" in out:
        for name, value in out["watch"].items():
            console.print(f"{name}: {value}")
    if "off-policy" in out:
        _off_policy(out["off-policy"])
        _what_if(out["what-if"])
    write_json(json_file, out)


def _learning(found: dict[str, Any]) -> None:
    for name in ("curve", "exploring", "swapped"):
        for work, measures in found[name].items():
            table = Table(f"{name}: {work}", "mean", "95 %", box=None)
            for key, m in measures.items():
                table.add_row(key, f"{m['value']:.3f}", f"[{m['low']:.3f}, {m['high']:.3f}]")
            console.print(table)


def _misled(found: dict[str, Any]) -> None:
    names = ("promoted", "worse at equal cost", "worse at its own cut", "apgr", "equal", "cut")
    shares = ("share of the cloud", "at the old cut", "level")
    table = Table("what the log holds", "logs", *names, *shares, box=None)
    for case, m in found.items():
        shown = [f"{m[n]:+.4f}" if isinstance(m[n], float) else str(m[n]) for n in names]
        shown = [str(m["logs"]), *shown, f"{m['share before']:.2f} to {m['share after']:.2f}"]
        table.add_row(case, *shown, f"{m['share at the old cut']:.2f}", f"{m['level']:+.3f}")
    console.print(table)


def _tables(found: dict[str, Any]) -> None:
    for rows in found.values():
        headings = list(next(iter(rows.values()), {}))
        table = Table("", *headings, box=None)
        for name, m in rows.items():
            table.add_row(name, *(f"{m[h]:.3f}" for h in headings))
        console.print(table)


def _off_policy(found: dict[str, Any]) -> None:
    table = Table("log / policy", "outcome", "within .01", "covered", "error", "IPS", box=None)
    for name, kinds in found.items():
        if not isinstance(kinds, dict):
            continue
        for kind, m in kinds.items():
            table.add_row(
                name,
                kind,
                f"{m['near']:.3f}",
                f"{m['covered']:.3f}",
                f"{m['dr error']:.4f}",
                f"{m['ips error']:.4f}",
            )
    console.print(table)


def _what_if(found: dict[str, Any]) -> None:
    headings = ("log / labels", "answered", "covered", "width", "cost answered", "covered")
    table = Table(*headings, box=None)
    for name, m in found.items():
        shown = ("answered", "covered", "width", "cost answered", "cost covered")
        table.add_row(name, *(f"{m[key]:.3f}" for key in shown))
    console.print(table)
