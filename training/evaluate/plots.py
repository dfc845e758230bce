"""Pictures for notebooks and runs: axes with units, intervals drawn, colours that everyone sees.

Colours are Okabe and Ito's (https://jfly.uni-koeln.de/color/).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from router.types import FloatArray
from training.evaluate import metrics
from training.evaluate.constants import BAND_QUANTILES, BAND_ROUNDS, WILSON_Z

_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
# A method has one colour and style in every picture; others get theirs by their place.
_METHODS = {
    "router": 0,
    "prompt length": 1,
    "kNN": 2,
    "TF-IDF + logistic": 3,
    "MiniLM + logistic": 4,
    "random": 5,
    "oracle": 6,
}
_TIERS = {"local": "#777777", "cloud": "#8C510A"}  # Okabe and Ito's are the methods'
_STYLES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)))


def new_axes(width: float = 6.4, height: float = 4.2) -> Axes:
    """One empty set of axes on a figure of its own (inches); no global state."""
    axes = Figure(figsize=(width, height), layout="constrained").add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.3)
    axes.set_prop_cycle(color=_COLOURS)
    return axes


def panels(names: Sequence[str], columns: int = 3, side: float = 3.4) -> dict[str, Axes]:
    """One empty set of axes per name, titled by it, together on one figure."""
    rows = -(-len(names) // columns)
    columns = min(columns, len(names))
    figure = Figure(figsize=(side * columns, side * 0.9 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for spare in grid[len(names) :]:
        spare.set_axis_off()
    for name, axes in zip(names, grid, strict=False):
        axes.set_title(name, fontsize="medium")
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.3)
        axes.set_prop_cycle(color=_COLOURS)
    return dict(zip(names, grid, strict=False))


def together(axes: Mapping[str, Axes]) -> Figure:
    """The figure of `panels`, with what all of them say said once: axis labels, and the legend."""
    first, *_ = axes.values()
    figure = first.get_figure()
    assert isinstance(figure, Figure)
    handles, labels = first.get_legend_handles_labels()
    same = all(one.get_legend_handles_labels()[1] == labels for one in axes.values())
    figure.supxlabel(first.get_xlabel(), fontsize="medium")
    figure.supylabel(first.get_ylabel(), fontsize="medium")
    for one in axes.values():
        one.set(xlabel="", ylabel="")
        if same and (legend := one.get_legend()) is not None:
            legend.remove()
    if same:
        figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), frameon=False)
    return figure


def quality_curves(
    gains: Mapping[str, FloatArray],
    local: FloatArray,
    cloud: FloatArray,
    *,
    groups: FloatArray | None = None,
    cost_usd: FloatArray | None = None,
    rng: np.random.Generator | None = None,
    quality: str = "mean score of the answers (0 to 1)",
    axes: Axes | None = None,
) -> Axes:
    """Mean score over cloud share (or, with `cost_usd` per request, over dollars per 1,000).

    `quality`: what the score is called. With `groups` and `rng`, the first method gets a 95 %
    bootstrap band (over whole groups).
    """
    axes = axes or new_axes()
    for i, (name, gain) in enumerate(gains.items()):
        x, y = _curve(gain, local, cloud, cost_usd)
        place = _METHODS.get(name, i % 7)
        axes.plot(x, y, label=name, color=_COLOURS[place], ls=_STYLES[place], lw=1.8)
        if i == 0 and groups is not None and rng is not None:
            low, high = _band(gain, local, cloud, groups, rng)
            axes.fill_between(x, low, high, color=_COLOURS[0], alpha=0.15, lw=0)
    axes.set_ylabel(quality)
    axes.set_xlabel(
        "share of requests sent to the cloud"
        if cost_usd is None
        else "cost of 1,000 requests (US dollars)"
    )
    axes.legend(frameon=False, fontsize="small")
    return axes


def _curve(
    gain: FloatArray, local: FloatArray, cloud: FloatArray, cost_usd: FloatArray | None
) -> tuple[FloatArray, FloatArray]:
    c = metrics.curve(gain, local, cloud)
    if cost_usd is None:
        return c.share, c.quality
    spent = np.cumsum(cost_usd[np.argsort(-gain, kind="stable")])
    return np.concatenate([[0.0], spent]) / len(gain) * 1000, c.quality


def _band(
    gain: FloatArray,
    local: FloatArray,
    cloud: FloatArray,
    groups: FloatArray,
    rng: np.random.Generator,
    rounds: int = BAND_ROUNDS,
) -> tuple[FloatArray, FloatArray]:
    grid = np.linspace(0, 1, len(gain) + 1)
    draws = []
    for at in metrics.resamples(groups, rng, rounds):
        c = metrics.curve(gain[at], local[at], cloud[at])
        draws.append(np.interp(grid, c.share, c.quality))
    low, high = np.quantile(draws, BAND_QUANTILES, axis=0)
    return low, high


def reliability_diagram(
    heads: Mapping[str, tuple[FloatArray, FloatArray]], *, axes: Axes | None = None
) -> Axes:
    """Observed over predicted share of good answers per bin, with 95 % Wilson intervals.

    `heads` maps a name to (probability, outcome), arrays of shape (n,).
    """
    axes = axes or new_axes(4.6, 4.2)
    axes.plot([0, 1], [0, 1], color="#888888", lw=1, label="perfect")
    for i, (name, (p, y)) in enumerate(heads.items()):
        predicted, observed, share = metrics.reliability(p, y)
        low, high = wilson(observed, share * len(p))
        axes.errorbar(
            predicted,
            observed,
            yerr=[observed - low, high - observed],
            color=_TIERS.get(name, _COLOURS[i]),
            marker="os^D"[i % 4],
            ms=4,
            lw=1,
            ls="none",
            label=f"{name}, ECE {metrics.ece(p, y):.3f}",
        )
    axes.set(
        xlabel="predicted probability of a good answer",
        ylabel="observed share of good answers",
        xlim=(0, 1),
        ylim=(0, 1),
    )
    axes.legend(frameon=False, fontsize="small")
    return axes


def looks_curve(policies: Mapping[str, Mapping[str, float]], *, axes: Axes | None = None) -> Axes:
    """Mean score over the cloud share, one line per policy; the legend says how often it looks.

    `policies` as `training.evaluate.acts.policies` gives them, "name, 30% cloud" each.
    """
    axes = axes or new_axes()
    lines: dict[str, list[tuple[float, float, float]]] = {}
    for name, m in policies.items():
        line = lines.setdefault(name.rsplit(", ", 1)[0], [])
        line.append((m["cloud"], m["quality"], m["looks"]))
    for i, (name, points) in enumerate(lines.items()):
        share, quality, looks = np.array(points).T
        axes.plot(
            share,
            quality,
            marker="o",
            ms=3,
            lw=1.4,
            color=_COLOURS[i % 7],
            ls=_STYLES[i % 7],
            label=f"{name} ({looks.mean():.2f} looks a request)",
        )
    axes.set(
        xlabel="share of requests sent to the cloud",
        ylabel="mean score of the answers (0 to 1)",
    )
    axes.legend(frameon=False, fontsize="small")
    return axes


def floor_curve(
    gain: FloatArray,
    local: FloatArray,
    cloud: FloatArray,
    floors: Mapping[float, tuple[float, metrics.Interval]],
    *,
    axes: Axes | None = None,
) -> Axes:
    """Quality as a share of the cloud's over the cloud share, and where floors were set.

    `floors`: what was asked for -> share of the cloud and what was kept, with its interval.
    """
    axes = axes or new_axes()
    c = metrics.curve(gain, local, cloud)
    axes.plot(c.share, c.quality / cloud.mean(), color=_COLOURS[0], lw=1.8, label="router")
    for i, (floor, (share, kept)) in enumerate(floors.items()):
        axes.axhline(floor, color="#888888", lw=1, ls=_STYLES[1 + i % 6], label=f"floor {floor:g}")
        axes.errorbar(
            share,
            kept.value,
            yerr=[[kept.value - kept.low], [kept.high - kept.value]],
            color="#000000",
            marker="os^D"[i % 4],
            ms=5,
            lw=1,
            ls="none",
            label=f"kept with {floor:g}",
        )
    axes.set(xlabel="share of requests sent to the cloud", ylabel="share of the cloud's quality")
    axes.legend(frameon=False, fontsize="small")
    return axes


def wilson(
    share: FloatArray, count: FloatArray, z: float = WILSON_Z
) -> tuple[FloatArray, FloatArray]:
    """Wilson's 95 % interval of a share out of `count` (Wilson 1927)."""
    centre = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    return np.minimum(centre - half, share), np.maximum(centre + half, share)


