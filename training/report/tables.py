"""Results as tables for a person."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Column, Table

from router.decide.promises import promises
from router.decide.router import Router
from router.registry.artifact import Artifact
from training.data.dataset import Dataset
from training.data.everyday import SOURCE as EVERYDAY
from training.evaluate.evaluation import Evaluation
from training.evaluate.one_tier import OneTier
from training.evaluate.what_if import WhatIf


def left_out(console: Console, data: Dataset) -> None:
    """Say what the gate left out, if anything."""
    for rule, count in data.left_out.items():
        console.print(f"Left out {count} row{'s' * (count > 1)}: {rule}.")


def evaluation(console: Console, result: Evaluation) -> None:
    """Score against cost, and calibration; where all prompts were graded, it says so."""
    if not result.rows:
        console.print("No test row has outcomes on both tiers, so nothing could be evaluated.")
        return
    what = "grade" if set(result.by_source) == {EVERYDAY} else "score"
    title = f"Mean {what} against cost on {result.rows} test prompts"
    table = Table(title=title, title_justify="left")
    for heading in ("cloud share", "threshold on the gain", f"mean {what}", "gap recovered"):
        table.add_column(heading, justify="right")
    for row in result.table:
        mark = "  (default)" if row["is_default"] else ""
        table.add_row(
            f"{row['cloud_share']:.0%}{mark}",
            f"{row['threshold']:+.3f}",
            f"{row['quality']:.3f}",
            f"{row['pgr']:.0%}",
        )
    console.print(table)
    measures = Table(title="With 95 % intervals", title_justify="left")
    columns = {
        "apgr": "APGR",
        "cpt_50": "CPT(50)",
        "cost_saved_at_95": "saved at\nPGR .95",
        "ece_local": "ECE\nlocal",
        "ece_cloud": "ECE\ncloud",
        "auc_local": "AUC\nlocal",
    }
    measures.add_column("source")
    for heading in columns.values():
        measures.add_column(heading, justify="right")
    groups = {"all": result.overall, **(result.by_source if len(result.by_source) > 1 else {})}
    for source, values in groups.items():
        measures.add_row(source, *(str(values[c]).replace(" [", "\n[") for c in columns))
    console.print(measures)


def one_tier(console: Console, result: OneTier) -> None:
    """What outcomes of one tier a request tell, and what they leave open."""
    shown = {
        "score": "mean\nscore",
        "p": "mean\npromise",
        "ece": "ECE",
        "brier_skill": "Brier\nskill",
        "auc": "AUC",
    }
    table = Table(title="Each head on later answers of its tier", title_justify="left")
    table.add_column("tier")
    for heading in ("answers", *shown.values()):
        table.add_column(heading, justify="right")
    for tier, (rows, measures) in result.heads.items():
        cells = (str(measures[name]).replace(" [", "\n[") for name in shown)
        table.add_row(tier, str(rows), *cells)
    if result.heads:
        console.print(table)
    for who, policy in (("What served", result.served), ("This model's cut", result.policy)):
        if policy is not None and policy.usd is not None:
            console.print(f"{who} sends {_policy(policy)}", soft_wrap=True)
    for sentence in result.missing:
        console.print(f"Missing: {sentence}", soft_wrap=True)


def _policy(found: WhatIf) -> str:
    """What a policy comes to on the later requests of a log."""
    cost = found.usd.dr if found.usd is not None else None
    cents = f"{100 * cost.value:.3f} [{100 * cost.low:.3f}, {100 * cost.high:.3f}]" if cost else ""
    quality = "not known" if found.quality is None else str(found.quality)
    return (
        f"{found.share:.0%} of {found.rows} later requests to the cloud: {cents} cents a request, "
        f"quality {quality}; it differs from what served on {found.differs} of them, "
        f"{found.explored} were explored."
    )


def promised(console: Console, artifact: Artifact) -> None:
    """What a version can promise of the pair of models of which it knows most outcomes."""
    pairs = artifact.manifest.get("known", [])
    if not pairs:
        console.print("No outcomes of both tiers were kept aside, so no quality can be promised.")
        return
    about = max(pairs, key=lambda pair: int(pair["rows"]))
    console.print(f"Of {about['local']} and {about['cloud']}:")
    router = Router(artifact, local_model=about["local"], cloud_model=about["cloud"])
    for sentence in promises(router):
        console.print(sentence, soft_wrap=True)


def bench(console: Console, result: dict[str, Any]) -> None:
    """The benchmark as one table of APGR, then calibration and everyday."""
    works = list(result["works"])
    table = Table(
        title=f"APGR (mean of {result['seeds']} seeds, 95 % interval)", title_justify="left"
    )
    table.add_column("method")
    for work in works:
        table.add_column(f"{work}\n{result['works'][work]['rows']} prompts", justify="right")
    for method in result["works"][works[0]]["methods"]:
        cells = [
            _cell(methods[method]["apgr"]) if method in methods else ""
            for methods in (result["works"][w]["methods"] for w in works)
        ]
        table.add_row(method, *cells)
    console.print(table)
    table = Table(title="After 1,000 labels (or two thirds) on a base", title_justify="left")
    table.add_column("measure")
    for work in works:
        table.add_column(work, justify="right")
    for measure in result["calibration"][works[0]]:
        table.add_row(measure, *(_cell(result["calibration"][w][measure]) for w in works))
    console.print(table)
    everyday = result["everyday"]
    console.print(
        f"Graded everyday prompts, kinds never seen ({everyday['rows']} prompts, "
        f"{everyday['kinds']} kinds): AUC {_cell(everyday['auc'])}; on the same rows length "
        f"{everyday['auc_length']:.3f}, length by what a language needs "
        f"{everyday['auc_fair length']:.3f}."
    )
    table = Table(title="By language: AUC for the grades' needs_cloud", title_justify="left")
    for column in ("language", "prompts", "kinds never seen", "language left out", *_LENGTHS):
        table.add_column(column, justify="left" if column == "language" else "right")
    for language, found in everyday["languages"].items():
        aucs = (_cell(found["unseen kinds"]), _cell(found["left out"]))
        table.add_row(
            language, str(found["rows"]), *aucs, *(f"{found[name]:.3f}" for name in _LENGTHS)
        )
    console.print(table)


_LENGTHS = ("length", "fair length")


def look(console: Console, result: dict[str, Any]) -> None:
    """The benchmark of looking at answers, one table per part."""
    titles = {
        "protocols": "The local answer judged (grouped folds within the source)",
        "transfer": "A verifier fitted on the other sources, and a prompt classifier it teaches",
    }
    for part, title in titles.items():
        columns = ("case", "method", "APGR", "by p_local", "AUC", "Brier skill", "ECE")
        table = Table(*columns, title=title, title_justify="left")
        for case, methods in result[part].items():
            for method, m in methods.items():
                cells = (_cell(m[k]) if k in m else "" for k in _LOOK_MEASURES)
                table.add_row(case, method, *cells)
        console.print(table)
    strangers = {
        "models": "Models and questions that no fit has seen",
        "kinds": "Kinds of tool calls that no fit has seen, mean over kinds",
        "sources": "Sources that no fit has seen",
    }
    for part, title in strangers.items():
        columns = ("source", "looked at", "AUC within a model", "AUC", "ECE", "mean p", "good")
        table = Table(*columns, title=title, title_justify="left")
        for source, methods in result.get(part, {}).items():
            for method, m in methods.items():
                cells = (_cell(m[k]) if k in m else "" for k in _STRANGER_MEASURES)
                table.add_row(source, method, *cells)
        console.print(table)
    table = Table(
        "case", "policy", "quality", "looks per request", title="Three acts", title_justify="left"
    )
    for case, policies in result["acts"].items():
        for policy, m in policies.items():
            table.add_row(case, policy, _cell(m["quality"]), f"{m['looks']['value']:.2f}")
    console.print(table)


_STRANGER_MEASURES = ("auc_within", "auc", "ece", "mean_p", "good")
_LOOK_MEASURES = ("apgr", "apgr_local", "auc", "brier_skill", "ece")


def verifier(console: Console, described: dict[str, Any]) -> None:
    """How well a verifier tells good local answers on its test rows."""
    table = Table(
        "asked",
        "rows",
        "AUC",
        "Brier skill",
        "ECE",
        title="Is the local answer good? (test rows)",
        title_justify="left",
    )
    for asked, m in described["metrics"].items():
        values = (f"{m[k]:.3f}" for k in ("auc", "brier_skill", "ece"))
        table.add_row(asked, f"{m['rows']:.0f}", *values)
    console.print(table)


def speed(console: Console, result: dict[str, Any]) -> None:
    """Speed and size beside their targets."""
    table = Table("measure", "measured", "target", title="Speed and size", title_justify="left")
    for row in result["measures"]:
        met = "" if row["met"] else "  (missed)"
        table.add_row(row["name"], f"{row['value']:.3g} {row['unit']}{met}", row["target"])
    console.print(table)


def _cell(value: dict[str, float]) -> str:
    if value["low"] == value["high"]:  # one seed has no interval
        return f"{value['value']:.3f}"
    return f"{value['value']:.3f}\n[{value['low']:.3f}, {value['high']:.3f}]"


def streams(console: Console, result: Mapping[str, Any]) -> None:
    """What holding streams costs and brings, a table per source."""
    for source, found in result["sources"].items():
        title = (
            f"{source}: {found['streams']} streams of {found['models']} local models, "
            f"{result['cloud']:.0%} to the cloud, {result['tokens_per_s']:g} tokens a second"
        )
        columns = ("held", "chars", "seconds", "slowest", "spared", "quality", "APGR", "gained")
        table = Table("policy", *columns, title=title, title_justify="left", box=None)
        for policy, m in found["policies"].items():
            shares = f"{m['held']:.0%}", f"{m['chars']:.0f}", f"{m['seconds']:.1f}"
            more = f"{m['slowest']:.1f}", f"{m['spared']:.1%}"
            better = f"{m['quality']['value']:.3f}", f"{m['apgr']['value']:.3f}"
            table.add_row(policy, *shares, *more, *better, _cell(m["apgr gained"]))
        console.print(table)
    everyday = result["everyday"]
    held = ", ".join(f"{w} s {share:.0%}" for w, share in everyday["held"].items())
    console.print(
        f"Everyday, at the default threshold ({everyday['prompts']} prompts, "
        f"{everyday['local']:.0%} of them local): held by stream_wait {held}."
    )


def unmeasured(console: Console, rows: Sequence[Mapping[str, Any]]) -> None:
    """Print what happens to local models that nobody measured, by source."""
    shares = [name for name in rows[0] if name not in ("source", "model", "rows")]
    table = Table("source", Column("local model", overflow="fold"), *shares, box=None)
    for row in rows:
        table.add_row(row["source"], row["model"], *(f"{row[name]:.2f}" for name in shares))
    console.print(table)


def floors(console: Console, rows: Sequence[Mapping[str, Any]]) -> None:
    """How often promised floors are broken, and what they cost."""
    table = Table(Column("source", no_wrap=True), title="Quality floors", title_justify="left")
    for heading in (
        "floor",
        "labels",
        "broken",
        "refused",
        "cloud",
        "best\ncloud",
        "average:\nbroken",
        "\ncloud",
    ):
        table.add_column(heading, justify="right")
    shown = ("broken", "refused", "share", "best", "broken on average", "share on average")
    for row in rows:
        cells = (f"{row[name]:.1%}" for name in shown)
        table.add_row(row["source"], f"{row['floor']:.2f}", str(row["labels"]), *cells)
    console.print(table)
    console.print("Shares of samples of labels, and of requests; average: conformal risk control.")
