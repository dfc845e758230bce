"""`training.pipelines.prompts` for outcomes that do not fit in memory: the same fit, in pieces.

Features, labels and loss are those of the fit in memory; what differs is that each is computed of a
piece at a time, wherever the engine does it, and that only sums and samples meet. Every stage
leaves its result in a working folder, named after all that went into it, so a run that was killed
goes on after its last whole stage.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from router.decide.heads import sigmoid
from router.decide.shift import fitted_shift
from router.errors import DataError, TrainingError
from router.registry.artifact import Artifact
from router.text.features import SCHEMA, Features, stacked
from router.types import FloatArray, IntArray
from training.data.conversations import conversations
from training.data.dataset import Dataset
from training.data.labels import Division, frame_of
from training.data.pieces import Unit, frames, units
from training.data.splits import PARTS, newest
from training.data.stored import Stored, rated, store
from training.engine.base import Engine, chunked, summed
from training.engine.stages import Stages, fingerprint
from training.evaluate.histogram import histogram, measures
from training.fit import encoder as encoders
from training.fit.constants import FINE_TOLERANCE, FOLDS_PRIOR
from training.fit.design import Scaling, matrix
from training.fit.encoder import EncoderSource, of_artifact
from training.fit.head import (
    TIERS,
    Base,
    Choice,
    Problem,
    Rows,
    ability_name,
    drawn,
    folded,
    part_way,
)
from training.fit.heads import Fitted, base_logits, check_labels, heads_of
from training.fit.summed import Columns, base_terms, counts, fit, logits_of
from training.pipelines.constants import CONVERSATION_ROWS, JUDGED_PROMPTS, TEST_SHARE
from training.pipelines.featurized import featurized
from training.pipelines.prompts import (
    Part,
    Progress,
    Trained,
    base_of,
    finished,
    source_shares,
)


def train_in_pieces(
    places: Sequence[str | Path],
    source: EncoderSource | None,
    *,
    engine: Engine,
    work: Path,
    base: Artifact | None = None,
    version_name: str | None = None,
    strength: float | None = None,
    seed: int = 0,
    skip_bad: bool = False,
    progress: Progress = lambda step: None,
) -> Trained:
    """`training.pipelines.prompts.train` of files, folders or logs (addresses of databases).

    `work`: a folder for what stages leave, which all processes of `engine` can reach. The rows of a
    prompt must follow one another within a file's row group. Of calibration, threshold and test
    part at most JUDGED_PROMPTS prompts each are read whole; the test part's Brier score, ECE and
    AUC are those of all its rows. Raises DataError, LogError, TrainingError.
    """
    if source is None:
        if base is None:
            raise TrainingError("Name an encoder, or a base model to take it from.")
        source = of_artifact(base)
    found = _units(places)
    key, stages, pieces = _started(found, source, engine, work, skip_bad, progress)
    progress("dividing the rows")
    survey = _Survey.of(engine, pieces, base)
    division = survey.division
    made = _made(stages, found, division, source, seed, skip_bad) if base is None else None
    described = survey.described(key)
    if made is not None:
        pieces = [*pieces, made]
        survey = survey.joined(_survey(division, made))
    division = Division(division.later, survey.shares if base is None else None)
    rows = _Fit(
        engine=engine,
        pieces=pieces,
        division=division,
        survey=survey,
        base=base_of(base) if base else None,
        strength=strength,
        seed=seed,
    )
    progress("fitting both heads")
    settings = (seed, strength, base.version if base else None, base and _weights(base))
    fitted = rows.fitted(source, Stages(stages.folder / fingerprint(*settings)))
    judged = _Judged(engine=engine, pieces=pieces, division=division, survey=survey)
    whole = Dataset(pd.DataFrame({"prompt_id": []}), survey.left_out)
    trained = finished(
        fitted,
        judged.part,
        whole,
        source=source,
        base=base,
        name=version_name or f"{key[:10]}-{fingerprint(*settings)[:6]}-{seed}",
        seen=survey.seen(base),
        about={"data": described, "seed": seed},
        progress=progress,
    )
    progress("measuring on all test rows")
    trained.artifact.manifest["metrics"]["all_test_rows"] = judged.measures(trained.fitted)
    return trained


def features_in_pieces(
    places: Sequence[str | Path],
    source: EncoderSource,
    *,
    engine: Engine,
    work: Path,
    progress: Progress = lambda step: None,
) -> list[Stored]:
    """Only the first stage of `train_in_pieces`: what it then finds done."""
    return _started(_units(places), source, engine, work, False, progress)[2]


def _units(places: Sequence[str | Path]) -> list[Unit]:
    found = units(places)
    if not found:
        raise DataError(f"{', '.join(map(str, places))}: there is no row to learn from.")
    return found


def _started(
    found: list[Unit],
    source: EncoderSource,
    engine: Engine,
    work: Path,
    skip_bad: bool,
    progress: Progress,
) -> tuple[str, Stages, list[Stored]]:
    progress("computing features")
    key = fingerprint(SCHEMA, source.description, encoders.digest(source), skip_bad, found)
    stages = Stages(work / key)
    return key, stages, featurized(engine, stages.folder, found, source, skip_bad)


def _weights(base: Artifact) -> str:
    return fingerprint(*(float(base.arrays[n].sum()) for n in ("embedding", "words", "pairs")))


@dataclass(frozen=True, kw_only=True)
class _Survey:
    """What is known of all rows before anything is fitted.

    `prompts`, `groups`: hashes of each prompt, one after the other as in the pieces. Of the part
    `fit`: `sources` -> prompts and weight, `models` of each tier, `labelled`: prompts and labels of
    each tier, `scores`: the lowest and highest. `tier_of`: each model's.
    """

    prompts: NDArray[np.uint64]
    groups: NDArray[np.uint64]
    division: Division
    rows: dict[str, int]
    sources: dict[str, tuple[float, float]]
    every_source: dict[str, int]
    models: dict[str, frozenset[str]]
    labelled: dict[str, tuple[int, int]]
    scores: dict[str, tuple[float, float]]
    tier_of: dict[str, str]
    left_out: dict[str, int]

    @classmethod
    def of(cls, engine: Engine, pieces: Sequence[Stored], base: Artifact | None) -> "_Survey":
        """Of all pieces. Raises DataError where what belongs together is divided."""
        logged = [p for p in pieces if "log_at" in p.names]
        division = Division(_later(logged, base) if logged else None)
        found = engine.apply(_survey, division, [p for p in pieces if p.about["prompts"]])
        whole = next(found)
        whole = _all_joined([whole, *found])
        if len(np.unique(whole.prompts)) < len(whole.prompts):
            raise DataError(
                f"The rows of {len(whole.prompts) - len(np.unique(whole.prompts))} prompts lie "
                "apart; sort the rows by prompt_id, and do not divide a prompt between files or "
                "row groups."
            )
        return whole

    def joined(self, other: "_Survey") -> "_Survey":
        """Of both together."""
        return _all_joined([self, other])

    @property
    def shares(self) -> dict[str, float] | None:
        """See `source_shares`."""
        prompts = {s: n for s, (n, _) in self.sources.items()}
        return source_shares(prompts, {s: w for s, (_, w) in self.sources.items()})

    def seen(self, base: Artifact | None) -> NDArray[np.uint64]:
        """Sorted hashes of all groups but those that test, joined with the base's."""
        mine = np.unique(self.groups[~self.division.within(self.groups, "test")])
        return np.union1d(mine, base.arrays["seen"]) if base else mine

    def described(self, key: str) -> dict[str, Any]:
        """For the manifest."""
        return {
            "sha256": key,
            "rows": sum(self.rows.values()),
            "prompts": len(self.prompts),
            "sources": self.every_source,
            "parts": self.rows,
            "left_out": self.left_out,
        }


