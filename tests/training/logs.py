"""Outcome logs made of the everyday prompts, with outcomes drawn from a model that is known."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from sqlalchemy import Engine, insert

from router.decide.router import Router
from router.outcomes.database import open_database
from router.outcomes.tables import decisions, feedback, opinions
from tests import ROOT
from training.data.readers import read

LOCAL, CLOUD = "llama3.1:8b", "claude-sonnet-5-5"
START = 1_760_000_000.0
EVERYDAY = ROOT / "data" / "everyday"
Good = Callable[[str], float]


def prompts(count: int, seed: int = 0) -> list[str]:
    texts = read(EVERYDAY).prompts["prompt"].tolist()
    order = np.random.default_rng(seed).permutation(len(texts))[:count]
    return [texts[i] for i in order]


def decision(router: Router, number: int, prompt: str, **more: object) -> dict[str, object]:
    found = router.predict(prompt)
    return {
        "id": f"d{number:05d}",
        "at": START + 600.0 * number,
        "api": "openai",
        "key": None,
        "stream": False,
        "rule": "learned",
        "reason": "x",
        "tier": "local",
        "model": LOCAL,
        "local_model": LOCAL,
        "router_version": router.version,
        "p_local": found.p_local,
        "p_cloud": found.p_cloud,
        "gain": found.gain,
        "threshold": found.threshold,
        "propensity": 1.0,
        "explored": False,
        "escalated": False,
        "status": 200,
        "cost_usd": 0.0,
        "cloud_usd": found.est_cost_usd,
        "answer": "An answer.",
        "request": json.dumps({"messages": [{"role": "user", "content": prompt}]}),
        **more,
    }


def said(number: int, score: float, **more: object) -> dict[str, object]:
    return {
        "decision_id": f"d{number:05d}",
        "at": START + 600.0 * number + 60,
        "key": None,
        "score": score,
        "source": "user",
        "tier": None,
        **more,
    }


def opinion(number: int, p_local: float, p_cloud: float = 0.9) -> dict[str, object]:
    return {
        "decision_id": f"d{number:05d}",
        "at": START,
        "local_model": LOCAL,
        "model": "second",
        "p_local": p_local,
        "p_cloud": p_cloud,
        "agreement": "{}",
        "weight": 0.4,
        "router_version": "x",
    }


def log(
    folder: Path,
    router: Router,
    texts: list[str],
    good: Good,
    *,
    rated: bool = True,
    studied: bool = False,
    seed: int = 0,
) -> Engine:
    """Every prompt answered locally; `good` is the chance of each that the answer is good."""
    engine = open_database(f"sqlite:///{folder / 'outcomes.db'}")
    rng = np.random.default_rng(seed)
    with engine.begin() as connection:
        rows = [decision(router, i, t) for i, t in enumerate(texts)]
        connection.execute(insert(decisions), rows)
        if rated:
            drawn = [said(i, float(rng.random() < good(t))) for i, t in enumerate(texts)]
            connection.execute(insert(feedback), drawn)
        if studied:
            noisy = [np.clip(good(t) + rng.normal(0, 0.1), 0.02, 0.98) for t in texts]
            found = [opinion(i, float(p)) for i, p in enumerate(noisy)]
            connection.execute(insert(opinions), found)
    return engine


def contrary(text: str) -> float:
    """A model that can do nothing with numbers, and all else."""
    return 0.05 if any(c.isdigit() for c in text) else 0.95
