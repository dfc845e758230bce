"""The outcome log as the learner sees it: requests with features, signals, second opinions."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sqlalchemy import Engine

from router.labels.label import Label, Signal
from router.labels.signals import Served, implicit
from router.labels.silence import told_by
from router.labels.sources import SOURCES
from router.monitor.constants import PRIVATE_KIND
from router.outcomes import counts, queries
from router.outcomes.database import open_database
from router.outcomes.export import group_of
from router.outcomes.kept import features_of, is_readable, unpack
from router.outcomes.pieces import Progress, untold
from router.outcomes.queries import ENTRY_COLUMNS, Entry, Opinion, Said
from router.text.asks import asks_for
from router.text.features import FeatureExtractor, Features, stacked
from router.types import BoolArray, FloatArray, IntArray, Request
from training.data.columns import among
from training.data.constants import MOST_SILENT
from training.data.dataset import REFERENCE
from training.data.kept_features import KeptFeatures, keep
from training.data.stored import Stored
from training.engine.base import Engine as Spreading
from training.engine.constants import LOG_ROWS
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
        return self.features.vectors(at)

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
        """(decision, tier) -> what the model that served expected of the answer, 0..1.

        Of the decisions that anybody spoke of: evidence is held against what was said.
        """
        said = {one.decision for one in self.signals if one.source != "quiet"}
        mine = self.frame[among(self.frame["id"], said.union(self.soft["decision"]))]
        known = mine[mine["p_local"].notna() & mine["p_cloud"].notna()]
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
    reader: "FeatureExtractor | Spread",
    *,
    since: float,
    until: float,
    maturity_s: float,
    texts: bool = True,
    learning: bool = True,
    vectors: bool = False,
    told: Progress = untold,
) -> Window:
    """Everything from `since` to `until` (Unix time in seconds). Raises LogError, DataError.

    `reader`: makes the features here, or reads the log in pieces: of a request stay its columns and
    its features, what was said in it besides goes with its piece. `texts`: whether the column
    `prompt` has the text that the features were made of, for people to read; else it is empty.
    `learning`: whether silence is a signal and the digest made, which nobody else asks for.
    `vectors`: of the features embeddings alone, in half the time; nothing can be predicted then.
    `told` hears how many requests are read.
    """
    how = _How(texts=texts, learning=learning, vectors=vectors)
    of = counts.requests(engine, since, until) if told is not untold else 0

    def heard(done: int) -> None:
        told(min(done, of), of)

    if isinstance(reader, Spread):
        lots, features = reader.read(engine, since, until, how, heard)
    else:
        lots = [_read_span(engine, reader, since, until, how, heard)]
        features = lots[0].features
    lots = [lot for lot in lots if len(lot.answered)] or lots[:1]
    answered, words = (np.concatenate([getattr(lot, n) for lot in lots]) for n in _OF_LOTS)
    frame = _joined_columns(lots)
    loud = [
        *_said(queries.said_of(engine, since, until), frame),
        *(happened := implicit(_eventful(frame, answered, words), until, np.inf)),
    ]
    quiet: list[Signal] = []
    if learning:
        spoken = among(frame["id"], [one.decision for one in happened])
        mature = until - frame["at"].to_numpy() >= maturity_s
        quiet = _quiet(frame, answered & ~spoken & mature, loud, maturity_s)
    frame = frame.drop(columns=["checks", *(() if learning else ("at", "key"))])
    soft = _soft(queries.opinions_on(engine, since, until), frame)
    signals = [*loud, *quiet]
    return Window(
        frame=frame,
        features=features,
        signals=signals,
        soft=soft,
        digest=_digest(frame, signals, soft) if learning else "",
    )


@dataclass(frozen=True, kw_only=True)
class _How:
    """What is read of a request; see `read_window`."""

    texts: bool
    learning: bool
    vectors: bool

    @property
    def logged(self) -> tuple[str, ...]:
        """Columns of the log that somebody reads then."""
        left_out = (
            *("router_version", "status", "p_local_after", "p_cloud_after"),
            *(() if self.learning else ("threshold", "explored")),
            *(("model", "local_model") if self.vectors else ()),
        )
        return tuple(c for c in ENTRY_COLUMNS if c not in left_out)

    def made(self, request: Request | None, group: str) -> dict[str, str]:
        """Columns that are made of a request's words, by name."""
        if not self.learning:
            return {"group": group}
        prompt = request.text if request is not None and self.texts else ""
        return {"group": group, "asks": _asks(request), "prompt": prompt}


