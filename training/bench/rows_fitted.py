"""One fit of `training.bench.rows_measured`, in a process of its own: a line of JSON a step."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from router.decide.heads import logit
from router.registry import artifact as artifacts
from training.engine.choose import engine_of
from training.fit.encoder import of_artifact
from training.fit.head import TIERS
from training.pipelines.in_pieces import features_in_pieces, train_in_pieces
from training.pipelines.prompts import Trained


def main(made: Path, work: Path, options: dict[str, Any]) -> None:
    """Fit, and say how near the result is to the truth that the rows were drawn from."""
    source = of_artifact(artifacts.load(artifacts.locate(Path(options["base"]))))
    engine = engine_of(options["engine"], options["address"], options["workers"])
    seed = options["seed"]
    quality = ""
    try:
        if options["features"]:
            features_in_pieces([made], source, engine=engine, work=work, progress=_say)
        else:
            trained = train_in_pieces(
                [made], source, engine=engine, work=work, seed=seed, progress=_say
            )
            quality = _beside_truth(trained, made)
    finally:
        engine.close()
    print(json.dumps({"step": "done", "quality": quality}), flush=True)


def _say(step: str) -> None:
    print(json.dumps({"step": step}), flush=True)


def _beside_truth(trained: Trained, made: Path) -> str:
    """How the fitted logits go with the true ones, on the first file's prompts."""
    frame = pd.read_parquet(sorted(made.glob("*.parquet"))[0])
    said = []
    for index, tier in enumerate(TIERS):
        mine = frame[frame["tier"] == tier].drop_duplicates("prompt_id").head(2000)
        from router.text.request import request_from_prompt
        from training.data.featurize import featurize
        from training.fit.encoder import of_artifact as encoder_of

        extractor = encoder_of(trained.artifact).extractor()
        found = featurize(extractor, [request_from_prompt(p) for p in mine["prompt"]], cache=False)
        z = trained.fitted.heads.logits(found, np.zeros(2))[:, index]
        term = mine["model"].map({m: trained.fitted.ability(tier, m) for m in set(mine["model"])})
        p = 1 / (1 + np.exp(-(z + term.to_numpy())))
        r = float(np.corrcoef(logit(p, 1e-6), logit(mine["truth"].to_numpy(), 1e-6))[0, 1])
        off = float(np.abs(p - mine["truth"].to_numpy()).mean())
        said.append(f"{tier}: correlation with the true logit {r:.3f}, mean distance {off:.4f}")
    return "; ".join(said)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3]))
