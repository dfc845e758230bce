"""`python -m training rows` and `bench-rows`: outcomes made up, and what fitting on them takes."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from training.cli.engines import Address
from training.cli.options import Json, Seed, console, steps, write_json

_EVERYDAY = Path("data/everyday")


def rows(
    out: Annotated[Path, typer.Option(help="Folder for the Parquet files.")],
    count: Annotated[int, typer.Option("--rows", min=2, help="How many.")] = 1_000_000,
    everyday: Annotated[Path, typer.Option(help="Prompts whose words are used.")] = _EVERYDAY,
    seed: Seed = 0,
) -> None:
    """Make up outcomes of a known truth, to try fitting on many rows."""
    from training.bench.rows import write

    with steps() as step:
        step("making rows")
        made = write(count, out, everyday, seed)
    console.print(f"Wrote {made} rows to {out}.")


def bench_rows(
    work: Annotated[Path, typer.Option(help="Folder for rows, pieces and versions; not small.")],
    count: Annotated[
        list[int] | None, typer.Option("--rows", help="How many; may be repeated.")
    ] = None,
    engine: Annotated[str, typer.Option(help="local or ray.")] = "ray",
    workers: Annotated[int, typer.Option(help="Processes of ray.")] = 2,
    address: Address = None,
    everyday: Annotated[Path, typer.Option(help="Prompts whose words are used.")] = _EVERYDAY,
    base: Annotated[str, typer.Option(help="A model folder for the encoder.")] = "models/current",
    features: Annotated[
        bool, typer.Option("--features", help="Only the stage that makes features.")
    ] = False,
    seed: Seed = 0,
    json_file: Json = None,
) -> None:
    """Measure time by stage and memory of a fit in pieces on made-up rows, and the exponent."""
    from training.bench.rows_measured import exponent, measured

    sizes = count or [100_000, 300_000, 1_000_000]
    found = []
    for size in sizes:
        with steps() as step:
            found.append(
                measured(
                    size,
                    work,
                    engine=engine,
                    workers=workers,
                    address=address,
                    everyday=everyday,
                    base=base,
                    features=features,
                    seed=seed,
                    progress=step,
                )
            )
        one = found[-1]
        table = Table(f"{size:,} rows", "seconds", "processor seconds", box=None)
        for stage, (wall, used) in one["stages"].items():
            table.add_row(stage, f"{wall:.1f}", f"{used:.1f}")
        console.print(table)
        console.print(
            f"Resident at most: {one['rss_mb']:.0f} MB of all {one['processes']} processes "
            f"({one['pss_mb']:.0f} MB where shared pages count once). {one['quality']}"
        )
        write_json(json_file, {"runs": found, "exponent": exponent(found)})
    for name, value in exponent(found).items():
        console.print(f"Exponent of {name} over the number of rows: {value:.3f}")
