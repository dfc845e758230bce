"""The whole loop with real models on one machine, and what came of it, as measured.

    python -m tests.real_run.run --local smollm2-135m=http://127.0.0.1:9101 \\
        --second qwen2.5-coder-0.5b=http://127.0.0.1:9102 \\
        --strong qwen2.5-coder-1.5b=http://127.0.0.1:9103 --answers answers.jsonl --out data/traffic

Three models served by llama.cpp (data/traffic/README.md says which). The probes are the traffic:
three fifths are served with exploration and logged, the router studies and learns from that log,
and the rest is routed before and after. Answers are kept in a file, so a run that was cut off goes
on, and the routing passes need no model. The strong model stands in for Claude behind /v1/messages;
prices are those of `PRICED_AS`.
"""

import argparse
import asyncio
import json
import random
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import create_engine, delete, insert

from router.backends.discovery import LocalModel
from router.decide.router import Router
from router.labelling.local import Local
from router.labelling.probes import Probe, load_probes
from router.labelling.probes.checks import passed
from router.labelling.probes.measure import learned_version
from router.labelling.second_opinions import study
from router.outcomes import transfer
from router.outcomes.database import open_database
from router.outcomes.tables import decisions, feedback, opinions
from router.registry import artifact as artifacts
from router.registry.registry import Registry
from router.registry.serving import writable
from router.settings import load_settings, shipped_models
from tests.real_run.models import MAX_TOKENS, Models
from tests.servers.running import Gateway
from tests.servers.upstream import Upstream
from training.evaluate.metrics import curve
from training.run import train_on_log

PRICED_AS = "claude-haiku-4-5"
EXPLORATION, SHARES = 0.2, (0.3, 0.5)
ROUNDS, FEW, PROBED = 1000, 50, 100
A_DAY, DAY_S = 40, 86_400.0


def body_of(probe: Probe) -> list[Any]:
    return [{"role": "user", "content": probe.prompt}]


def split(probes: list[Probe]) -> tuple[list[Probe], list[Probe]]:
    """Three fifths to log, the rest held out; order and sides by one seed."""
    shuffled = list(probes)
    random.Random(7).shuffle(shuffled)
    cut = round(len(shuffled) * 0.6)
    return shuffled[:cut], shuffled[cut:]


def routed(
    folder: Path,
    servers: tuple[Upstream, Upstream],
    probes: list[Probe],
    models_dir: Path,
    **settings: Any,
) -> list[dict[str, Any]]:
    """Send probes through a gateway; the rows of its log, and whether each answer passes."""
    folder.mkdir(parents=True, exist_ok=True)
    out = []
    given = {
        "models_dir": models_dir,
        "cloud_model": PRICED_AS,
        "cloud_api_key": "none",
        "local_url": servers[0].url,
        "cloud_url": servers[1].url,
        **settings,
    }
    with Gateway(folder, **given) as gateway:
        for probe in probes:
            answer = gateway.chat(probe.prompt, temperature=0, max_tokens=MAX_TOKENS)
            answer.raise_for_status()
            text = answer.json()["choices"][0]["message"]["content"] or ""
            out.append({"probe": probe.id, "passed": passed(probe.check, text)})
        rows = gateway.rows()
    return [{**row, **mine} for row, mine in zip(rows, out, strict=True)]