@dataclass(frozen=True, kw_only=True)
class _Lot:
    """What one span of the log gives, in the order of time.

    `columns`: of the window's frame. `answered` (n,). `words` (n, 2): names the very words.
    """

    columns: dict[str, "pd.Series[Any]"]
    features: Features
    answered: BoolArray
    words: NDArray[np.uint64]


_OF_LOTS = ("answered", "words")


def _joined_columns(lots: Sequence[_Lot]) -> pd.DataFrame:
    """The columns of all lots, which give them up one by one: there is never all of it twice."""
    names = list(lots[0].columns)
    joined = {n: pd.concat([lot.columns.pop(n) for lot in lots], ignore_index=True) for n in names}
    return pd.DataFrame(joined, copy=False)


def _read_span(
    engine: Engine,
    extractor: FeatureExtractor,
    since: float,
    until: float,
    how: _How,
    told: Callable[[int], None] = lambda done: None,
) -> _Lot:
    logged = how.logged
    columns: dict[str, list[Any]] = {c: [] for c in (*logged, *how.made(None, ""))}
    pieces: list[Features] = []
    answered: list[bool] = []
    names: list[bytes] = []
    for read, known in _read(engine, since, until):
        requests, packed = [request for _, request in known], [one.features for one, _ in known]
        pieces.append(features_of(extractor, requests, packed, vectors=how.vectors))
        for number, (one, request) in enumerate(known):
            group = _group(request, pieces[-1].words[number])
            for column in logged:
                columns[column].append(getattr(one, column))
            for column, value in how.made(request, group).items():
                columns[column].append(value)
            answered.append(_is_answered(one))
            names.append(_name(request, one.id))
        told(read)
    features = stacked(pieces) if pieces else features_of(extractor, [], [], vectors=how.vectors)
    return _Lot(
        columns={c: pd.Series(columns.pop(c)) for c in [*columns]},
        features=features,
        answered=np.array(answered, dtype=bool),
        words=np.frombuffer(b"".join(names), dtype=np.uint64).reshape(-1, 2),
    )


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
        self, log: Engine, since: float, until: float, how: _How, told: Callable[[int], None]
    ) -> tuple[list[_Lot], Features]:
        """The span's requests, in order, without features, and these in files.

        `told` hears about how many are read.
        """
        later = queries.spans(log, LOG_ROWS)[1:]
        edges = [since, *(e for e in later if since < e < until), until]
        mark = fingerprint(str(queries.extent(log)), self.url, str(how))
        todo = [
            (str(self.folder / f"span-{fingerprint(mark, a, b)}.safetensors"), a, b)
            for a, b in pairwise(edges)
        ]
        make = partial(_span_reader, self.url, self.extractor, how)
        found: dict[str, _Lot] = {}
        for path, lot in self.engine.map(make, todo):
            found[path] = lot
            told(len(found) * LOG_ROWS)
        lots = [found[path] for path, _, _ in todo]
        kept = [Stored(path) for path, _, _ in todo if len(found[path].answered)]
        return lots, KeptFeatures(kept or [Stored(todo[0][0])])


def _span_reader(
    url: str, extractor: Callable[[], FeatureExtractor], how: _How
) -> Callable[[tuple[str, float, float]], tuple[str, _Lot]]:
    return partial(_keep_span, url, extractor(), how)


def _keep_span(
    url: str, extractor: FeatureExtractor, how: _How, todo: tuple[str, float, float]
) -> tuple[str, _Lot]:
    path, since, until = todo
    engine = open_database(url)
    try:
        lot = _read_span(engine, extractor, since, until, how)
    finally:
        engine.dispose()
    keep(Path(path), lot.features)
    none = lot.features.take(np.zeros(0, dtype=np.int64))
    return path, replace(lot, features=none)


