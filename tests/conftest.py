"""Shared fixtures: a small real fit on the bundled data, made once."""

import os
import signal

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Started in the background of a script: all that is started here would ignore Ctrl-C too.
    signal.signal(signal.SIGINT, signal.default_int_handler)

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from hypothesis import settings

from router.decide.router import Router
from router.registry import artifact as artifacts
from router.registry.artifact import Artifact
from tests import ROOT
from training.data import featurize
from training.data.dataset import Dataset, checked
from training.data.readers import read
from training.fit.encoder import of_artifact
from training.pipelines.prompts import Trained, train

pytest_plugins = ["tests.servers.fixtures"]
settings.register_profile("router", deadline=None)  # machines are small and busy
settings.load_profile("router")

EVERYDAY = ROOT / "data" / "everyday"
SERVERS = {"run", "local", "cloud", "llama", "llmock", "mock_ai"}  # fixtures that start something
FITS = {"trained", "learned", "comparison"}  # fixtures that fit a model


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test by what its fixtures do; what they do not tell, the test says itself."""
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if fixtures & SERVERS:
            item.add_marker("servers")
        if fixtures & FITS:
            item.add_marker("slow")
        if not any(item.get_closest_marker(name) for name in ("servers", "slow")):
            item.add_marker("fast")


@pytest.fixture(scope="session", autouse=True)
def _own_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cache and a data folder of the session, since fits made once are made before any test.

    What a router has learned on this machine, and its log, are nobody's business here.
    """
    base = tmp_path_factory.getbasetemp()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(featurize, "CACHE", base / "features")
        patch.setenv("XDG_DATA_HOME", str(base / "data"))
        yield


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [n for n in os.environ if n.startswith("ROUTER_")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def shipped() -> Artifact:
    return artifacts.load(artifacts.resolve(ROOT / "models"))


@pytest.fixture(scope="session")
def router(shipped: Artifact) -> Router:
    return Router(shipped)


@pytest.fixture(scope="session")
def everyday() -> Dataset:
    return read(EVERYDAY)


@pytest.fixture(scope="session")
def small(everyday: Dataset) -> Dataset:
    return drawn(everyday)


@pytest.fixture(scope="session")
def trained(small: Dataset, shipped: Artifact) -> Trained:
    return fitted(small, shipped)


def drawn(everyday: Dataset) -> Dataset:
    """400 everyday prompts with outcomes of two local models drawn around their grades."""
    rng = np.random.default_rng(7)
    prompts = everyday.prompts.iloc[rng.permutation(len(everyday.prompts))[:400]]
    rows = everyday.rows[everyday.rows["prompt_id"].isin(prompts["prompt_id"])]
    parts = []
    for tier, model, shift in (
        ("local", "llama3.1:8b", 0.0),
        ("local", "gemma-2-2b-it", -0.25),
        ("cloud", "claude-sonnet-5-5", 0.0),
    ):
        mine = rows[rows["tier"] == tier]
        p = np.clip(mine["score"].to_numpy() + shift, 0.02, 0.98)
        score = (rng.random(len(mine)) < p).astype(float)
        parts.append(mine.assign(model=model, score=score, weight=1.0))
    return checked(pd.concat(parts), "small")


def fitted(small: Dataset, shipped: Artifact) -> Trained:
    """A fit from scratch on `small`."""
    return train(small, of_artifact(shipped), version_name="small-1", strength=0.1, jobs=1)