def _survey(division: Division, piece: Stored) -> _Survey:
    group, source = piece.array("group"), piece.array("source")
    of, names, models = piece.array("of"), piece.about["sources"], piece.about["models"]
    score, weight, tier = (piece.array(n) for n in ("score", "weight", "tier"))
    inside = {part: division.within(group, part) for part in PARTS}
    mine = inside["fit"]
    fit_rows = np.flatnonzero(mine[of])
    by_tier = {t: fit_rows[tier[fit_rows] == i] for i, t in enumerate(TIERS)}
    weights = np.bincount(source[of[fit_rows]], weights=weight[fit_rows], minlength=len(names))
    return _Survey(
        prompts=piece.array("prompt"),
        groups=group,
        division=division,
        rows={part: int(one[of].sum()) for part, one in inside.items()},
        sources={
            name: (int((mine & (source == i)).sum()), float(weights[i]))
            for i, name in enumerate(names)
        },
        every_source={name: int((source == i).sum()) for i, name in enumerate(names)},
        models={
            t: frozenset(
                ability_name(t, models[i][0]) for i in np.unique(piece.array("model")[at]).tolist()
            )
            for t, at in by_tier.items()
        },
        labelled={t: (len(np.unique(of[at])), len(at)) for t, at in by_tier.items()},
        scores={
            t: (float(score[at].min()), float(score[at].max())) if len(at) else (np.inf, -np.inf)
            for t, at in by_tier.items()
        },
        tier_of=dict(models),
        left_out=piece.about["left_out"],
    )