def interval(values: list[float]) -> list[float]:
    """Mean with a 95 % bootstrap interval."""
    x = np.array(values, dtype=float)
    rng = np.random.default_rng(0)
    means = x[rng.integers(0, len(x), (ROUNDS, len(x)))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return [float(x.mean()), float(low), float(high)]


def summed(rows: list[dict[str, Any]], scores: dict[str, tuple[bool, bool]]) -> dict[str, Any]:
    """Quality, share and cost of a pass, beside random routing of the same share."""
    share = float(np.mean([r["tier"] == "cloud" for r in rows]))
    both = np.array([scores[r["probe"]] for r in rows], dtype=float)
    mixed = (1 - share) * both[:, 0] + share * both[:, 1]
    passes = np.array([float(r["passed"]) for r in rows])
    return {
        "quality": interval(passes.tolist()),
        "share": share,
        "usd": sum(r["cost_usd"] for r in rows),
        "random": float(mixed.mean()),
        "better than random": interval((passes - mixed).tolist()),
    }


def training_run(
    base: Path,
    folder: Path,
    servers: tuple[Upstream, Upstream],
    local: str,
    second: str | None,
    graded: int,
    probed: list[Probe],
    scores: dict[str, tuple[bool, bool]],
) -> tuple[Path, dict[str, Any]]:
    """Study and learn on a copy of the log; the models folder and what was learned."""
    folder.mkdir(parents=True)
    shutil.copy(base, folder / "outcomes.db")
    models = folder / "models"
    current = artifacts.resolve(shipped_models())
    shutil.copytree(current, models / current.name)
    Registry(models).promote(current.name)
    settings = load_settings(
        models_dir=models,
        log_url=f"sqlite:///{folder / 'outcomes.db'}",
        local_model=local,
        local_url=servers[0].url,
        cloud_model=PRICED_AS,
    )
    engine = open_database(settings.log_url)
    with engine.begin() as connection:
        rows = connection.execute(feedback.select().order_by(feedback.c.id)).mappings().all()
        connection.execute(delete(feedback))
        kept = [dict(r) for r in random.Random(0).sample(list(rows), graded)]
        if kept:
            connection.execute(insert(feedback), kept)

    probe: dict[str, Any] = {}
    if probed:
        good = {p.id: scores[p.id][0] for p in probed}
        found, _ = learned_version(
            Registry(writable(settings)), LocalModel(name=local), probed, good
        )
        probe = {
            "ability": found.ability,
            "before": found.before,
            "ece": found.ece,
            "ece before": found.ece_before,
            "passed": found.passed,
        }

    async def ask() -> Any:
        async with Local(settings) as there:
            router = Router.from_settings(settings)
            return await study(engine, router, there, second=second or local, budget_s=36000)

    studied = asyncio.run(ask()) if second else None
    engine.dispose()
    run = train_on_log(settings, since=0, until=time.time(), at_once=True)
    learned = {
        "status": run.status,
        "opinions": studied.stored if studied else 0,
        "probe": probe,
        **run.learned.as_dict(),
    }
    if run.status != "promoted":  # measured all the same, as what was refused
        Registry(models).promote(run.learned.artifact.version)
    return models, learned


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("--local", "--second", "--strong"):
        parser.add_argument(name, required=True)
    parser.add_argument("--answers", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    pairs = [getattr(given, n).split("=", 1) for n in ("local", "second", "strong")]
    local, second, strong = (name for name, _ in pairs)
    models = Models(dict(pairs), strong, given.answers)
    probes = load_probes()
    scores = {}
    for n, p in enumerate(probes):
        texts = [models.ask(m, body_of(p), 0)["text"] for m in (local, strong)]
        scores[p.id] = tuple(passed(p.check, t) for t in texts)
        if n % 50 == 49:
            print(f"{n + 1} of {len(probes)} answered by both", flush=True)
    train, held = split(probes)
    work = Path(tempfile.mkdtemp())
    shipped = shipped_models()
    with Upstream(models.local) as home, Upstream(models.cloud) as away:
        servers = home, away
        common = {"local_model": local, "cascade": "off"}
        logged = routed(work / "log", servers, train, shipped, exploration=EXPLORATION, **common)
        grade(work / "log" / "outcomes.db", logged)
        runs = {
            "agreement with itself": (local, 0, 0),
            "agreement with the second": (second, 0, 0),
            f"{PROBED} probes, agreement with the second": (second, 0, PROBED),
            f"agreement with the second, {FEW} graded": (second, FEW, 0),
            "all graded, no agreement": (None, len(logged), 0),
        }
        out: dict[str, Any] = {"runs": {}, "held out": {}}
        folders = {"before": shipped}
        for name, (other, graded, asked) in runs.items():
            folder = work / name.replace(" ", "-").replace(",", "")
            folders[name], out["runs"][name] = training_run(
                work / "log" / "outcomes.db",
                folder,
                servers,
                local,
                other,
                graded,
                train[:asked],
                scores,
            )
        for name, folder in folders.items():
            for cascade in ("off", "second_opinion"):
                for rule in ({}, *({"cloud_share": s} for s in SHARES)):
                    key = f"{name} / cascade {cascade} / {rule or 'default cut'}"
                    rows = routed(
                        work / f"pass-{len(out['held out'])}",
                        servers,
                        held,
                        folder,
                        local_model=local,
                        cascade=cascade,
                        second_model=second,
                        **rule,
                    )
                    out["held out"][key] = summed(rows, scores)
                    print(key, out["held out"][key])
    both = np.array([scores[p.id] for p in held], dtype=float)
    ideal = curve(both[:, 1] - both[:, 0], both[:, 0], both[:, 1])
    out["probes passed"] = {m: by_kind(models, m, probes) for m in models.urls}
    out |= {
        "probes": len(probes),
        "logged": len(train),
        "held": len(held),
        "always local": interval(both[:, 0].tolist()),
        "always strong": interval(both[:, 1].tolist()),
        "oracle": {str(s): float(ideal.quality[round(s * len(held))]) for s in SHARES},
        "models": {"local": local, "second": second, "strong": strong, "priced as": PRICED_AS},
    }
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "measured.json").write_text(json.dumps(out, indent=1) + "\n")
    studied = work / "agreement-with-the-second" / "outcomes.db"
    bundle(studied, work / "log" / "outcomes.db", given.out, strong)


def by_kind(models: Models, model: str, probes: list[Probe]) -> dict[str, float]:
    """Share of each kind of probe that a model passes."""
    good: dict[str, list[bool]] = {}
    for probe in probes:
        text = models.ask(model, body_of(probe), 0)["text"]
        good.setdefault(probe.kind, []).append(passed(probe.check, text))
    return {kind: float(np.mean(found)) for kind, found in sorted(good.items())}


def grade(database: Path, rows: list[dict[str, Any]]) -> None:
    """Store what the checks say of every logged answer as feedback, as given over some days."""
    engine = create_engine(f"sqlite:///{database}")
    with engine.begin() as connection:
        connection.execute(
            insert(feedback),
            [
                {
                    "decision_id": r["id"],
                    "at": r["at"] + i // A_DAY * DAY_S,
                    "key": "checks",
                    "score": float(r["passed"]),
                    "source": "user",
                    "tier": None,
                }
                for i, r in enumerate(rows)
            ],
        )
    engine.dispose()


def bundle(studied: Path, graded: Path, out: Path, strong: str) -> None:
    """The log with its second opinions and grades as text, the stand-in under its true name."""
    target = Path(tempfile.mkdtemp()) / "log.db"
    shutil.copy(studied, target)
    engine, other = (create_engine(f"sqlite:///{p}") for p in (target, graded))
    with engine.begin() as connection, other.connect() as source:
        for row in source.execute(feedback.select()).mappings():
            connection.execute(
                insert(feedback).values(**{k: v for k, v in row.items() if k != "id"})
            )
        cloud = decisions.c.tier == "cloud"
        connection.execute(decisions.update().where(cloud).values(model=f"{strong} (stand-in)"))
        assert connection.execute(opinions.select()).first() is not None
    transfer.dump(engine, out)


if __name__ == "__main__":
    main()
