"""Side by side: routers and encoders on the same unseen rows, as tables for a notebook."""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from router import prices
from router.errors import MissingExtra
from router.promise import FLOOR_CONFIDENCE, Known, threshold_for_floor
from router.registry.artifact import Artifact, pack_vectors
from router.text.request import request_from_prompt
from router.types import FloatArray
from training.bench.constants import (
    COST_STEPS,
    STATIC_WIDTHS,
    TIMED_REQUESTS,
    TRADE_SHARES,
    WARM_UP_REQUESTS,
)
from training.bench.heldout import METHODS
from training.data.dataset import OF_PROMPT, Dataset
from training.data.featurize import featurize
from training.data.splits import group_sample, unseen
from training.evaluate import metrics
from training.evaluate.baselines import BASELINES, RoutingTask
from training.evaluate.constants import BAND_ROUNDS
from training.evaluate.evaluation import outcome_pairs
from training.evaluate.scoring import scored_by
from training.fit.encoder import EncoderSource, of_artifact, with_transformer
from training.pipelines.prompts import train

_SHOWN = ("prompt length", "kNN", "random", "oracle")
_PER = 1000  # requests, of every sum of dollars


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Gains of several methods on the same test rows; all arrays have shape (n,).

    `prompt_chars`, `answer_chars`: lengths of the request and of the cloud's answer; NaN where
    nobody recorded it.
    """

    gains: dict[str, FloatArray]
    local: FloatArray
    cloud: FloatArray
    group: Any
    prompt_chars: FloatArray
    answer_chars: FloatArray

    def cost_usd(self, cloud_model: str, output_tokens: int) -> FloatArray:
        """Price of a cloud answer per request, by the price list; 4 characters are a token.

        `output_tokens`: of answers whose length is not known.
        """
        usd_in, usd_out = (
            prices.price_usd(cloud_model, *tokens) / _PER for tokens in ((_PER, 0), (0, _PER))
        )
        answered = self.answer_chars / prices.CHARS_PER_TOKEN
        answered = np.where(np.isnan(answered), output_tokens, answered)
        return self.prompt_chars / prices.CHARS_PER_TOKEN * usd_in + answered * usd_out

    def apgr(self, *, seed: int = 0) -> "pd.Series[str]":
        """APGR of every method with its 95 % interval over groups."""
        found = {}
        for name, gain in self.gains.items():
            arrays, rng = (gain, self.local, self.cloud), np.random.default_rng(seed)
            found[name] = str(
                metrics.bootstrap(
                    metrics.apgr, *arrays, groups=self.group, rng=rng, rounds=BAND_ROUNDS
                )
            )
        return pd.Series(found)

    def table(self, *, seed: int = 0) -> pd.DataFrame:
        """APGR, CPT(20/50/80) and AIQ of every method with 95 % intervals."""
        rows = {}
        for name, gain in self.gains.items():
            rng = np.random.default_rng(seed)
            rows[name] = {
                label: str(
                    metrics.bootstrap(
                        statistic, gain, self.local, self.cloud, groups=self.group, rng=rng
                    )
                )
                for label, statistic in _STATISTICS.items()
            }
        return pd.DataFrame(rows).T

    def trade(self, cost_usd: FloatArray, *, method: str = "router", seed: int = 0) -> pd.DataFrame:
        """What shares of the cloud cost, and what is lost against always asking it.

        Dollars for 1,000 requests; scores and losses with 95 % intervals over groups.
        """
        gain = self.gains[method]
        rows = {}
        for share in TRADE_SHARES:
            sent = _sent(gain, share)
            routed = np.where(sent, self.cloud, self.local)
            usd = float((cost_usd * sent).mean() * _PER)
            saved = float((cost_usd * ~sent).mean() * _PER)
            score, lost = (
                metrics.bootstrap(
                    np.mean, values, groups=self.group, rng=np.random.default_rng(seed)
                )
                for values in (routed, self.cloud - routed)
            )
            rows[f"{share:.0%}"] = {
                "dollars": round(usd, 2),
                "saved": round(saved, 2),
                "score": str(score),
                "lost": str(lost),
            }
        return pd.DataFrame(rows).T.rename_axis("to the cloud")

    def month(self, cost_usd: FloatArray, requests: int, *, seed: int = 0) -> pd.DataFrame:
        """The same trade for a month of so many requests: dollars, and good answers that are lost.

        Lost answers with 95 % intervals over groups.
        """
        gain, rows = self.gains["router"], {}
        for share in TRADE_SHARES:
            sent = _sent(gain, share)
            lost = metrics.bootstrap(
                np.mean,
                np.where(sent, 0.0, self.cloud - self.local),
                groups=self.group,
                rng=np.random.default_rng(seed),
            )
            value, low, high = (f"{requests * x:,.0f}" for x in (lost.value, lost.low, lost.high))
            rows[f"{share:.0%}"] = {
                "dollars a month": f"{requests * float((cost_usd * sent).mean()):,.2f}",
                "good answers lost a month": f"{value} [{low}, {high}]",
            }
        return pd.DataFrame(rows).T.rename_axis("to the cloud")

    def floors(
        self, cost_usd: FloatArray, floors: Sequence[float], labels: int, *, seed: int = 0
    ) -> pd.DataFrame:
        """Quality floors set on `labels` groups drawn at random, and what the others show of them.

        `kept`: the routed score over the cloud's on the rest, with its 95 % interval.
        """
        gain = self.gains["router"]
        at, rest = group_sample(self.group, labels, np.random.default_rng(seed))
        columns = np.stack([gain, self.local, self.cloud])[:, at]
        drawn = pd.DataFrame(columns.T).groupby(self.group[at]).mean().to_numpy().T
        known = Known(drawn[0], drawn[1], drawn[2], "drawn at random")
        rows = {}
        for floor in floors:
            cut = threshold_for_floor(known, floor, FLOOR_CONFIDENCE)
            sent = gain[rest] > (-2.0 if cut is None else cut)
            routed = np.where(sent, self.cloud[rest], self.local[rest])
            kept = metrics.bootstrap(
                lambda a, b: float(a.mean() / b.mean()),
                routed,
                self.cloud[rest],
                groups=self.group[rest],
                rng=np.random.default_rng(seed),
            )
            rows[floor] = {
                "labels": len(known),
                "threshold": "refused" if cut is None else f"{cut:.3f}",
                "to the cloud": round(float(sent.mean()), 3),
                "dollars": round(float((cost_usd[rest] * sent).mean() * _PER), 2),
                "kept": kept,
            }
        return pd.DataFrame(rows).T.rename_axis("quality floor")

    def thresholds(
        self, method: str, cost_usd: FloatArray, requests: int, steps: int = COST_STEPS
    ) -> pd.DataFrame:
        """What moving the threshold buys: share, quality and dollars for `requests` a month."""
        gain = self.gains[method]
        order = np.argsort(-gain, kind="stable")
        c = metrics.curve(gain, self.local, self.cloud)
        spent = np.concatenate([[0.0], np.cumsum(cost_usd[order])]) / len(gain) * requests
        at = np.rint(np.linspace(0, len(gain), steps + 1)).astype(int)
        cut = np.append(gain[order], -1.0)[at]
        return pd.DataFrame(
            {
                "threshold": cut.round(3),
                "cloud share": c.share[at].round(3),
                "mean score": c.quality[at].round(3),
                "gap recovered": c.pgr[at].round(3),
                "dollars a month": spent[at].round(2),
                "saved against all cloud": (spent[-1] - spent[at]).round(2),
            }
        )


def _sent(gain: FloatArray, share: float) -> NDArray[np.bool_]:
    """Which requests go to the cloud where `share` of them do, those of highest gain first."""
    sent = np.zeros(len(gain), dtype=bool)
    sent[np.argsort(-gain, kind="stable")[: round(share * len(gain))]] = True
    return sent


_STATISTICS: Mapping[str, Any] = {
    "APGR": metrics.apgr,
    "CPT(20)": partial(metrics.cpt, target=0.2),
    "CPT(50)": partial(metrics.cpt, target=0.5),
    "CPT(80)": partial(metrics.cpt, target=0.8),
    "AIQ": metrics.aiq_of_ranking,
}


def heldout_comparisons(rows: pd.DataFrame) -> dict[str, Comparison]:
    """One comparison per source of what `training.bench.heldout` wrote, in its order."""
    out = {}
    for source, part in rows.groupby("source", sort=False, observed=True):
        numbers = part.select_dtypes("number").astype("float64")
        gains = {"router": (numbers["p_cloud"] - numbers["p_local"]).to_numpy()}
        gains |= {m: numbers[m].to_numpy() for m in METHODS if m in numbers and numbers[m].any()}
        gains["oracle"] = (numbers["cloud"] - numbers["local"]).to_numpy()
        out[str(source)] = Comparison(
            gains=gains,
            local=numbers["local"].to_numpy(),
            cloud=numbers["cloud"].to_numpy(),
            group=part["group"].to_numpy(),
            prompt_chars=numbers["prompt_chars"].to_numpy(),
            answer_chars=numbers["answer_chars"].to_numpy(),
        )
    return out


def compare(artifact: Artifact, data: Dataset, *, seed: int = 0) -> Comparison:
    """The router beside simple methods, on the rows of `data` that it was not fitted on.

    kNN learns from the other rows.
    """
    scored = scored_by(artifact, data)
    new = unseen(data.rows["group"], artifact.arrays["seen"])
    # The test rows come first, in the very order in which they were scored.
    test, train = (outcome_pairs(data.rows[mask]) for mask in (new, ~new))
    texts = data.prompts[["prompt_id", "prompt", *OF_PROMPT]]
    prompts = pd.concat([test, train]).merge(texts, on="prompt_id", how="left")
    task = RoutingTask(
        name="comparison",
        prompts=prompts["prompt"].tolist(),
        features=featurize(of_artifact(artifact).extractor(), Dataset(prompts).requests),
        local=prompts["local"].to_numpy(dtype="float64"),
        cloud=prompts["cloud"].to_numpy(dtype="float64"),
        group=prompts["group"].to_numpy(),
    )
    test_at, train_at = np.split(np.arange(len(prompts)), [len(test)])
    rng = np.random.default_rng(seed)
    gains = {"router": scored.gain}
    gains |= {name: BASELINES[name](task, train_at, test_at, rng) for name in _SHOWN}
    characters = np.array([float(len(task.prompts[i])) for i in test_at.tolist()])
    return Comparison(
        gains=gains,
        local=scored.local,
        cloud=scored.cloud,
        group=scored.group,
        prompt_chars=characters,
        answer_chars=np.full(len(characters), np.nan),
    )


@dataclass(frozen=True, kw_only=True)
class EncoderTrial:
    """Quality, latency of the features of one prompt, and size of an encoder."""

    name: str
    apgr: metrics.Interval
    auc_local: metrics.Interval
    latency_ms: float
    size_mb: float


def encoder_choices(current: EncoderSource, transformer: str | None) -> dict[str, EncoderSource]:
    """Encoders to try: static ones of falling width and, if it can be had, `transformer`."""
    packed = Artifact(
        manifest={}, arrays={}, tokenizer=current.tokenizer, encoder=current.vectors
    ).encoder_vectors()
    choices = {f"static, {packed.shape[1]} dimensions": current}
    for width in STATIC_WIDTHS:  # the columns are principal components, so the first are the best
        description = {**current.description, "dimensions": width, "name": f"static-{width}"}
        vectors = pack_vectors(packed[:, :width])
        choices[f"static, {width} dimensions"] = replace(
            current, description=description, vectors=vectors
        )
    if transformer is not None:
        with suppress(MissingExtra):  # without the extra [encoder] it is not among the choices
            choices[transformer.rsplit("/", 1)[-1]] = with_transformer(current, transformer)
    return choices


def try_encoder(name: str, source: EncoderSource, data: Dataset, *, seed: int = 0) -> EncoderTrial:
    """Fit on `data` with this encoder, evaluate on its test rows, and time one prompt."""
    trained = train(data, source, version_name="trial", seed=seed)
    extractor = source.extractor()
    requests = [request_from_prompt(p) for p in data.prompts["prompt"].head(TIMED_REQUESTS)]
    times = []
    for request in requests:
        started = time.perf_counter()
        extractor.extract([request])
        times.append((time.perf_counter() - started) * 1000)
    overall = trained.evaluation.overall
    size = getattr(extractor.encoder, "size_bytes", len(source.vectors))
    return EncoderTrial(
        name=name,
        apgr=overall["apgr"],
        auc_local=overall["auc_local"],
        latency_ms=float(np.median(times[WARM_UP_REQUESTS:])),
        size_mb=size / 1e6,
    )
