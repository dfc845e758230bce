"""A log as a window: what is left out of memory on the way changes nothing of what it holds."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine, insert, select

from router.decide.extractors import extractor_of
from router.labels.signals import implicit
from router.outcomes.database import open_database
from router.outcomes.tables import decisions
from router.registry.artifact import Artifact
from tests.million import rows
from tests.silence import weighed
from training.data import log as logs
from training.data.log import Window, read_window, served_in
from training.engine.local import Local
from training.evaluate.known_quality import known_quality
from training.evaluate.what_if import what_if
from training.run import reading

pytestmark = pytest.mark.slow
NOW, DAY, COUNT = 1_795_003_200.0, 86_400.0, 2500
SPAN: dict[str, Any] = {"since": 0.0, "until": NOW, "maturity_s": DAY, "texts": False}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Everything audited, so that silence is worth something; some requests come again."""
    url = f"sqlite:///{tmp_path_factory.mktemp('log') / 'log.db'}"
    engine = open_database(url)
    rows.write(engine, COUNT, until=NOW, days=20.0, known=rows.pool(60))
    with engine.begin() as connection:
        connection.execute(decisions.update().values(audited=True))
        asked = select(decisions).where(decisions.c.request.is_not(None)).limit(40)
        again = [
            {**row, "id": f"again-{i}", "at": row["at"] + 60, "rule": "explicit", "tier": "cloud"}
            for i, row in enumerate(connection.execute(asked).mappings())
        ]
        connection.execute(insert(decisions), again)
    engine.dispose()
    return url


@pytest.fixture(scope="module")
def engine(url: str) -> Engine:
    return open_database(url)


@pytest.fixture(scope="module")
def window(engine: Engine, shipped: Artifact) -> Window:
    return read_window(engine, extractor_of(shipped), **SPAN)


def test_signals_are_those_of_every_answered_request(window: Window, engine: Engine) -> None:
    happened = implicit(served_in(engine, 0.0, NOW), NOW, DAY)
    sources = {one.source for one in happened}
    assert sources > {"asked the cloud", "useless", "quiet"}
    kinds = (*sources, "regenerated")
    said = [one for one in window.signals if one.source not in kinds]
    audited = set(window.frame.loc[window.frame["audited"].eq(True), "id"])
    heard = weighed([*said, *happened], audited)
    assert window.signals == heard
    assert any(one.source == "quiet" and one.weight for one in heard)


def test_of_a_long_log_s_silence_some_is_heard_the_same_whoever_reads(
    window: Window,
    url: str,
    engine: Engine,
    shipped: Artifact,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(logs, "MOST_SILENT", 100)
    monkeypatch.setattr(logs, "LOG_ROWS", 900)
    readers = extractor_of(shipped), reading(Local(), tmp_path, url, shipped)
    some, pieces = (read_window(engine, reader, **SPAN) for reader in readers)
    assert some.digest == pieces.digest
    quiet = [one for one in some.signals if one.source == "quiet"]
    every = [one for one in window.signals if one.source == "quiet"]
    assert len(quiet) == 100 and set(quiet) < set(every)
    loud = [one for one in window.signals if one.source != "quiet"]
    assert [one for one in some.signals if one.source != "quiet"] == loud
    days = np.array([one.at for one in quiet]) / DAY
    assert np.ptp(days) > 15  # of twenty: from all of the time


def test_the_digest_is_of_everything_in_one_text(
    window: Window, engine: Engine, shipped: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = window.frame[["id", "group", "tier", "local_model"]]
    parts = [
        columns.to_json(orient="values"),
        repr(sorted(map(repr, window.signals))),
        window.soft.to_json(orient="values", double_precision=15),
    ]
    assert window.digest == hashlib.sha256("\n".join(parts).encode()).hexdigest()
    monkeypatch.setattr(logs, "_PIECE", 7)
    pieces = read_window(engine, extractor_of(shipped), **SPAN)
    assert pieces.digest == window.digest


def test_what_was_expected_is_told_of_whatever_was_spoken_of(window: Window) -> None:
    spoken = {one.decision for one in window.signals if one.source != "quiet"}
    assert {decision for decision, _ in window.claims} <= spoken | set(window.soft["decision"])
    p = window.frame.set_index("id")["p_local"]
    decision = next(one.decision for one in window.signals if one.source == "user")
    assert window.claims[decision, "local"] == p[decision]


def test_what_if_needs_no_silence_no_digest_and_of_the_features_vectors_alone(
    url: str, engine: Engine, shipped: Artifact, tmp_path: Path
) -> None:
    told: list[tuple[int, int]] = []
    over = reading(Local(), tmp_path, url, shipped)
    lean = read_window(
        engine,
        over,
        **SPAN,
        learning=False,
        vectors=True,
        told=lambda done, of: told.append((done, of)),
    )
    whole = read_window(engine, over, **SPAN)
    assert told == [(COUNT + 40, COUNT + 40)]
    assert not lean.digest and all(one.source != "quiet" for one in lean.signals)
    assert set(lean.frame) < set(whole.frame)
    at = np.array([2000, 3, 3, 77])
    assert (lean.embeddings(at) == whole.embeddings(at)).all()
    both = known_quality(lean), known_quality(whole)
    for name in ("low", "high", "by_rating", "by_agreement"):
        assert (getattr(both[0], name) == getattr(both[1], name)).all()
    assert both[0].rated > 50 and both[0].agreed > 5
    assert repr(what_if(lean, [-1.0, 0.0])) == repr(what_if(whole, [-1.0, 0.0]))
