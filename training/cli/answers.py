"""`python -m training verifier` and `study`: learning from the answers of local models."""

from pathlib import Path
from typing import Annotated

import typer

from router.registry import artifact as artifacts
from training.cli.options import (
    Data,
    Json,
    Seed,
    SkipBad,
    console,
    folder_of,
    read_all,
    steps,
    write_json,
)
from training.report import tables as report


def verifier(
    data: Data,
    base: Annotated[str, typer.Option(help="The model folder that gets the verifier.")],
    out: Annotated[Path, typer.Option(help="Folder of versions to write the new one to.")],
    name: Annotated[str, typer.Option(help="Name of the version.")],
    answers: Annotated[
        Path | None, typer.Option(help="Answers of local models; default: those beside --data.")
    ] = None,
    scratch: Annotated[
        bool, typer.Option("--scratch", help="Fit anew instead of moving the base's verifier.")
    ] = False,
    skip_bad: SkipBad = False,
    seed: Seed = 0,
    json_file: Json = None,
) -> None:
    """Teach a model to judge local answers, from answers with known outcomes."""
    from training.data.answers import read_answers
    from training.pipelines.answers import fit_second

    start = artifacts.load(folder_of(base))
    with steps() as step:
        step("reading the outcomes")
        dataset = read_all(data, skip_bad)
        fitted = fit_second(
            dataset,
            read_answers(answers or data[0]),
            start,
            name=name,
            scratch=scratch,
            seed=seed,
            progress=step,
        )
        folder = artifacts.save(fitted, out)
    report.verifier(console, fitted.manifest["verifier"])
    console.print(f"Saved {folder}.")
    write_json(json_file, fitted.manifest["verifier"])


def study(
    answers: Annotated[
        Path, typer.Option(help="Answers of two or more local models, with their prompts.")
    ],
    base: Annotated[str, typer.Option(help="The model folder to start from.")],
    out: Annotated[Path, typer.Option(help="Folder of versions to write the new one to.")],
    name: Annotated[str, typer.Option(help="Name of the version.")],
    data: Annotated[list[Path] | None, typer.Option(help="True outcomes, where known.")] = None,
    seed: Seed = 0,
    json_file: Json = None,
) -> None:
    """Learn from the agreement of local models, without labels (or with a few)."""
    from training.data.answers import read_answers, read_prompts
    from training.pipelines import agreement as studies
    from training.pipelines import prompts as pipeline

    start = artifacts.load(folder_of(base))
    with steps() as step:
        true = read_all(data, False) if data else None
        trained = studies.study(
            read_prompts(answers),
            read_answers(answers),
            start,
            name=name,
            true=true,
            seed=seed,
            progress=step,
        )
        folder = pipeline.save(trained, out)
    described = trained.artifact.manifest["study"]
    console.print(
        f"Learned from {described['soft_labels']} agreement labels and {described['true_labels']} "
        f"true ones (each weighing {described['true_weight']:g} of those; 0: just to recalibrate)."
    )
    report.evaluation(console, trained.evaluation)
    console.print(f"Saved {folder}.")
    write_json(json_file, trained.artifact.manifest)


def stages(
    data: Annotated[Path, typer.Option(help="Folder of prompts, outcomes and answers.")],
    out: Annotated[Path, typer.Option(help="The Parquet file to write.")],
    seed: Seed = 0,
) -> None:
    """Write what held-out requests looked like before and after looking, as numbers alone."""
    import pandas as pd

    from router.settings import shipped_models
    from training.bench.acts import stage_rows
    from training.bench.cases import Bench, looks_in, teaching
    from training.data.readers import read

    model = artifacts.load(artifacts.resolve(shipped_models()))
    with steps() as step:
        step("reading the answers")
        bench = Bench.load(read(data), data, model)
        frames = []
        for look in teaching(looks_in(bench)):
            step(look.name)
            frames.append(stage_rows(bench, look, seed))
        pd.concat(frames, ignore_index=True).to_parquet(out)
    console.print(f"Wrote {sum(map(len, frames))} rows to {out}.")


def heldout(
    data: Annotated[Path, typer.Option(help="Folder of prompts and outcomes.")],
    out: Annotated[Path, typer.Option(help="The Parquet file to write.")],
    seed: Seed = 0,
) -> None:
    """Write held-out predictions of all methods beside real scores, as numbers alone."""
    import pandas as pd

    from router.settings import shipped_models
    from training.bench.heldout import characters_in, folds_of, heldout_rows
    from training.bench.prompts import load_training_set, works_in

    model = artifacts.load(artifacts.resolve(shipped_models()))
    with steps() as step:
        step("computing features")
        known = load_training_set(data, model)
        folds, lengths = folds_of(known, seed), characters_in(data)
        frames = []
        for work in works_in(known.data.rows):
            step(work.name)
            frames.append(heldout_rows(work, known, folds, lengths, seed))
        rows = pd.concat(frames, ignore_index=True)
        texts = ["source", "local_model", "cloud_model"]
        rows.astype(dict.fromkeys(texts, "category")).to_parquet(out, compression="zstd")
    console.print(f"Wrote {len(rows)} rows to {out}.")


def floor(
    rows: Annotated[Path, typer.Option(help="What heldout wrote.")] = Path("data/heldout.parquet"),
    seed: Seed = 0,
    json_file: Json = None,
) -> None:
    """Count how often a promised quality floor is broken, over samples of real outcomes."""
    from training.bench.floor import run_floors
    from training.data.readers import read_table

    with steps() as step:
        step("drawing labels")
        found = run_floors(read_table(rows), seed)
    report.floors(console, found)
    write_json(json_file, {"floors": found})
