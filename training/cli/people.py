"""`python -m training people`: the tagger of names and addresses, learnt anew."""

from pathlib import Path
from typing import Annotated

import typer

from training.cli.options import Seed, console, steps

_SHIPPED = Path("router/privacy/people.safetensors")


def people(
    data: Annotated[
        list[Path], typer.Option(help="Folder of everyday prompts or outcomes; may be repeated.")
    ],
    out: Annotated[Path, typer.Option(help="File of arrays to write.")] = _SHIPPED,
    seed: Seed = 0,
) -> None:
    """Learn the tagger of names and addresses that the privacy filter has, from made-up ones."""
    from training.fit.people import save
    from training.pipelines.people import learn

    with steps() as step:
        tagger = learn(data, seed, step)
    save(tagger, out)
    console.print(f"Wrote {out}; what it finds: python -m tests.privacy_recall")
