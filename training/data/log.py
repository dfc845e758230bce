"""The outcome log as the learner sees it: requests with features, signals, second opinions."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Engine

from router.labels.label import Label, Signal
from router.labels.signals import Served, implicit
from router.labels.silence import weighed
from router.labels.sources import SOURCES
from router.monitor.constants import PRIVATE_KIND
from router.outcomes import queries
from router.outcomes.database import open_database
from router.outcomes.export import group_of
from router.outcomes.kept import features_of, is_readable, unpack
from router.outcomes.queries import ENTRY_COLUMNS, Entry, Opinion, Said
from router.text.asks import asks_for
from router.text.features import FeatureExtractor, Features, stacked
from router.types import FloatArray, IntArray, Request
from training.data.dataset import REFERENCE
from training.data.kept_features import KeptFeatures, keep
from training.data.stored import Stored
from training.engine.base import Engine as Spreading
from training.engine.constants import UNIT_ROWS
from training.engine.stages import fingerprint

_OWN_FEEDBACK = ("judge",)  # sources that nobody can claim over HTTP


@dataclass(frozen=True, kw_only=True)
class Window:
    """Requests of a span of time that have features, in the order of time.

    `frame`: one row per request, index 0..n-1, that of `features`. `signals`: explicit and
    implicit. `soft`: second opinions (decision, group, at, local_model, p_local, p_cloud, weight;
    of a log also second_model and OF_PAIR, NaN where unknown).
    `digest`: sha256 over all of it; the same log gives the same.
    """

    frame: pd.DataFrame
    features: Features
    signals: list[Signal]
    soft: pd.DataFrame
    digest: str

    def __len__(self) -> int:
        return len(self.frame)

    def embeddings(self, at: IntArray) -> FloatArray:
        """Of some requests, (n, d)."""
        return self.features.take(at).embedding

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
    def claims(self) -> dict[tuple[str, str], float]:
        """(decision, tier) -> what the model that served expected of the answer, 0..1."""
        known = self.frame[self.frame["p_local"].notna() & self.frame["p_cloud"].notna()]
        return {
            (decision, tier): float(p)
            for tier in ("local", "cloud")
            for decision, p in zip(known["id"], known[f"p_{tier}"], strict=True)
        }

    @property
    def audit_weights(self) -> dict[str, float]:
        """Audited decision -> weight: one over its propensity, with a mean of 1.

        Where the share was changed, days of a small one would else count for less than they hold.
        """
        known = self.frame[self.frame["audited"].eq(True) & self.frame["audit"].gt(0)]
        if known.empty:
            return {}
        weight = 1 / known["audit"].to_numpy(dtype="float64")
        return dict(zip(known["id"], (weight / weight.mean()).tolist(), strict=True))

    @property
    def free(self) -> dict[tuple[str, str], float]:
        """(decision, tier) -> what agreement says of the answer, 0..1."""
        return {
            (decision, tier): float(p)
            for tier in ("local", "cloud")
            for decision, p in zip(self.soft["decision"], self.soft[f"p_{tier}"], strict=True)
        }


def read_window(
    engine: Engine,
    extractor: FeatureExtractor,
    *,
    since: float,
    until: float,
    maturity_s: float,
    texts: bool = True,
    spread: "Spread | None" = None,
) -> Window:
    """Everything from `since` to `until` (Unix time in seconds). Raises LogError, DataError.

    Read in pieces: of a request stay its columns and its features, what was said in it besides
    goes with its piece. `texts`: whether the column `prompt` has the text that the features were
    made of, for people to read; else it is empty.
    """
    if spread is None:
        lots = [_read_span(engine, extractor, since, until, texts)]
        features = lots[0].features
    else:
        lots, features = spread.read(engine, since, until, texts)
    frame = pd.concat([lot.frame for lot in lots], ignore_index=True)
    served = [one for lot in lots for one in lot.served]
    every = [
        *_said(queries.said_of(engine, since, until), frame),
        *implicit(served, until, maturity_s),
    ]
    signals = weighed(every, set(frame.loc[frame["audited"].eq(True), "id"]))
    soft = _soft(queries.opinions_on(engine, since, until), frame)
    return Window(
        frame=frame,
        features=features,
        signals=signals,
        soft=soft,
        digest=_digest(frame, signals, soft),
    )


@dataclass(frozen=True, kw_only=True)
class _Lot:
    """What one span of the log gives."""

    frame: pd.DataFrame
    features: Features
    served: list[Served]


def _read_span(
    engine: Engine, extractor: FeatureExtractor, since: float, until: float, texts: bool
) -> _Lot:
    columns: dict[str, list[Any]] = {c: [] for c in _COLUMNS}
    pieces: list[Features] = []
    served: list[Served] = []
    for known in _read(engine, since, until):
        requests, packed = [request for _, request in known], [one.features for one, _ in known]
        pieces.append(features_of(extractor, requests, packed))
        for number, (one, request) in enumerate(known):
            about = _named(one, request, pieces[-1].words[number])
            prompt = request.text if request is not None and texts else ""
            for column in ENTRY_COLUMNS:
                columns[column].append(getattr(one, column))
            for column, value in zip(_MADE, (*about, _asks(request), prompt), strict=True):
                columns[column].append(value)
            if (found := _served(one, *about)) is not None:
                served.append(found)
    features = stacked(pieces) if pieces else features_of(extractor, [], [])
    return _Lot(frame=pd.DataFrame(columns), features=features, served=served)


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Reading a log in spans of time, wherever an engine does it; features stay in files.

    `url`: of the log, for the processes. `folder`: for the files. `extractor`: makes the feature
    extractor in each process.
    """

    engine: Spreading
    url: str
    folder: Path
    extractor: Callable[[], FeatureExtractor]

    def read(
        self, log: Engine, since: float, until: float, texts: bool
    ) -> tuple[list[_Lot], Features]:
        """The span's requests, in order, without features, and these in files."""
        later = queries.spans(log, UNIT_ROWS)[1:]
        edges = [since, *(e for e in later if since < e < until), until]
        mark = fingerprint(str(queries.extent(log)), self.url, texts)
        todo = [
            (str(self.folder / f"span-{fingerprint(mark, a, b)}.safetensors"), a, b)
            for a, b in pairwise(edges)
        ]
        make = partial(_span_reader, self.url, self.extractor, texts)
        found = dict(self.engine.map(make, todo))
        lots = [found[path] for path, _, _ in todo]
        kept = [Stored(path) for path, _, _ in todo if len(found[path].frame)]
        return lots, KeptFeatures(kept or [Stored(todo[0][0])])


