"""`python -m training picture`: quality over cost on real models, as the README shows it."""

from pathlib import Path
from typing import Annotated

import typer

from router.errors import RouterError

_SHOWN = ("router", "kNN", "prompt length")
_DPI = 100  # chosen: sharp on a page of text, and under 100 kB
_CLOUD = "claude-sonnet-5-5"  # whose price is paid, as in notebook 01
_ANSWER_TOKENS = 500  # of answers whose length nobody recorded


def picture(
    rows: Annotated[Path, typer.Option(help="Held-out predictions beside scores.")],
    out: Annotated[Path, typer.Option(help="The PNG to write.")],
    seed: Annotated[int, typer.Option(help="Seed of the bands.")] = 0,
) -> None:
    """Draw quality over cost: what real answers were worth, at every price that might be paid."""
    import numpy as np
    import pandas as pd

    from training.bench.comparison import heldout_comparisons
    from training.evaluate import plots

    frame = pd.read_parquet(rows)
    models = frame.groupby("source", observed=True)[["local_model", "cloud_model"]].first()
    sources = heldout_comparisons(frame)
    panels = plots.panels(list(sources), side=3.0)
    for name, one in sources.items():
        plots.quality_curves(
            {method: gain for method, gain in one.gains.items() if method in _SHOWN},
            one.local,
            one.cloud,
            groups=one.group,
            rng=np.random.default_rng(seed),
            cost_usd=one.cost_usd(_CLOUD, _ANSWER_TOKENS),
            quality="share of right answers",
            axes=panels[name],
        )
    figure = plots.together(panels)
    try:
        figure.savefig(out, dpi=_DPI, facecolor="white", metadata={"Software": None})
    except OSError as error:
        raise RouterError(f"{out} could not be written ({error.strerror}).") from error
    for row in models.loc[list(sources)].astype(str).itertuples():
        print(f"{row.Index}: {row.local_model} against {row.cloud_model}")