def served_in(engine: Engine, since: float, until: float) -> list[Served]:
    """The answered requests of a span as implicit signals see them, without any features."""
    return [
        _served(one, _group(request, _kept_words(one, request)), _name(request, one.id))
        for _, known in _read(engine, since, until)
        for one, request in known
        if _is_answered(one) and one.tier is not None
    ]


_PIECE = 2048  # requests
_SOFT = ("decision", "at", "local_model", "p_local", "p_cloud", "weight")
# Of second opinions that tell it: both probabilities without the opinion, and as of a stranger's.
OF_PAIR = ("local_alone", "cloud_alone", "local_strangers", "cloud_strangers")


def _read(
    engine: Engine, since: float, until: float
) -> Iterator[tuple[int, list[tuple[Entry, Request | None]]]]:
    """The requests that have words or features, in pieces that are never empty.

    Before each piece stands how many requests of all kinds are read with it.
    """
    done = 0
    for piece in queries.entries(engine, since, until, _PIECE):
        done += len(piece)
        read = [(one, one.request) for one in piece]
        if known := [p for p in read if p[1] is not None or is_readable(p[0].features)]:
            yield done, known


def _asks(request: Request | None) -> str:
    return asks_for(request) if request is not None else PRIVATE_KIND


def _is_answered(one: Entry) -> bool:
    return one.status == 200 and one.tier is not None


def _checks(kept: object) -> tuple[str, ...]:
    try:
        found = json.loads(kept) if isinstance(kept, str) else []
    except (ValueError, RecursionError):
        return ()  # nobody can read it
    return tuple(map(str, found)) if isinstance(found, list) else ()


def _kept_words(one: Entry, request: Request | None) -> IntArray:
    if request is not None or not is_readable(one.features):
        return np.zeros(0, dtype=np.int64)
    return unpack(one.features).words.flat


def _group(request: Request | None, words: IntArray) -> str:
    """Names what says the same; `words`: their ids, which tell where no text was kept."""
    if request is not None:
        return group_of(request.text)
    return hashlib.sha256(words.tobytes()).hexdigest()[:16]


def _name(request: Request | None, own: str) -> bytes:
    """16 bytes that name the very words; of a request without any, the request alone."""
    text = own if request is None else request.text
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()[:16]


def _eventful(frame: pd.DataFrame, answered: BoolArray, words: NDArray[np.uint64]) -> list[Served]:
    """The answered requests that a check found fault with or whose words came again.

    What happened to all others is nothing, so that no object is made of them.
    """
    at = np.flatnonzero(answered & (frame["checks"].notna().to_numpy() | _again(answered, words)))
    rows = zip(at, frame["group"].iloc[at], frame.iloc[at].itertuples(index=False), strict=True)
    return [_served(row, group, words[i].tobytes()) for i, group, row in rows]


def _served(one: Any, group: str, words: bytes) -> Served:
    """Of a request as it was logged, or as the window's frame has it."""
    return Served(
        id=one.id,
        at=one.at,
        group=group,
        text=words.hex(),
        key=one.key if isinstance(one.key, str) else None,
        tier=one.tier,
        rule=one.rule,
        checks=_checks(one.checks),
        escalated=one.escalated,
    )


def _again(answered: BoolArray, words: NDArray[np.uint64]) -> BoolArray:
    """Whose words other answered requests have as well, (n,)."""
    at = np.flatnonzero(answered)
    order = at[np.lexsort(words[at].T)]
    same = (words[order[1:]] == words[order[:-1]]).all(axis=1)
    out = np.zeros(len(answered), dtype=bool)
    out[order[1:][same]] = out[order[:-1][same]] = True
    return out