def _span_reader(
    url: str, extractor: Callable[[], FeatureExtractor], texts: bool
) -> Callable[[tuple[str, float, float]], tuple[str, _Lot]]:
    return partial(_keep_span, url, extractor(), texts)


def _keep_span(
    url: str, extractor: FeatureExtractor, texts: bool, todo: tuple[str, float, float]
) -> tuple[str, _Lot]:
    path, since, until = todo
    engine = open_database(url)
    try:
        lot = _read_span(engine, extractor, since, until, texts)
    finally:
        engine.dispose()
    keep(Path(path), lot.features)
    none = lot.features.take(np.zeros(0, dtype=np.int64))
    return path, replace(lot, features=none)


def served_in(engine: Engine, since: float, until: float) -> list[Served]:
    """The answered requests of a span as implicit signals see them, without any features."""
    return [
        found
        for known in _read(engine, since, until)
        for one, request in known
        if (found := _served(one, *_named(one, request, _kept_words(one, request)))) is not None
    ]


_PIECE = 2048  # requests
_MADE = ("group", "text", "asks", "prompt")
_COLUMNS = (*ENTRY_COLUMNS, *_MADE)
_SOFT = ("decision", "at", "local_model", "p_local", "p_cloud", "weight")
# Of second opinions that tell it: both probabilities without the opinion, and as of a stranger's.
OF_PAIR = ("local_alone", "cloud_alone", "local_strangers", "cloud_strangers")


def _read(
    engine: Engine, since: float, until: float
) -> Iterator[list[tuple[Entry, Request | None]]]:
    """The requests that have words or features, in pieces that are never empty."""
    for piece in queries.entries(engine, since, until, _PIECE):
        read = [(one, one.request) for one in piece]
        if known := [p for p in read if p[1] is not None or is_readable(p[0].features)]:
            yield known


def _named(one: Entry, request: Request | None, words: IntArray) -> tuple[str, str]:
    """What says the same, and the very words: the columns `group` and `text`.

    `words`: ids of the request's words, which tell where no text was kept.
    """
    group = group_of(request.text) if request else hashlib.sha256(words.tobytes()).hexdigest()[:16]
    return group, _name(request, one.id)


def _asks(request: Request | None) -> str:
    return asks_for(request) if request is not None else PRIVATE_KIND


def _served(one: Entry, group: str, text: str) -> Served | None:
    if one.status != 200 or one.tier is None:
        return None
    return Served(
        id=one.id,
        at=one.at,
        group=group,
        text=text,
        key=one.key,
        tier=one.tier,
        rule=one.rule,
        checks=_checks(one.checks),
        escalated=one.escalated,
    )


def _checks(kept: str | None) -> tuple[str, ...]:
    try:
        found = json.loads(kept) if isinstance(kept, str) else []
    except (ValueError, RecursionError):
        return ()  # nobody can read it
    return tuple(map(str, found)) if isinstance(found, list) else ()


def _kept_words(one: Entry, request: Request | None) -> IntArray:
    if request is not None or not is_readable(one.features):
        return np.zeros(0, dtype=np.int64)
    return unpack(one.features).words.flat


def _name(text: Request | None, own: str) -> str:
    return hashlib.sha256(text.text.encode("utf-8", "replace")).hexdigest() if text else own


def _said(rows: Sequence[Said], frame: pd.DataFrame) -> list[Signal]:
    """Feedback as signals; sources unknown to `router.labels.label` count as a user's."""
    known = dict(zip(frame["id"], zip(frame["group"], frame["tier"], strict=True), strict=True))
    out = []
    for one in rows:
        group, given = known.get(one.decision, ("", None))
        tier = one.tier or given
        if one.decision not in known or tier is None:
            continue
        source = one.source if one.source in (*_OWN_FEEDBACK, "corrected") else "user"
        out.append(
            Signal(
                decision=one.decision,
                group=group,
                tier=tier,
                source=source,
                at=one.at,
                score=None if SOURCES[source].score is not None else one.score,
                key=one.key,
            )
        )
    return out


def _soft(rows: Sequence[Opinion], frame: pd.DataFrame) -> pd.DataFrame:
    """The last second opinion on each request of `frame`."""
    soft = pd.DataFrame({c: [getattr(one, c) for one in rows] for c in _SOFT})
    unknown = (float("nan"),) * len(OF_PAIR)
    of_pair = [one.of_pair or unknown for one in rows]
    soft["second_model"] = [one.model for one in rows]
    soft[list(OF_PAIR)] = np.array(of_pair, dtype=np.float64).reshape(-1, len(OF_PAIR))
    soft = soft[soft["decision"].isin(frame["id"])].drop_duplicates("decision", keep="last")
    soft["group"] = soft["decision"].map(dict(zip(frame["id"], frame["group"], strict=True)))
    return soft.reset_index(drop=True)


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