def _all_joined(found: Sequence[_Survey]) -> _Survey:
    tier_of: dict[str, str] = {}
    for one in found:
        for model, tier in one.tier_of.items():
            if tier_of.setdefault(model, tier) != tier:
                raise DataError(f"The model {model} stands in both tiers; it must be in one.")
    sources = _added(s for one in found for s in one.sources.items())
    labelled = _added(s for one in found for s in one.labelled.items())
    return _Survey(
        prompts=np.concatenate([one.prompts for one in found]),
        groups=np.concatenate([one.groups for one in found]),
        division=found[0].division,
        rows=_counted(one.rows for one in found),
        sources={k: (float(a), float(b)) for k, (a, b) in sources.items()},
        every_source=_counted(one.every_source for one in found),
        models={t: frozenset().union(*(one.models[t] for one in found)) for t in TIERS},
        labelled={k: (int(a), int(b)) for k, (a, b) in labelled.items()},
        scores={
            t: (min(one.scores[t][0] for one in found), max(one.scores[t][1] for one in found))
            for t in TIERS
        },
        tier_of=tier_of,
        left_out=_counted(one.left_out for one in found),
    )


def _added(
    pairs: Iterable[tuple[str, tuple[float, float]]],
) -> dict[str, tuple[float, float]]:
    out: dict[str, tuple[float, float]] = {}
    for name, (a, b) in pairs:
        before = out.get(name, (0, 0))
        out[name] = (before[0] + a, before[1] + b)
    return out


