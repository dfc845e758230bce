"""How far real models repeat each other's mistakes, and what labels from agreement make of it."""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from router.answers.same import same
from router.decide.dependence import STRANGERS, copied_share, relation
from router.decide.heads import sigmoid
from router.labels.trust import believed
from router.registry.artifact import Artifact
from router.types import FloatArray, IntArray
from training.bench.cases import Bench
from training.bench.constants import (
    ASKED_RATE,
    AUDIT_SHARES,
    FEWEST_MISTAKES,
    POPULAR_PRIOR,
    REPEATED_PROMPTS,
    SIMULATED_COPIES,
)
from training.bench.simulated import Habits, simulate
from training.bench.traffic import Traffic, load_traffic
from training.data.opinions import Opinions
from training.data.readers import read
from training.evaluate import metrics
from training.fit.logistic import fit_logistic
from training.pipelines.dependence import independent
from training.pipelines.prompts import Progress


def dependence_bench(
    data: Path, model: Artifact, *, logs: int, progress: Progress = lambda step: None
) -> dict[str, Any]:
    """Copied shares by kinship, and calibration of labels before and after; plain values."""
    progress("reading the answers")
    bench = Bench.load(read(data), data, model)
    kinships: dict[str, Any] = {}
    for source, opinions in bench.answers.items():
        progress(f"{source}: who repeats whose mistakes")
        kinships |= {f"{source}: {k}": v for k, v in _kinships(opinions).items()}
    traffic = load_traffic(data, model, progress)
    labels = {}
    for copied in SIMULATED_COPIES:
        for audit in AUDIT_SHARES:
            progress(f"labels: {copied:.0%} copied, audit of {audit:.0%}")
            rows = [_labels(traffic, copied, audit, seed) for seed in range(logs)]
            labels[f"{copied:.0%} copied, audit {audit:.0%}"] = {
                name: float(np.mean([row[name] for row in rows])) for name in rows[0]
            }
    return {"kinships": kinships, "labels": labels}


@dataclass(frozen=True)
class _Repeats:
    """Of mistakes with a final answer: who made each, beside whom, and whether that one agrees.

    `popular` (n,): logit of the share of models not of the first one's kin that say the same.
    """

    pair: list[tuple[str, str]]
    agrees: FloatArray
    popular: FloatArray

    @classmethod
    def of(cls, opinions: Opinions) -> "_Repeats":
        """All ordered pairs of answers to (at most REPEATED_PROMPTS) prompts."""
        frame, readings = opinions.answers.frame, opinions.answers.readings
        model, score = frame["model"].to_numpy(), frame["score"].to_numpy(dtype="float64")
        rng = np.random.default_rng(0)
        pair, agrees, popular = [], [], []
        for prompt in rng.permutation(sorted(opinions.of_prompt))[:REPEATED_PROMPTS]:
            at = opinions.of_prompt[prompt].tolist()
            for i in at:
                if not score[i] < 0.5:
                    continue
                others = [j for j in at if model[j] != model[i]]
                alike = {j: same(readings[i].final, readings[j].final) for j in others}
                strange = {j for j in others if relation(model[i], model[j]) == STRANGERS}
                for j in others:
                    if alike[j] is None:
                        continue
                    rest = [alike[k] for k in strange - {j} if alike[k] is not None]
                    said = POPULAR_PRIOR + sum(map(bool, rest))
                    share = said / (len(rest) + 10 * POPULAR_PRIOR)
                    pair.append((str(model[i]), str(model[j])))
                    agrees.append(float(bool(alike[j])))
                    popular.append(float(np.log(share / (1 - share))))
        return cls(pair, np.array(agrees), np.array(popular))

    def usual(self) -> FloatArray:
        """How often strangers would agree (n,): a logistic fit on strangers, of models and
        popularity.
        """
        names = sorted({name for both in self.pair for name in both})
        x = np.zeros((len(self.pair), 2 * len(names) + 1))
        rows = np.arange(len(x))
        for side in range(2):
            x[rows, [side * len(names) + names.index(both[side]) for both in self.pair]] = 1.0
        x[:, -1] = self.popular
        strangers = self.strangers
        weights, bias = fit_logistic(
            x[strangers], self.agrees[strangers], np.ones(len(strangers)), 1.0
        )
        return sigmoid(x @ weights + bias)

    @property
    def strangers(self) -> IntArray:
        """Rows of pairs that are no kin."""
        return np.flatnonzero([relation(*both) == STRANGERS for both in self.pair])


def _kinships(opinions: Opinions) -> dict[str, dict[str, float]]:
    """Kinship -> mean copied share over its pairs, and how often the second repeats a mistake."""
    found = _Repeats.of(opinions)
    if len(found.strangers) < FEWEST_MISTAKES:
        return {}
    usual = found.usual()
    of_pair = defaultdict(list)
    for row, both in enumerate(found.pair):
        of_pair[both].append(row)
    shares: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
    for both, rows in of_pair.items():
        if len(rows) < FEWEST_MISTAKES:
            continue
        agrees, p = found.agrees[rows], usual[rows]
        with np.errstate(divide="ignore"):
            added = np.log(agrees / p)
        share = copied_share(added, np.ones(len(rows)), 1 / FEWEST_MISTAKES)
        shares[relation(*both)].append((share, float(agrees.mean()), float(p.mean())))
    names = ("copied", "repeated", "as strangers")
    return {
        kin: {"pairs": len(rows), **dict(zip(names, np.mean(rows, axis=0).tolist(), strict=True))}
        for kin, rows in shares.items()
    }


def _labels(traffic: Traffic, copied: float, audit: float, seed: int) -> dict[str, float]:
    """Labels of local answers beside the truth, as the verifier gives them and as they are taken.

    `off`: mean label minus mean truth; `ece`; `auc`; `copied`: what was found.
    """
    asked = ASKED_RATE if audit else 0.0
    habits = Habits(agreement=True, copied=copied, asked=asked, audit=audit)
    made = simulate(traffic, habits, seed)
    window = made.window
    drawn = set(window.frame.loc[window.frame["audited"], "id"])
    taken = independent(window, believed(window.signals, window.free).labels, drawn, {})
    truth = (traffic.local[made.at] >= 0.5) * 1.0
    out = {"found": max(taken.copied.values(), default=float("nan"))}
    for name, soft in (("before", window.soft), ("after", taken.window.soft)):
        p = soft["p_local"].to_numpy()
        out[f"off {name}"] = float(p.mean() - truth.mean())
        out[f"ece {name}"] = metrics.ece(p, truth)
        out[f"auc {name}"] = metrics.auc(p, truth)
    return out
