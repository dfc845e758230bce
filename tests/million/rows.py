"""A long outcome log, as a busy gateway of half a year leaves it: any number of rows, by a seed.

Words are those of `data/`: prompts of people and probes, each made its own by a few more words, and
answers of real models. Decisions are the shipped model's. The shares of each kind of row are chosen
so that every question to the log finds something.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any
from uuid import UUID

import numpy as np
from sqlalchemy import Engine, Table, insert

from router.decide.router import Router
from router.outcomes.kept import pack
from router.outcomes.tables import decisions, events, feedback, opinions, reservations, shadow
from router.text.request import request_from_body
from tests import ROOT

DAY_S = 86_400.0
DAYS = 180.0
PIECE = 2000  # rows of one transaction
KEYS = ("laptop", "agent", "phone", "home", None)
KEY_SHARES = (0.35, 0.3, 0.15, 0.1, 0.1)
# Shares of requests.
PRIVATE, UNKEPT, EXPLICIT, FAILED, EXPLORED, AGENTS = 0.08, 0.12, 0.1, 0.02, 0.05, 0.02
AUDITED, RATED, STUDIED, SHADOWED, FAULTY = 0.02, 0.03, 0.02, 0.01, 0.03
_SYLLABLES = tuple(consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeiou")
_SYSTEM = "You are an agent that edits files. Read before you write, and say what you did. " * 60
_TOOL = {
    "type": "function",
    "function": {"name": "read_file", "description": "Read one file. " * 30},
}


@dataclass(frozen=True)
class Known:
    """A prompt with what the shipped model says of it, and its features as bytes."""

    prompt: str
    p_local: float
    p_cloud: float
    threshold: float
    features: bytes


def pool(count: int = 2000) -> list[Known]:
    """Prompts of `data/`, as the shipped model judges them."""
    texts = []
    for name in ("everyday", "probes"):
        for path in sorted((ROOT / "data" / name).glob("*.jsonl")):
            for line in path.read_text(encoding="utf-8").splitlines():
                texts.append(str(json.loads(line)["prompt"]))
    texts = [texts[i] for i in np.random.default_rng(3).permutation(len(texts))[:count]]
    router = Router.load(ROOT / "models" / "current")
    requests = [request_from_body(_body(text, "", False), False) for text in texts]
    found = router.decide_batch(requests)
    features = router.extractor.extract(requests)
    return [
        Known(text, one.p_local, one.p_cloud, one.threshold, pack(features.take(np.array([i]))))
        for i, (text, one) in enumerate(zip(texts, found, strict=True))
    ]


def write(
    engine: Engine,
    count: int,
    *,
    until: float,
    seed: int = 0,
    days: float = DAYS,
    known: Sequence[Known] = (),
) -> None:
    """Fill an empty log with `count` requests that end at `until` (Unix time in seconds).

    `known`: prompts that they are made of, by default `pool()`.
    """
    _Log(count, until, seed, days, known or pool()).into(engine)


class _Log:
    def __init__(
        self, count: int, until: float, seed: int, days: float, known: Sequence[Known]
    ) -> None:
        self.count, self.until, self.days, self.pool = count, until, days, known
        self.rng = np.random.default_rng(seed)
        traffic = (ROOT / "data" / "traffic" / "decisions.jsonl").read_text(encoding="utf-8")
        self.real = [json.loads(line) for line in traffic.splitlines()]

    def into(self, engine: Engine) -> None:
        rows = self._rows()
        while piece := list(islice(rows, PIECE)):
            with engine.begin() as connection:
                connection.execute(insert(decisions), piece)
                for table, beside in self._beside(piece):
                    if beside:
                        connection.execute(insert(table), beside)
        with engine.begin() as connection:
            connection.execute(insert(events), self._events())

    def _rows(self) -> Iterator[dict[str, Any]]:
        """Requests in the order of time: sessions of a key, most of them by day."""
        rng, at = self.rng, self._times()
        key, left = None, 0
        for number in range(self.count):
            if not left:
                key, left = KEYS[rng.choice(len(KEYS), p=KEY_SHARES)], int(rng.geometric(0.15))
            left -= 1
            yield self._row(number, float(at[number]), key)

    def _times(self) -> Any:
        """More by day than by night, and more from month to month."""
        day = self.days * np.sqrt(self.rng.random(self.count))
        hour = np.clip(self.rng.normal(14.0, 4.0, self.count), 0, 23.99) / 24
        at = self.until - self.days * DAY_S + (np.floor(day) + hour) * DAY_S
        return np.sort(np.minimum(at, self.until))

    def _row(self, number: int, at: float, key: str | None) -> dict[str, Any]:
        draw = self.rng.random(8)
        about = self.pool[int(draw[0] * len(self.pool))]
        real = self.real[int(draw[1] * len(self.real))]
        private, failed = draw[2] < PRIVATE, draw[3] < FAILED
        explicit = not private and draw[4] < EXPLICIT
        explored = not private and not explicit and draw[5] < EXPLORED
        gain = about.p_cloud - about.p_local
        chosen = "cloud" if gain > about.threshold else "local"
        tier = chosen if not explored else {"cloud": "local", "local": "cloud"}[chosen]
        if private:
            tier = "local"
        cloud = tier == "cloud"
        words = not private and draw[6] >= UNKEPT
        agent = words and draw[7] < AGENTS
        tokens = 20 + len(about.prompt) // 4 + (4000 if agent else 0)
        cloud_usd = (3 * tokens + 15 * real["output_tokens"]) / 1e6
        late = number > self.count // 2  # the shipped version serves since then, another before
        body = _body(about.prompt, self._own(), agent)
        return _BLANK | {
            "id": f"{round(at * 1000):012x}{UUID(bytes=self.rng.bytes(16), version=4).hex[12:]}",
            "at": at,
            "api": "openai",
            "key": key,
            "stream": bool(number % 2),
            "kind": "step" if agent else "request",
            "rule": "private" if private else "explicit" if explicit else _rule(explored),
            "reason": real["reason"],
            "trail": real["trail"],
            "tier": None if failed else tier,
            "model": None if failed else "claude-sonnet-5-5" if cloud else "llama3.1:8b",
            "local_model": "llama3.1:8b",
            "router_version": "default-3" if late else "default-2",
            "policy_version": "b50fccea",
            "p_local": about.p_local,
            "p_cloud": about.p_cloud,
            "gain": gain,
            "threshold": about.threshold,
            "propensity": 1.0 if private or explicit else EXPLORED if explored else 1 - EXPLORED,
            "explored": explored,
            "audited": words and float(self.rng.random()) < AUDITED,
            "audit": AUDITED if words else None,
            "private_kinds": '["email"]' if private else None,
            "cascade": "checks",
            "checks": '["empty"]' if float(self.rng.random()) < FAULTY else None,
            "p_local_after": None if cloud else about.p_local,
            "p_cloud_after": None if cloud else about.p_cloud,
            "escalated": False,
            "status": 503 if failed else 200,
            "error": "local_unreachable" if failed else None,
            "finish": real["finish"],
            "input_tokens": tokens,
            "output_tokens": real["output_tokens"],
            "cost_usd": cloud_usd if cloud and not failed else 0.0,
            "cloud_usd": cloud_usd,
            "cache_usd": 0.0,
            "switch_usd": 0.0,
            "latency_s": real["latency_s"] * (1 + float(draw[7])),
            "first_token_s": real["latency_s"] / 3 if number % 2 else None,
            "request": json.dumps(body, ensure_ascii=False) if words else None,
            "answer": real["answer"] if words and not failed else None,
            "features": None if words or private else about.features,
        }

    def _own(self) -> str:
        """Words that make a prompt one of its kind: digits alone would not."""
        picked = self.rng.integers(0, len(_SYLLABLES), (3, 3))
        return " ".join("".join(_SYLLABLES[i] for i in word) for word in picked)

    def _beside(
        self, rows: Sequence[dict[str, Any]]
    ) -> Iterator[tuple[Table, list[dict[str, Any]]]]:
        """What else is known of some of these requests."""
        rng = self.rng
        answered = [row for row in rows if row["tier"] is not None]
        rated = [r for r in answered if rng.random() < (0.3 if r["audited"] else RATED)]
        yield (
            feedback,
            [
                {
                    "decision_id": row["id"],
                    "at": min(row["at"] + 60, self.until),
                    "key": row["key"],
                    "score": float(
                        rng.random() < row["p_local" if row["tier"] == "local" else "p_cloud"]
                    ),
                    "source": "user" if rng.random() < 0.9 else "judge",
                    "tier": None,
                }
                for row in rated
            ],
        )
        yield (
            opinions,
            [self._opinion(r) for r in answered if r["request"] and rng.random() < STUDIED],
        )
        yield (
            shadow,
            [
                {k: r[k] for k in ("at", "p_local", "p_cloud", "threshold", "tier")}
                | {"decision_id": r["id"], "version": "learned-1"}
                for r in answered
                if rng.random() < SHADOWED
            ],
        )
        yield reservations, [_paid(row) for row in answered if row["tier"] == "cloud"]

    def _opinion(self, row: dict[str, Any]) -> dict[str, Any]:
        p, q = row["p_local"], row["p_cloud"]
        moved = float(np.clip(p + self.rng.normal(0, 0.2), 0.02, 0.98))
        alone = {"p_local alone": p, "p_cloud alone": q}
        strangers = {"p_local, strangers": moved, "p_cloud, strangers": q}
        return {
            "decision_id": row["id"],
            "at": min(row["at"] + 3600, self.until),
            "local_model": row["local_model"],
            "model": "qwen2.5:3b",
            "answer": self.real[0]["answer"],
            "p_local": moved,
            "p_cloud": q,
            "agreement": json.dumps({"words": 0.5, **alone, **strangers}),
            "weight": 0.3,
            "router_version": row["router_version"],
        }

    def _events(self) -> list[dict[str, Any]]:
        return [
            {
                "at": self.until - k * DAY_S,
                "kind": "alarm",
                "version": "default-3",
                "words": "The last 200 requests are about other things than those learned from.",
            }
            for k in range(round(self.days), 0, -1)
        ]


_BLANK: dict[str, Any] = dict.fromkeys(c.name for c in decisions.columns)


def _rule(explored: bool) -> str:
    return "exploration" if explored else "learned"


def _body(prompt: str, own: str, agent: bool) -> dict[str, Any]:
    asked = {"role": "user", "content": f"{prompt} {own}" if own else prompt}
    if not agent:
        return {"messages": [asked]}
    return {"messages": [{"role": "system", "content": _SYSTEM}, asked], "tools": [_TOOL] * 12}


def _paid(row: dict[str, Any]) -> dict[str, Any]:
    moment = datetime.fromtimestamp(row["at"], UTC)
    return {
        "id": row["id"],
        "at": row["at"],
        "key": row["key"],
        "day": f"{moment:%Y-%m-%d}",
        "month": f"{moment:%Y-%m}",
        "usd": row["cost_usd"],
        "settled": True,
    }
