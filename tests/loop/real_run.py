"""The whole loop with real models on one machine, and what came of it, as measured.

    python -m tests.loop.real_run --local smollm2-135m=http://127.0.0.1:9101 \\
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
import hashlib
import json
import random
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from sqlalchemy import create_engine, delete, insert

from router import artifact as artifacts
from router.config import load_settings, shipped_models
from router.loop.local import Local
from router.loop.study import study
from router.outcomes import transfer
from router.outcomes.database import open_database
from router.outcomes.tables import decisions, feedback, opinions
from router.predict import Router
from router.probes import Probe, load_probes
from router.probes.checks import passed
from tests.gateway.running import Gateway
from tests.gateway.upstream import Connection, Got, Upstream, claude_said, said
from training.metrics import curve
from training.teach import teach

PRICED_AS = "claude-haiku-4-5"
EXPLORATION, MAX_TOKENS, SHARES = 0.2, 200, (0.3, 0.5)
ROUNDS, FEW = 1000, 50
_TOKENS = (("input", "prompt"), ("output", "completion"))


class Models:
    """Real models behind one local server and one that speaks Anthropic; answers are kept."""

    def __init__(self, urls: dict[str, str], strong: str, path: Path) -> None:
        self.urls, self.strong, self._path = urls, strong, path
        self._known: dict[str, Any] = {}
        if path.exists():
            for line in path.read_text().splitlines():
                row = json.loads(line)
                self._known[row["key"]] = row["answer"]
        self._http = httpx.Client(timeout=600)

    def ask(self, model: str, messages: list[Any], temperature: float) -> dict[str, Any]:
        """A chat completion, greedy or sampled once."""
        messages = [{"role": m["role"], "content": plain(m["content"])} for m in messages]
        body = {
            "messages": messages,
            "temperature": temperature,
            "max_tokens": MAX_TOKENS,
            "seed": 1,
        }
        key = hashlib.sha256(json.dumps([model, body], sort_keys=True).encode()).hexdigest()
        if key not in self._known:
            url = f"{self.urls[model]}/v1/chat/completions"
            answer = self._http.post(url, json={**body, "model": model}).raise_for_status().json()
            kept = {
                "text": answer["choices"][0]["message"]["content"] or "",
                "finish": answer["choices"][0]["finish_reason"], "usage": answer["usage"],
            }  # fmt: skip
            self._known[key] = kept
            with self._path.open("a") as out:
                out.write(json.dumps({"key": key, "model": model, "answer": kept}) + "\n")
        found: dict[str, Any] = self._known[key]
        return found

    async def local(self, connection: Connection, got: Got) -> None:
        """One local server with the small models."""
        names = [m for m in self.urls if m != self.strong]
        if got.path == "/v1/models":
            return await connection.json({"data": [{"id": m, "object": "model"} for m in names]})
        if got.path != "/v1/chat/completions":
            return await connection.json({"error": "not found"}, 404)
        body = got.body
        found = await asyncio.to_thread(
            self.ask, body["model"], body["messages"], body.get("temperature", 0)
        )
        usage = found["usage"]
        answer = said(found["text"], body["model"], prompt_tokens=usage["prompt_tokens"],
                      completion_tokens=usage["completion_tokens"])  # fmt: skip
        answer["choices"][0]["finish_reason"] = found["finish"]
        return await connection.json(answer)

    async def cloud(self, connection: Connection, got: Got) -> None:
        """The strong model, as Claude is asked."""
        if not got.path.endswith("/v1/messages"):
            return await connection.json({"data": []})
        found = await asyncio.to_thread(self.ask, self.strong, got.body["messages"], 0)
        usage = found["usage"]
        spent = {f"{n}_tokens": usage[f"{m}_tokens"] for n, m in _TOKENS}
        return await connection.json(claude_said(found["text"], usage=spent))


def plain(content: Any) -> str:
    """Text of a message, whichever dialect it is written in."""
    return content if isinstance(content, str) else "".join(block["text"] for block in content)


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
    given = {"models_dir": models_dir, "cloud_model": PRICED_AS, "cloud_api_key": "none",
             "local_url": servers[0].url, "cloud_url": servers[1].url, **settings}  # fmt: skip
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
        "quality": interval(passes.tolist()), "share": share,
        "usd": sum(r["cost_usd"] for r in rows),
        "random": float(mixed.mean()), "better than random": interval((passes - mixed).tolist()),
    }  # fmt: skip


def lesson(
    base: Path, folder: Path, servers: tuple[Upstream, Upstream], local: str, second: str | None,
    graded: int,
) -> tuple[Path, dict[str, Any]]:  # fmt: skip
    """Study and learn on a copy of the log; the models folder and what was learned."""
    folder.mkdir(parents=True)
    shutil.copy(base, folder / "outcomes.db")
    models = folder / "models"
    current = artifacts.resolve(shipped_models())
    shutil.copytree(current, models / current.name)
    artifacts.point_current(models, current.name)
    settings = load_settings(
        models_dir=models, log_url=f"sqlite:///{folder / 'outcomes.db'}", local_model=local,
        local_url=servers[0].url, cloud_model=PRICED_AS,
    )  # fmt: skip
    engine = open_database(settings.log_url)
    with engine.begin() as connection:
        rows = connection.execute(feedback.select().order_by(feedback.c.id)).mappings().all()
        connection.execute(delete(feedback))
        kept = [dict(r) for r in random.Random(0).sample(list(rows), graded)]
        if kept:
            connection.execute(insert(feedback), kept)

    async def ask() -> Any:
        async with Local(settings) as there:
            router = Router.from_settings(settings)
            return await study(engine, router, there, second=second or local, budget_s=36000)

    studied = asyncio.run(ask()) if second else None
    engine.dispose()
    taught = teach(settings, since=0, until=time.time(), at_once=True)
    found = {"status": taught.status, "opinions": studied.stored if studied else 0,
             **taught.lesson.as_dict()}  # fmt: skip
    if taught.status != "promoted":  # measured all the same, as what was refused
        artifacts.point_current(models, taught.lesson.artifact.version)
    return models, found


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
        lessons = {
            "agreement with itself": (local, 0), "agreement with the second": (second, 0),
            f"agreement with the second, {FEW} graded": (second, FEW),
            "all graded, no agreement": (None, len(logged)),
        }  # fmt: skip
        out: dict[str, Any] = {"lessons": {}, "held out": {}}
        folders = {"before": shipped}
        for name, (other, graded) in lessons.items():
            folder = work / name.replace(" ", "-").replace(",", "")
            folders[name], out["lessons"][name] = lesson(
                work / "log" / "outcomes.db", folder, servers, local, other, graded
            )
        for name, folder in folders.items():
            for cascade in ("off", "second_opinion"):
                for rule in ({}, *({"cloud_share": s} for s in SHARES)):
                    key = f"{name} / cascade {cascade} / {rule or 'default cut'}"
                    rows = routed(
                        work / f"pass-{len(out['held out'])}", servers, held, folder,
                        local_model=local, cascade=cascade, second_model=second, **rule,
                    )  # fmt: skip
                    out["held out"][key] = summed(rows, scores)
                    print(key, out["held out"][key])
    both = np.array([scores[p.id] for p in held], dtype=float)
    ideal = curve(both[:, 1] - both[:, 0], both[:, 0], both[:, 1])
    out |= {
        "probes": len(probes), "logged": len(train), "held": len(held),
        "always local": interval(both[:, 0].tolist()),
        "always strong": interval(both[:, 1].tolist()),
        "oracle": {str(s): float(ideal.quality[round(s * len(held))]) for s in SHARES},
        "models": {"local": local, "second": second, "strong": strong, "priced as": PRICED_AS},
    }  # fmt: skip
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "measured.json").write_text(json.dumps(out, indent=1) + "\n")
    studied = work / "agreement-with-the-second" / "outcomes.db"
    bundle(studied, work / "log" / "outcomes.db", given.out, strong)


def grade(database: Path, rows: list[dict[str, Any]]) -> None:
    """Store what the checks say of every logged answer as feedback."""
    engine = create_engine(f"sqlite:///{database}")
    with engine.begin() as connection:
        connection.execute(
            insert(feedback),
            [{"decision_id": r["id"], "at": r["at"], "key": "checks", "score": float(r["passed"]),
              "source": "user", "tier": None} for r in rows],
        )  # fmt: skip
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
