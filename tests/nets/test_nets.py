import json
import re
from pathlib import Path

import pytest
import typer

from router.cli.main import app as router_app
from tests import ROOT
from tests.nets.decisions import GOLDEN, decided
from tests.nets.fit import GOLDEN as FIT
from tests.nets.fit import described
from tests.nets.helps import GOLDEN as HELPS
from tests.nets.helps import helps
from tests.nets.rows import GOLDEN as ROWS
from tests.nets.rows import PATHS, logged
from tests.servers.fixtures import Run
from tests.servers.upstream import Upstream
from training.cli.main import app as training_app
from training.pipelines.prompts import Trained


def test_two_hundred_decisions_are_as_they_were() -> None:
    before, now = json.loads(GOLDEN.read_text()), decided()
    assert len(now) == len(before) == 200
    for i, (old, new) in enumerate(zip(before, now, strict=True)):
        assert old.keys() == new.keys()
        for name, value in old.items():
            expected = pytest.approx(value, abs=1e-6) if isinstance(value, float) else value
            assert new[name] == expected, (i, name)


def test_a_fit_on_the_same_rows_makes_the_same_model(trained: Trained) -> None:
    before, now = json.loads(FIT.read_text()), described(trained.artifact)
    assert now.keys() == before.keys()
    told, tells = before.pop("manifest"), now.pop("manifest")
    assert tells["data"] == told["data"] and tells["strength"] == told["strength"]
    assert tells["threshold"] == pytest.approx(told["threshold"], abs=2e-4)
    for tier in ("local", "cloud"):
        assert tells["models"][tier] == pytest.approx(told["models"][tier], abs=1e-4), tier
    for name, old in before.items():
        exact = {k: v for k, v in old.items() if k in ("dtype", "shape", "sha256")}
        assert {k: now[name][k] for k in exact} == exact, name
        if "values" in old:
            # What processors differ by was measured: a hundred-thousandth of the largest value.
            room = 1e-4 * old["largest"]
            values = trained.artifact.arrays[name].ravel()[old["at"]]
            assert values == pytest.approx(old["values"], rel=0, abs=room), name
            assert now[name]["norm"] == pytest.approx(old["norm"], rel=1e-4), name
            assert now[name]["not zero"] == old["not zero"], name


@pytest.mark.parametrize(
    ("name", "app"),
    [("router", router_app), ("training", training_app)],
    ids=["router", "training"],
)
def test_every_command_offers_what_it_did(name: str, app: typer.Typer) -> None:
    assert helps(name, typer.main.get_command(app)) == json.loads(HELPS.read_text())[name]


@pytest.mark.parametrize(
    "notebook", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda p: p.stem
)
def test_notebooks_show_the_shipped_model(notebook: Path) -> None:
    shipped = (ROOT / "models" / "current").read_text().strip()
    shown = {
        name
        for cell in json.loads(notebook.read_text())["cells"]
        for name in re.findall(r"\bdefault-\d+\b", json.dumps(cell.get("outputs", [])))
    }
    assert shown <= {shipped}, "run it again and keep its outputs"


@pytest.mark.parametrize("path", PATHS)
def test_every_path_leaves_the_row_it_did(
    run: Run, local: Upstream, cloud: Upstream, path: str
) -> None:
    before, now = json.loads(ROWS.read_text())[path], logged(PATHS[path](run, local, cloud))
    assert now.keys() == before.keys()
    for name, value in before.items():
        expected = pytest.approx(value, abs=1e-6) if isinstance(value, float) else value
        assert now[name] == expected, name
