"""A fit in pieces beside the fit in memory, and what happens to it when a process dies."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from router.errors import DataError, MissingExtra, TrainingError
from router.outcomes import export, transfer
from router.outcomes.database import open_database
from router.registry.artifact import Artifact
from router.text.features import Features
from tests import ROOT
from tests.servers.fixtures import free_port
from tests.servers.postgres import Postgres, programs
from training.bench.rows import write
from training.data import log as logs
from training.data.dataset import Dataset, checked
from training.data.featurize import featurize
from training.data.log import read_window
from training.data.pieces import frames, units
from training.data.splits import parts
from training.engine.base import Engine
from training.engine.local import Local
from training.engine.on_ray import OnRay
from training.evaluate.metrics import auc
from training.fit.encoder import of_artifact
from training.pipelines.in_pieces import train_in_pieces
from training.pipelines.prompts import Trained, train
from training.run import reading

pytestmark = pytest.mark.slow
EQUAL = 1e-3  # in probability: as near as a fit in pieces must be to that in memory
STRENGTH = 0.01  # fewer passes than the default takes
TRAFFIC = ROOT / "data" / "traffic"


@pytest.fixture(scope="module")
def rows(small: Dataset) -> Dataset:
    """The rows of a prompt one after the other, as pieces need them."""
    return checked(small.rows.sort_values("prompt_id", kind="stable"), "sorted")


@pytest.fixture(scope="module")
def parquet(rows: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three files, the last with several row groups."""
    folder = tmp_path_factory.mktemp("parquet")
    for i, (a, b) in enumerate(((0, 300), (300, 600), (600, len(rows)))):
        frame = rows.rows.iloc[a:b].assign(created_at=None)
        frame.to_parquet(folder / f"{i}.parquet", index=False, row_group_size=150 if i > 1 else 300)
    return folder


@pytest.fixture(scope="module")
def features(rows: Dataset, shipped: Artifact) -> Features:
    return featurize(of_artifact(shipped).extractor(), rows.requests, cache=False)


@pytest.fixture(scope="module")
def over_ray() -> Iterator[OnRay]:
    pytest.importorskip("ray", reason="needs the [ray] extra; `make test-ray` installs it")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        engine = OnRay(workers=2)
        yield engine
        engine.close()


@pytest.fixture(scope="module")
def in_pieces(
    parquet: Path, shipped: Artifact, tmp_path_factory: pytest.TempPathFactory
) -> Trained:
    return fitted(parquet, shipped, tmp_path_factory.mktemp("work"), Local())


def fitted(place: Path, shipped: Artifact, work: Path, engine: Engine, **more: Any) -> Trained:
    source = None if "base" in more else of_artifact(shipped)
    settings = {"version_name": "p", "strength": STRENGTH, **more}
    return train_in_pieces([place], source, engine=engine, work=work, **settings)


def apart(first: Trained, second: Trained, features: Features) -> float:
    """The farthest that two fits are apart, in probability, over models of either tier."""
    pairs = [
        {"local": local, "cloud": "claude-sonnet-5-5"} for local in ("llama3.1:8b", "gemma-2-2b-it")
    ]
    sides = [
        np.abs(a - b).max()
        for pair in pairs
        for a, b in zip(
            first.fitted.predict(features, pair), second.fitted.predict(features, pair), strict=True
        )
    ]
    return float(max(sides))


def same_arrays(first: Trained, second: Trained) -> bool:
    a, b = first.artifact.arrays, second.artifact.arrays
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


def test_a_fit_in_pieces_is_the_fit_in_memory(
    rows: Dataset, in_pieces: Trained, shipped: Artifact, features: Features
) -> None:
    whole = train(rows, of_artifact(shipped), version_name="m", strength=STRENGTH)
    assert apart(whole, in_pieces, features) < EQUAL
    memory, pieces = whole.artifact, in_pieces.artifact
    for name in ("seen", "word_idf", "pair_idf", "syllable_idf"):
        assert np.array_equal(memory.arrays[name], pieces.arrays[name]), name
    assert memory.arrays["reference"] == pytest.approx(pieces.arrays["reference"], abs=EQUAL)
    assert memory.manifest["threshold"] == pytest.approx(pieces.manifest["threshold"], abs=EQUAL)
    for key in ("rows", "prompts", "parts", "sources"):
        assert memory.manifest["data"][key] == pieces.manifest["data"][key], key
    found = pieces.manifest["metrics"]["overall"]["apgr"]["value"]
    assert memory.manifest["metrics"]["overall"]["apgr"]["value"] == pytest.approx(found, abs=0.01)


