"""The outcome log as the learner sees it: requests with features, signals, second opinions."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sqlalchemy import Engine, and_, select

from router.outcomes.export import group_of, request_of
from router.outcomes.kept import features_of, unpack
from router.outcomes.tables import decisions, feedback, opinions
from router.text.features import FeatureExtractor, Features
from router.types import Request
from training.data.dataset import REFERENCE
from training.labels.constants import SOURCES
from training.labels.label import Label, Signal
from training.labels.signals import Served, implicit

_OWN_FEEDBACK = ("judge",)  # sources that nobody can claim over HTTP


@dataclass(frozen=True, kw_only=True)
class Window:
    """Requests of a span of time that have features, in the order of time.

    `frame`: one row per request, index 0..n-1, that of `features`. `signals`: explicit and
    implicit. `soft`: second opinions (decision, group, at, local_model, p_local, p_cloud, weight).
    `digest`: sha256 over all of it; the same log gives the same.
    """

    frame: pd.DataFrame
    features: Features
    signals: list[Signal]
    soft: pd.DataFrame
    digest: str

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def pair(self) -> dict[str, str]:
        """The model of each tier that most requests speak of; the reference where none does."""
        local = self.frame["local_model"].dropna()
        cloud = self.frame.loc[self.frame["tier"] == "cloud", "model"].dropna()
        return {
            tier: str(names.mode().iloc[0]) if len(names) else REFERENCE[tier]
            for tier, names in (("local", local), ("cloud", cloud))
        }

    @property
    def free(self) -> dict[tuple[str, str], float]:
        """(decision, tier) -> what agreement says of the answer, 0..1."""
        return {
            (decision, tier): float(p)
            for tier in ("local", "cloud")
            for decision, p in zip(self.soft["decision"], self.soft[f"p_{tier}"], strict=True)
        }


def read_window(
    engine: Engine, extractor: FeatureExtractor, *, since: float, until: float, maturity_s: float
) -> Window:
    """Everything from `since` to `until` (Unix time in seconds). Raises LogError, DataError."""
    d = decisions.c
    span = and_(d.at >= since, d.at < until)
    with engine.connect() as connection:
        rows = (
            connection.execute(select(decisions).where(span).order_by(d.at, d.id)).mappings().all()
        )
        said = (
            connection.execute(
                select(feedback)
                .join(decisions, d.id == feedback.c.decision_id)
                .where(span)
                .order_by(feedback.c.id)
            )
            .mappings()
            .all()
        )
        second = (
            connection.execute(
                select(opinions)
                .join(decisions, d.id == opinions.c.decision_id)
                .where(span)
                .order_by(opinions.c.id)
            )
            .mappings()
            .all()
        )
    texts = [request_of(row["request"], row["api"]) for row in rows]
    known = [i for i, row in enumerate(rows) if texts[i] is not None or row["features"]]
    features = features_of(
        extractor, [texts[i] for i in known], [rows[i]["features"] for i in known]
    )
    frame = pd.DataFrame(
        [
            {
                **{c: rows[i][c] for c in _COLUMNS},
                "group": _group(texts[i], rows[i]["features"]),
                "text": _name(texts[i], rows[i]["id"]),
                "prompt": _prompt(texts[i]),
            }
            for i in known
        ],
        columns=[*_COLUMNS, "group", "text", "prompt"],
    )
    signals = [*_said(said, frame), *implicit(_served(frame), until, maturity_s)]
    soft = pd.DataFrame(
        [{"decision": r["decision_id"], **{c: r[c] for c in _SOFT}} for r in second],
        columns=["decision", *_SOFT],
    )
    soft = soft[soft["decision"].isin(frame["id"])].drop_duplicates("decision", keep="last")
    soft["group"] = soft["decision"].map(dict(zip(frame["id"], frame["group"], strict=True)))
    soft = soft.reset_index(drop=True)
    return Window(
        frame=frame,
        features=features,
        signals=signals,
        soft=soft,
        digest=_digest(frame, signals, soft),
    )


_COLUMNS = (
    "id",
    "at",
    "key",
    "rule",
    "tier",
    "model",
    "local_model",
    "router_version",
    "p_local",
    "p_cloud",
    "gain",
    "threshold",
    "propensity",
    "explored",
    "escalated",
    "status",
    "checks",
    "cost_usd",
    "cloud_usd",
    "p_local_after",
    "p_cloud_after",
)
_SOFT = ("at", "local_model", "p_local", "p_cloud", "weight")


def _group(text: Request | None, packed: bytes | None) -> str:
    if text is not None:
        return group_of(text.text)
    words = unpack(packed).words.flat if packed else np.zeros(0)
    return hashlib.sha256(np.sort(words).tobytes()).hexdigest()[:16]


def _name(text: Request | None, own: str) -> str:
    return hashlib.sha256(text.text.encode("utf-8", "replace")).hexdigest() if text else own


def _prompt(text: Request | None) -> str:
    return text.text if text is not None else ""


def _said(rows: Sequence[object], frame: pd.DataFrame) -> list[Signal]:
    """Feedback as signals; sources unknown to `training.labels.label` count as a user's."""
    known = frame.set_index("id")
    out = []
    for row in rows:
        values = dict(row)  # type: ignore[call-overload]
        if values["decision_id"] not in known.index:
            continue
        about = known.loc[values["decision_id"]]
        source = values["source"] if values["source"] in (*_OWN_FEEDBACK, "corrected") else "user"
        tier = values["tier"] or about["tier"]
        if tier is None:
            continue
        score = None if SOURCES[source].score is not None else float(values["score"])
        out.append(
            Signal(
                decision=values["decision_id"],
                group=about["group"],
                tier=tier,
                source=source,
                at=float(values["at"]),
                score=score,
                key=values["key"],
            )
        )
    return out