def _counted(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    out: dict[str, int] = {}
    for one in counts:
        for name, n in one.items():
            out[name] = out.get(name, 0) + n
    return out


def _later(pieces: Sequence[Stored], base: Artifact | None) -> NDArray[np.uint64]:
    """Groups of the newest answers of a log, which test, as far as a base has not seen them."""
    groups = np.concatenate([p.array("log_group") for p in pieces])
    at = np.concatenate([p.array("log_at") for p in pieces])
    later = np.array(sorted(newest(pd.Series(groups), pd.Series(at), TEST_SHARE)), dtype=np.uint64)
    return later if base is None else np.setdiff1d(later, base.arrays["seen"])


def _made(
    stages: Stages,
    found: Sequence[Unit],
    division: Division,
    source: EncoderSource,
    seed: int,
    skip_bad: bool,
) -> Stored | None:
    """A piece of conversations, made of the first rows that are fitted on."""
    path = stages.folder / f"conversations-{seed}.safetensors"
    if path.exists():
        return Stored(str(path))
    first, count = [], 0
    for unit in found:
        for frame in frames(unit):
            data = rated(frame, unit.name, skip_bad)
            if data is None:
                continue
            mine = data.rows[division.rows_within(data.rows["group"], "fit")]
            first.append(mine)
            count += len(mine)
        if count >= CONVERSATION_ROWS:
            break
    rows = conversations(pd.concat(first, ignore_index=True).head(CONVERSATION_ROWS), seed)
    if rows.empty:
        return None
    return store(path, iter([rows]), "conversations", source.extractor())


@dataclass(frozen=True, kw_only=True)
class _Fit:
    """Both heads, fitted over pieces as `training.fit.heads.fit_heads` fits them in memory."""

    engine: Engine
    pieces: Sequence[Stored]
    division: Division
    survey: _Survey
    base: Base | None
    strength: float | None
    seed: int

    def fitted(self, source: EncoderSource, stages: Stages) -> Fitted:
        """The heads before calibration. Raises TrainingError for too few labels."""
        for tier in TIERS:
            check_labels(tier, self.survey.labelled[tier][1], *self.survey.scores[tier], self.base)
        vocabulary = len(source.extractor().tokens)
        dimensions = int(source.description["dimensions"])
        scaling = self._scaling(vocabulary, stages)
        choices = {tier: self._choice(tier, scaling) for tier in TIERS}
        names = {
            t: sorted(self.survey.models[t]) if choices[t].c is not None else [] for t in TIERS
        }
        columns = Columns(
            division=self.division,
            scaling=scaling,
            names=names,
            dimensions=dimensions,
            base=self.base,
        )
        c = {t: choice.c for t, choice in choices.items() if choice.c is not None}
        prompts = max(n for n, _ in self.survey.labelled.values())
        found = stages.arrays(
            "weights", "", lambda: fit(self.engine, columns, self.pieces, stages.folder, c, prompts)
        )
        weights, models = [], {}
        for tier in TIERS:
            theta = found.get(tier, np.zeros(columns.width(tier)))
            weight, models[tier] = folded(
                choices[tier],
                theta[:-1],
                float(theta[-1]),
                names[tier],
                tier,
                self.base,
                dimensions,
                vocabulary,
            )
            weights.append(weight)
        strength = {t: str(choice) for t, choice in choices.items()}
        return Fitted(heads_of(weights, scaling), models, strength)

    def _scaling(self, vocabulary: int, stages: Stages) -> Scaling:
        if self.base is not None:
            return Scaling.from_heads(self.base.heads)

        def made() -> dict[str, NDArray[Any]]:
            whole = counts(self.engine, self.division, chunked(self.pieces), vocabulary)
            scaling = Scaling.from_counts(whole)
            return {f.name: np.asarray(getattr(scaling, f.name)) for f in fields(Scaling)}

        return Scaling(**stages.arrays("scaling", "", made))

    def _choice(self, tier: str, scaling: Scaling) -> Choice:
        """As `Problem.choose`, on the same sample."""
        rng = np.random.default_rng(self.seed)
        prompts = self.survey.labelled[tier][0]
        wanted = np.sort(drawn(np.arange(prompts), rng))
        sample, features = self._sample(tier, wanted)
        problem = Problem(
            tier=tier,
            rows=sample,
            columns=matrix(features, scaling),
            base=self.base,
            base_logits=base_logits(self.base, features),
            tolerance=FINE_TOLERANCE,
        )
        choice = problem.tried(sample, self.strength, rng, 1)
        if self.base is None or self.strength is not None or choice.untried:
            return choice
        found = list(self.engine.apply(_priors, (self.base, self.division, tier), self.pieces))
        logit, score, weight = np.concatenate(found, axis=1)
        return part_way(choice, prompts, fitted_shift(logit, score, FOLDS_PRIOR, weight))

    def _sample(self, tier: str, wanted: IntArray) -> tuple[Rows, Features]:
        """The rows of some labelled prompts, numbered as they come, and their features."""
        here = list(self.engine.apply(_labelled, (self.division, tier), self.pieces))
        edges = np.searchsorted(wanted, np.concatenate([[0], np.cumsum(here)]))
        first = np.cumsum([0, *here])
        todo = [
            (piece, wanted[a:b] - before)
            for piece, a, b, before in zip(self.pieces, edges, edges[1:], first, strict=False)
            if b > a
        ]
        found = list(self.engine.apply(_sampled, (self.division, tier), todo))
        offset = np.cumsum([0, *(len(features) for _, features in found)])
        rows = Rows(
            prompt=np.concatenate([r.prompt + o for (r, _), o in zip(found, offset, strict=False)]),
            model=[m for r, _ in found for m in r.model],
            score=np.concatenate([r.score for r, _ in found]),
            weight=np.concatenate([r.weight for r, _ in found]),
            group=np.concatenate([r.group for r, _ in found]),
        )
        return rows, stacked([features for _, features in found])


def _labelled(shared: tuple[Division, str], piece: Stored) -> int:
    """How many prompts of a piece have labels of a tier that are fitted on."""
    division, tier = shared
    return len(np.unique(division.labels(piece, "fit")[tier].prompt))


def _sampled(shared: tuple[Division, str], todo: tuple[Stored, IntArray]) -> tuple[Rows, Features]:
    division, tier = shared
    piece, wanted = todo
    labels = division.labels(piece, "fit")[tier]
    prompts = np.unique(labels.prompt)[wanted]
    at = np.flatnonzero(np.isin(labels.prompt, prompts))
    names = [ability_name(tier, name) for name, _ in piece.about["models"]]
    rows = Rows(
        prompt=np.searchsorted(prompts, labels.prompt[at]),
        model=[names[i] for i in labels.model[at].tolist()],
        score=labels.score[at],
        weight=labels.weight[at],
        group=np.array(piece.groups)[labels.prompt[at]],
    )
    return rows, piece.features(prompts)


def _priors(shared: tuple[Base, Division, str], piece: Stored) -> FloatArray:
    """Of the labels of a tier the base's logit, score and weight, (3, m)."""
    base, division, tier = shared
    labels = division.labels(piece, "fit")[tier]
    names = [ability_name(tier, name) for name, _ in piece.about["models"]]
    out = np.zeros((3, len(labels)))
    for start, block in piece.blocks():
        a, b = np.searchsorted(labels.prompt, [start, start + len(block)])
        if b > a:
            used, at = np.unique(labels.prompt[a:b] - start, return_inverse=True)
            logits = base_logits(base, block.take(used))
            assert logits is not None
            out[0, a:b] = logits[at, TIERS.index(tier)]
    out[0] += base_terms(base, tier, names)[labels.model]
    out[1], out[2] = labels.score, labels.weight
    return out


@dataclass(frozen=True, kw_only=True)
class _Judged:
    """What nothing was fitted on: samples of its parts, and sums over all of the test part."""

    engine: Engine
    pieces: Sequence[Stored]
    division: Division
    survey: _Survey

    def part(self, name: str) -> Part:
        """The rows of a part, of at most about JUDGED_PROMPTS prompts: whole groups, by hash."""
        groups = self.survey.groups
        mine = np.sort(groups[self.division.within(groups, name)])
        last = mine[min(len(mine), JUDGED_PROMPTS) - 1] if len(mine) else np.uint64(0)
        shared = (self.division, name, last)
        found = [one for one in self.engine.apply(_part, shared, self.pieces) if one is not None]
        if not found:
            one = self.pieces[0]
            return Part(rows=frame_of(one, np.zeros(0, int)), features=_any(one), position={})
        offset = np.cumsum([0, *(len(features) for _, features in found)])
        rows = [
            frame.assign(prompt_id=frame["prompt_id"] + before)
            for (frame, _), before in zip(found, offset, strict=False)
        ]
        return Part(
            rows=pd.concat(rows, ignore_index=True),
            features=stacked([features for _, features in found]),
            position={i: i for i in range(int(offset[-1]))},  # type: ignore[misc]
        )

    def measures(self, fitted: Fitted) -> dict[str, dict[str, float]]:
        """Of each tier's head on all rows of the test part, by each answer's own model."""
        found = summed(self.engine, _histograms, (self.division, fitted), self.pieces)
        return {tier: measures(one) for tier, one in zip(TIERS, found, strict=True)}


def _any(piece: Stored) -> Features:
    """One prompt's features, as a placeholder where there is no row."""
    return piece.features(np.zeros(1, dtype=np.int64))


def _part(
    shared: tuple[Division, str, np.uint64], piece: Stored
) -> tuple[pd.DataFrame, Features] | None:
    division, name, last = shared
    groups = piece.array("group")
    at = np.flatnonzero(division.within(groups, name) & (groups <= last))
    if not len(at):
        return None
    return frame_of(piece, at), piece.features(at)


def _histograms(shared: tuple[Division, Fitted], piece: Stored) -> NDArray[np.float64]:
    division, fitted = shared
    labels = division.labels(piece, "test")
    mine = division.within(piece.array("group"), "test")
    logits = logits_of(fitted.heads, piece, mine)
    out = []
    for index, tier in enumerate(TIERS):
        one = labels[tier]
        names = [ability_name(tier, name) for name, _ in piece.about["models"]]
        term = np.array([fitted.ability(tier, name) for name in names])
        slope = fitted.heads.calibration[index, 0]
        p = sigmoid(logits[one.prompt, index] + slope * term[one.model])
        out.append(histogram(p, one.score))
    return np.stack(out)
