"""Learning from a log, and asking what if, with the log read in pieces."""

import numpy as np
import pytest

from router.outcomes import transfer
from router.outcomes.database import open_database
from router.registry.artifact import Artifact
from tests import ROOT
from training.data import log as logs
from training.data.log import Window, read_window
from training.engine.local import Local
from training.evaluate.what_if import what_if
from training.pipelines.learn import learn
from training.run import reading

pytestmark = pytest.mark.slow
TRAFFIC = ROOT / "data" / "traffic"
EQUAL = 1e-3


@pytest.fixture(scope="module")
def windows(shipped: Artifact, tmp_path_factory: pytest.TempPathFactory) -> tuple[Window, Window]:
    """The bundled log: read in one go, and in six pieces."""
    folder = tmp_path_factory.mktemp("log")
    url = f"sqlite:///{folder / 'log.db'}"
    engine = open_database(url)
    transfer.load(TRAFFIC, engine)
    over = reading(Local(), folder / "work", url, shipped)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logs, "LOG_ROWS", 60)
        whole, pieces = (
            read_window(
                engine,
                reader,
                since=0.0,
                until=4e9,
                maturity_s=3600.0,
                texts=False,
            )
            for reader in (over.extractor(), over)
        )
    engine.dispose()
    assert len(list((folder / "work").rglob("span-*"))) == 6
    return whole, pieces


def test_a_log_in_pieces_holds_what_it_holds_in_one_go(windows: tuple[Window, Window]) -> None:
    whole, pieces = windows
    assert whole.digest == pieces.digest
    assert whole.frame.equals(pieces.frame)
    assert whole.signals == pieces.signals
    at = np.array([300, 5, 5, 61, 0])
    assert len(pieces.features) == len(whole)
    for name in ("words", "pairs", "syllables"):
        some, same = (getattr(w.features.take(at), name) for w in windows)
        assert np.array_equal(some.flat, same.flat), name
        assert np.array_equal(some.bounds, same.bounds), name
    assert pieces.embeddings(at) == pytest.approx(whole.embeddings(at), abs=EQUAL)


def test_what_is_learned_from_pieces_is_what_is_learned_in_one_go(
    windows: tuple[Window, Window], shipped: Artifact
) -> None:
    both = [learn(w, shipped, cloud_model="claude-sonnet-5-5") for w in windows]
    whole, _ = windows
    first, second = (one.fitted.predict(whole.features, whole.pair) for one in both)
    assert max(np.abs(a - b).max() for a, b in zip(first, second, strict=True)) < EQUAL
    assert both[0].lesson == both[1].lesson
    assert both[0].artifact.version == both[1].artifact.version


def test_what_if_in_pieces_says_what_it_says_in_one_go(windows: tuple[Window, Window]) -> None:
    told = [what_if(w, [0.2, 0.4]) for w in windows]
    for whole, pieces in zip(*told, strict=True):
        assert (whole.share, whole.differs, whole.words) == (
            pieces.share,
            pieces.differs,
            pieces.words,
        )
        if whole.usd is not None and pieces.usd is not None:
            assert whole.usd.dr.value == pytest.approx(pieces.usd.dr.value, rel=1e-2, abs=1e-6)