def _served(frame: pd.DataFrame) -> list[Served]:
    answered = frame[frame["status"].eq(200) & frame["tier"].notna()]
    return [
        Served(
            id=r["id"],
            at=r["at"],
            group=r["group"],
            text=r["text"],
            key=r["key"],
            tier=r["tier"],
            rule=r["rule"],
            checks=tuple(json.loads(r["checks"])) if r["checks"] else (),
            escalated=bool(r["escalated"]),
        )
        for r in answered.to_dict("records")
    ]


def _digest(frame: pd.DataFrame, signals: Sequence[Signal], soft: pd.DataFrame) -> str:
    parts = [
        frame[["id", "group", "tier", "local_model"]].to_json(orient="values"),
        repr(sorted(map(repr, signals))),
        soft.to_json(orient="values", double_precision=15),
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def label_rows(labels: Sequence[Label], window: Window, cloud_model: str) -> pd.DataFrame:
    """Labels in the canonical form (`training.data.dataset`), prompt_id being the decision."""
    frame = window.frame.set_index("id")
    rows = []
    for one in labels:
        about = frame.loc[one.decision]
        if one.tier == "local":
            model = about["local_model"]
        else:
            model = about["model"] if about["tier"] == "cloud" else cloud_model
        rows.append(
            {
                "prompt_id": one.decision,
                "group": one.group,
                "source": "log",
                "category": "",
                "prompt": about["prompt"],
                "tier": one.tier,
                "model": model,
                "score": one.score,
                "weight": one.weight,
                "created_at": one.at,
            }
        )
    return pd.DataFrame(rows, columns=_CANONICAL).astype({"score": "float64", "weight": "float64"})


def soft_rows(window: Window, cloud_model: str) -> pd.DataFrame:
    """Second opinions in the canonical form: a row for the local tier and one for the cloud."""
    frame = window.frame.set_index("id")
    sides = []
    for tier in ("local", "cloud"):
        side = window.soft.assign(
            prompt_id=window.soft["decision"],
            source="log",
            category="",
            tier=tier,
            prompt=window.soft["decision"].map(frame["prompt"]),
            model=window.soft["local_model"] if tier == "local" else cloud_model,
            score=window.soft[f"p_{tier}"],
            created_at=window.soft["at"],
        )
        sides.append(side[_CANONICAL])
    return pd.concat(sides, ignore_index=True)


def joined(soft: pd.DataFrame, weak: pd.DataFrame) -> pd.DataFrame:
    """Both kinds of soft rows; of the same request, tier and model the weighted mean."""
    both = pd.concat([soft, weak], ignore_index=True)
    both["sum"] = both["score"] * both["weight"]
    keys = ["prompt_id", "tier", "model"]
    grouped = both.groupby(keys, sort=False)
    first = both.drop_duplicates(keys).set_index(keys)
    weight = grouped["weight"].sum()
    first["score"], first["weight"] = grouped["sum"].sum() / weight, weight
    return first.reset_index()[_CANONICAL].astype({"score": "float64", "weight": "float64"})


_CANONICAL = [
    "prompt_id",
    "group",
    "source",
    "category",
    "prompt",
    "tier",
    "model",
    "score",
    "weight",
    "created_at",
]