def _quiet(
    frame: pd.DataFrame, quiet: BoolArray, loud: Sequence[Signal], maturity_s: float
) -> list[Signal]:
    """Silence on the rows `quiet` as far as the audited tell what it is worth; else none.

    All of it has one score, so of a long log MOST_SILENT say what all would. They are drawn by lot:
    by their names, and so the same ones whoever reads the log.
    """
    drawn = frame["audited"].eq(True).to_numpy(dtype=bool)
    mine = frame[quiet & drawn]
    silent = set(zip(mine["id"], mine["tier"], strict=True))
    if (worth := told_by(loud, set(frame.loc[drawn, "id"]), silent)) is None:
        return []
    at = np.flatnonzero(quiet)
    if len(at) > MOST_SILENT:
        lot = pd.util.hash_array(frame["id"].to_numpy(dtype=object)[at])
        at = np.sort(at[np.argsort(lot)[:MOST_SILENT]])
    rows = frame[["id", "group", "tier", "at"]].iloc[at]
    return [
        Signal(
            decision=own,
            group=group,
            tier=tier,
            source="quiet",
            at=at + maturity_s,
            score=worth[0],
            worth=worth[1],
        )
        for own, group, tier, at in zip(*(rows[c] for c in rows), strict=True)
    ]


def _said(rows: Sequence[Said], frame: pd.DataFrame) -> list[Signal]:
    """Feedback as signals; sources unknown to `router.labels.label` count as a user's."""
    mine = frame[among(frame["id"], [one.decision for one in rows])]
    known = dict(zip(mine["id"], zip(mine["group"], mine["tier"], strict=True), strict=True))
    out = []
    for one in rows:
        group, given = known.get(one.decision, ("", None))
        tier = one.tier or (given if isinstance(given, str) else None)
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
    mine = frame[among(frame["id"], soft["decision"])]
    group = dict(zip(mine["id"], mine["group"], strict=True))
    soft = soft[among(soft["decision"], group)].drop_duplicates("decision", keep="last")
    soft["group"] = soft["decision"].map(group)
    return soft.reset_index(drop=True)


def _digest(frame: pd.DataFrame, signals: Sequence[Signal], soft: pd.DataFrame) -> str:
    """sha256 of JSON and of the sorted signals as Python writes a list of them; fed in pieces."""
    out = hashlib.sha256()
    for start in range(0, max(len(frame), 1), _PIECE):
        piece = frame[["id", "group", "tier", "local_model"]].iloc[start : start + _PIECE]
        rows = piece.to_json(orient="values").removeprefix("[").removesuffix("]")
        out.update(f"{',' if start else '['}{rows}".encode())
    out.update(b"]\n[")
    between = b""
    for written in _sorted_words(signals):
        out.update(between + repr(written).encode())
        between = b", "
    out.update(b"]\n" + soft.to_json(orient="values", double_precision=15).encode())
    return out.hexdigest()


def _sorted_words(signals: Sequence[Signal]) -> Iterator[str]:
    """Signals as Python writes them, sorted; the decision stands first, so it is sorted by that."""

    def decision(one: Signal) -> str:
        return repr(one.decision)

    for _, same in groupby(sorted(signals, key=decision), decision):
        yield from sorted(map(repr, same))


def label_rows(labels: Sequence[Label], window: Window, cloud_model: str) -> pd.DataFrame:
    """Labels in the canonical form (`training.data.dataset`), prompt_id being the decision."""
    about = window.frame.set_index("id").loc[[one.decision for one in labels]]
    columns = ("tier", "model", "local_model", "prompt")
    given, of_cloud, of_local, prompt = (about[c].tolist() for c in columns)
    cloud = (m if t == "cloud" else cloud_model for t, m in zip(given, of_cloud, strict=True))
    rows = {
        "prompt_id": [one.decision for one in labels],
        "group": [one.group for one in labels],
        "source": "log",
        "category": "",
        "prompt": prompt,
        "tier": [one.tier for one in labels],
        "model": [
            local if one.tier == "local" else other
            for one, local, other in zip(labels, of_local, cloud, strict=True)
        ],
        "score": [one.score for one in labels],
        "weight": [one.weight for one in labels],
        "created_at": [one.at for one in labels],
    }
    frame = pd.DataFrame(rows if labels else [], columns=_CANONICAL)  # names, also of no label
    return frame.astype({"score": "float64", "weight": "float64"})


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