def test_a_fit_in_pieces_on_a_base_is_the_one_in_memory(
    rows: Dataset, parquet: Path, shipped: Artifact, features: Features, tmp_path: Path
) -> None:
    whole = train(rows, None, base=shipped, version_name="m")
    pieces = fitted(parquet, shipped, tmp_path, Local(), base=shipped, strength=None)
    assert apart(whole, pieces, features) < EQUAL
    assert whole.fitted.strength == pieces.fitted.strength


def test_measures_as_sums_are_those_of_all_test_rows(
    rows: Dataset, in_pieces: Trained, features: Features
) -> None:
    position = {p: i for i, p in enumerate(rows.prompts["prompt_id"])}
    mine = rows.rows[(parts(rows.rows["group"]) == "test") & (rows.rows["tier"] == "local").values]
    p = np.zeros(len(mine))
    for model in mine["model"].unique():
        at = np.flatnonzero(mine["model"] == model)
        where = mine["prompt_id"].map(position).to_numpy()[at]
        pair = {"local": model, "cloud": "claude-sonnet-5-5"}
        p[at] = in_pieces.fitted.predict(features.take(where), pair)[0]
    y = mine["score"].to_numpy()
    told = in_pieces.artifact.manifest["metrics"]["all_test_rows"]["local"]
    assert told["rows"] == len(mine)
    assert told["brier"] == pytest.approx(float(((p - y) ** 2).mean()), abs=1e-3)
    assert told["auc"] == pytest.approx(auc(p, y), abs=2e-3)


def test_ray_gives_the_same_bits_even_where_a_worker_is_killed_in_each_stage(
    parquet: Path, shipped: Artifact, tmp_path: Path, in_pieces: Trained, over_ray: OnRay
) -> None:
    killing = Killing(over_ray, tmp_path)
    assert same_arrays(in_pieces, fitted(parquet, shipped, tmp_path / "work", killing))
    assert {p.name for p in tmp_path.glob("*.killed")} == {"map.killed", "apply.killed"}


def test_a_log_is_read_over_ray_as_it_is_here(
    shipped: Artifact, tmp_path: Path, over_ray: OnRay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "LOG_ROWS", 150)
    url = f"sqlite:///{tmp_path / 'log.db'}"
    engine = open_database(url)
    transfer.load(TRAFFIC, engine)
    over = reading(over_ray, tmp_path, url, shipped)
    span = {"since": 0.0, "until": 4e9, "maturity_s": 3600.0, "texts": False}
    here, there = (
        read_window(engine, reader, **span)  # type: ignore[arg-type]
        for reader in (over.extractor(), over)
    )
    engine.dispose()
    assert here.digest == there.digest and here.signals == there.signals
    at = np.arange(len(here))
    assert here.embeddings(at) == pytest.approx(there.embeddings(at), abs=EQUAL)


class Killing:
    """An engine whose processes die, once while features are made and once while sums are."""

    name = "killing"

    def __init__(self, engine: Engine, folder: Path) -> None:
        self._engine, self._folder = engine, folder

    def map(self, make: Callable[[], Callable[[Any], Any]], pieces: Sequence[Any]) -> Iterator[Any]:
        return self._engine.map(Mortal(make, str(self._folder / "map.killed")), pieces)

    def apply(
        self, function: Callable[[Any, Any], Any], shared: Any, pieces: Sequence[Any]
    ) -> Iterator[Any]:
        mark = str(self._folder / "apply.killed")
        yield from self._engine.apply(_dies_once, (function, mark, shared), pieces)

    def close(self) -> None:
        self._engine.close()


class Mortal:
    """Makes a function whose process is killed after its first piece, the first time."""

    def __init__(self, make: Callable[[], Callable[[Any], Any]], mark: str) -> None:
        self._make, self._mark = make, mark

    def __call__(self) -> Callable[[Any], Any]:
        function = self._make()
        return lambda piece: _dies_once((lambda _, one: function(one), self._mark, None), piece)


def _dies_once(shared: tuple[Callable[[Any, Any], Any], str, Any], piece: Any) -> Any:
    function, mark, rest = shared
    found = function(rest, piece)
    try:
        os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return found
    os.kill(os.getpid(), signal.SIGKILL)
    return found


_KILLED = """
import os, signal, sys
from pathlib import Path
from router.registry import artifact as artifacts
from training.engine.local import Local
from training.fit.encoder import of_artifact
from training.pipelines.in_pieces import train_in_pieces

def step(name):
    if name == sys.argv[4]:
        os.kill(os.getpid(), signal.SIGKILL)

source = of_artifact(artifacts.load(artifacts.resolve(Path(sys.argv[3]))))
work = Path(sys.argv[2])
train_in_pieces([sys.argv[1]], source, engine=Local(), work=work, strength=0.01, progress=step)
"""


