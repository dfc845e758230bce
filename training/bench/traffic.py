"""Traffic with known outcomes of both tiers, and a champion that never saw any of it.

What logs are made of (`training.bench.simulated`): the prompts of two sources, what the local and
the cloud model really made of each, and what agreement with a second local model says of that, by
a verifier fitted on the other source.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from router.decide.heads import sigmoid
from router.registry.artifact import Artifact
from router.text.asks import asks_for
from router.text.features import Features
from router.text.request import request_from_prompt
from router.types import FloatArray, IntArray
from training.bench.cases import Bench, Case, Setup, looks_in, teaching
from training.bench.constants import BASE_C, SERVED_SHARE, TRAFFIC_SOURCES
from training.bench.transfer import core_of_others
from training.data.readers import read
from training.evaluate import metrics
from training.evaluate.scoring import fitted_of
from training.fit.assemble import assembled
from training.fit.encoder import of_artifact
from training.fit.heads import Fitted
from training.fit.verifier import rows_of
from training.pipelines.prompts import Progress
from training.pipelines.training_set import TrainingSet


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """Requests of two works: outcomes `local`, `cloud` and agreement `said` (n, 2), all 0..1.

    `alone` (n, 2): what reading the local answer says without the second opinion, `echoed` with one
    that repeats it. `weaker`: outcomes of a weaker local model, NaN where unknown. `topic`: kind of
    task, which no log tells; `asks`: the kind of answer asked for, which it does.
    """

    champion: Artifact
    pair: dict[str, str]
    features: Features
    local: FloatArray
    cloud: FloatArray
    weaker: FloatArray
    said: FloatArray
    alone: FloatArray
    echoed: FloatArray
    group: Any
    topic: Any
    asks: Any

    def __len__(self) -> int:
        return len(self.local)

    def gain(self, artifact: Artifact, at: IntArray) -> FloatArray:
        """What a version expects the cloud to add."""
        p_local, p_cloud = self.predicted(fitted_of(artifact), at)
        return p_cloud - p_local

    def predicted(self, fitted: Fitted, at: IntArray) -> tuple[FloatArray, FloatArray]:
        """Both probabilities for some requests."""
        return fitted.predict(self.features.take(at), self.pair)

    def quality(self, gain: FloatArray, cut: float, at: IntArray) -> float:
        """Mean outcome where gains above `cut` go to the cloud."""
        return float(np.where(gain > cut, self.cloud[at], self.local[at]).mean())

    def quality_at(self, gain: FloatArray, share: float, at: IntArray) -> float:
        """Mean outcome where this share goes to the cloud."""
        curve = metrics.curve(gain, self.local[at], self.cloud[at])
        return float(curve.quality[round(share * len(at))])


def load_traffic(data: Path, model: Artifact, progress: Progress = lambda step: None) -> Traffic:
    """The works of `data` that have answers, as traffic. Raises DataError."""
    progress("reading the answers")
    bench = Bench.load(read(data), data, model)
    rng = np.random.default_rng(0)
    parts = []
    setups = [s for s in teaching(looks_in(bench)) if s.source in TRAFFIC_SOURCES]
    pair = {"local": setups[0].local, "cloud": setups[0].cloud}
    for setup in setups:
        progress(f"{setup.source}: what agreement says")
        parts.append(_part(bench, setup, rng))
    frame = pd.concat(parts, ignore_index=True)
    progress("fitting the champion")
    champion = _champion(bench, frame, model, pair)
    at = frame["prompt_id"].map(bench.prompts.position).to_numpy()
    return Traffic(
        champion=champion,
        pair=pair,
        features=bench.prompts.features.take(at),
        local=frame["local"].to_numpy(),
        cloud=frame["cloud"].to_numpy(),
        weaker=frame["weaker"].to_numpy(),
        said=frame[["said_local", "said_cloud"]].to_numpy(),
        alone=frame[["alone_local", "alone_cloud"]].to_numpy(),
        echoed=frame[["echoed_local", "echoed_cloud"]].to_numpy(),
        group=pd.factorize(frame["group"])[0],
        topic=frame["topic"].to_numpy(),
        asks=frame["asks"].to_numpy(),
    )


def _part(bench: Bench, setup: Setup, rng: np.random.Generator) -> pd.DataFrame:
    case = Case.of(setup, bench)
    verifier = core_of_others(bench, setup.source, rng)
    said = sigmoid(verifier.served(case.rows(bench, None).features))
    opinions = bench.answers[setup.source]
    own = [opinions.at[p, setup.local] for p in case.prompts]
    alone, echoed = (
        sigmoid(verifier.served(rows_of(opinions, draws, bench.ability).features))
        for draws in ([(i, ()) for i in own], [(i, (i,)) for i in own])
    )
    prompts = bench.data.prompts.set_index("prompt_id").loc[case.prompts]
    return pd.DataFrame(
        {
            "prompt_id": case.prompts,
            "group": case.group,
            "topic": [f"{setup.source}: {c}" for c in prompts["category"]],
            "asks": [asks_for(request_from_prompt(p)) for p in prompts["prompt"]],
            "local": case.local,
            "cloud": case.cloud,
            "weaker": [
                bench.scores.get((p, setup.others[0]), np.nan) for p in case.prompts.tolist()
            ],
            "said_local": said[:, 0],
            "said_cloud": said[:, 1],
            "alone_local": alone[:, 0],
            "alone_cloud": alone[:, 1],
            "echoed_local": echoed[:, 0],
            "echoed_cloud": echoed[:, 1],
        }
    )


def _champion(bench: Bench, frame: pd.DataFrame, model: Artifact, pair: dict[str, str]) -> Artifact:
    """Fitted on the other works, without any question of the traffic; SERVED_SHARE to the cloud."""
    rows = bench.data.rows
    other = rows[~rows["group"].isin(frame["group"]) & ~rows["category"].str.startswith("mt_bench")]
    other = other[other["prompt_id"].isin(bench.prompts.position)]
    known: TrainingSet = bench.prompts
    fitted = known.fit(other, strength=BASE_C)
    at = frame["prompt_id"].map(known.position).to_numpy()
    p_local, p_cloud = fitted.predict(known.features.take(at), pair)
    gain = p_cloud - p_local
    reference = np.stack([gain, p_local, p_cloud])[:, np.argsort(gain, kind="stable")]
    return assembled(
        fitted,
        of_artifact(model),
        base=model,
        name="champion",
        reference=reference,
        seen=np.zeros(0, np.uint64),
        threshold=float(np.quantile(gain, 1 - SERVED_SHARE)),
        known=None,
        about={"metrics": {}},
    )