def quality_latency(
    names: Sequence[str],
    latency_ms: FloatArray,
    quality: Sequence[metrics.Interval],
    size_mb: FloatArray,
    *,
    axes: Axes | None = None,
) -> Axes:
    """Quality with interval over latency (log scale); marker area follows the size on disk."""
    axes = axes or new_axes()
    for i, name in enumerate(names):
        q = quality[i]
        axes.errorbar(
            latency_ms[i],
            q.value,
            yerr=[[q.value - q.low], [q.high - q.value]],
            color=_COLOURS[i % 7],
            lw=1,
        )
        label = f"{name} ({size_mb[i]:.1f} MB)"
        axes.scatter(
            latency_ms[i], q.value, s=20 + 2 * size_mb[i], color=_COLOURS[i % 7], label=label
        )
    axes.set_xscale("log")
    axes.set(xlabel="latency of one prompt (ms, log scale)", ylabel="APGR (0 to 1)")
    axes.legend(frameon=False, fontsize="small", loc="center")
    return axes


def save(axes: Axes, path: Path) -> Path:
    """Write the figure of `axes` as PNG."""
    figure = axes.get_figure()
    assert isinstance(figure, Figure)
    with mpl.rc_context({"savefig.dpi": 120}):
        figure.savefig(path)
    return path