def test_a_killed_driver_goes_on_after_its_last_stage(
    parquet: Path, shipped: Artifact, tmp_path: Path, in_pieces: Trained
) -> None:
    command = [sys.executable, "-c", _KILLED, str(parquet), str(tmp_path), str(ROOT / "models")]
    killed = subprocess.run([*command, "calibrating"], check=False, cwd=ROOT)
    assert killed.returncode == -signal.SIGKILL
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.safetensors")}
    stages = {p.name.split("-")[0] for p in before}
    assert {"piece", "conversations", "scaling", "weights"} <= stages
    assert same_arrays(in_pieces, fitted(parquet, shipped, tmp_path, Local()))
    kept = [p for p in before if p.parent.name != "encoder"]
    assert {p: p.stat().st_mtime_ns for p in kept} == {p: before[p] for p in kept}


def test_a_log_gives_what_its_export_gives(shipped: Artifact, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'log.db'}"
    same = _from_log(url, shipped, tmp_path)
    if programs() is None:
        pytest.skip("PostgreSQL is not installed; SQLite was tested.")
    with Postgres() as server:
        assert same_arrays(same, _from_log(server.url, shipped, tmp_path))


def _from_log(url: str, shipped: Artifact, tmp_path: Path) -> Trained:
    """A fit on the log at `url`, after it was found to be that on its export."""
    engine = open_database(url)
    transfer.load(TRAFFIC, engine)
    exported = tmp_path / f"{url.split(':')[0]}.parquet"
    export.write(export.outcomes(engine), exported)
    engine.dispose()
    from_file, from_log = (
        fitted(place, shipped, tmp_path / "work", Local(), base=shipped)  # type: ignore[arg-type]
        for place in (exported, url)
    )
    assert same_arrays(from_file, from_log)
    return from_log


def test_a_log_is_cut_into_spans_that_hold_each_request_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'log.db'}"
    engine = open_database(url)
    transfer.load(TRAFFIC, engine)
    every = [row["prompt_id"] for row in export.outcomes(engine)]
    engine.dispose()
    found = units([url], rows=50)
    assert len(found) > 3
    told = [i for unit in found for frame in frames(unit, 20) for i in frame["prompt_id"]]
    assert sorted(told) == sorted(every)


def test_frames_never_divide_a_run_of_one_prompt(rows: Dataset, parquet: Path) -> None:
    [*_, last] = units([parquet], rows=1000)
    lots = [frame["prompt_id"] for frame in frames(last, 7)]
    assert len(lots) > 20
    assert all(set(a).isdisjoint(b) for a, b in pairwise(lots))
    assert sum(map(len, lots)) == len(rows) - 600


def test_prompts_that_lie_apart_are_refused_in_words(
    rows: Dataset, shipped: Artifact, tmp_path: Path
) -> None:
    folder = tmp_path / "rows"
    folder.mkdir()
    by_tier = rows.rows.sort_values("tier", kind="stable").assign(created_at=None)
    for i, (_, frame) in enumerate(by_tier.groupby("tier")):
        frame.to_parquet(folder / f"{i}.parquet", index=False)
    with pytest.raises(DataError, match="lie apart; sort the rows by prompt_id"):
        fitted(folder, shipped, tmp_path, Local())


def test_too_few_rows_are_refused_as_in_memory(
    rows: Dataset, shipped: Artifact, tmp_path: Path
) -> None:
    path = tmp_path / "few.parquet"
    rows.rows.head(12).assign(created_at=None).to_parquet(path, index=False)
    with pytest.raises(TrainingError, match="20 are needed"):
        fitted(path, shipped, tmp_path, Local())


def test_a_missing_extra_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtra, match=r"hybrid-router\[ray\]"):
        OnRay()


def test_an_address_where_nobody_listens_is_one_sentence() -> None:
    pytest.importorskip("ray", reason="needs the [ray] extra; `make test-ray` installs it")
    with pytest.raises(TrainingError, match="ray start --head"):
        OnRay(f"127.0.0.1:{free_port()}")


def test_the_truth_of_made_rows_is_found_again(shipped: Artifact, tmp_path: Path) -> None:
    write(20_000, tmp_path / "made", ROOT / "data" / "everyday")
    made = pd.read_parquet(tmp_path / "made")
    assert len(made) == 20_000 and made["prompt_id"].nunique() == 10_000
    trained = fitted(tmp_path / "made", shipped, tmp_path, Local())
    found = trained.artifact.manifest["metrics"]["all_test_rows"]["local"]
    mine = made[made["tier"] == "local"]
    best = auc(mine["truth"].to_numpy(), mine["score"].to_numpy())
    assert found["auc"] - 0.5 > 0.6 * (best - 0.5)  # of ten thousand prompts, of words by hundreds


def test_rows_need_prompts_to_be_made_of(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no English prompts"):
        write(10, tmp_path, tmp_path)
