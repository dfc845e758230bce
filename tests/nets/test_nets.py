import json
import re
from pathlib import Path

import pytest
import typer

from router.cli.main import app as router_app
from tests import ROOT
from tests.nets.decisions import GOLDEN, decided
from tests.nets.helps import GOLDEN as HELPS
from tests.nets.helps import helps
from training.cli.main import app as training_app


def test_two_hundred_decisions_are_as_they_were() -> None:
    before, now = json.loads(GOLDEN.read_text()), decided()
    assert len(now) == len(before) == 200
    for i, (old, new) in enumerate(zip(before, now, strict=True)):
        assert old.keys() == new.keys()
        for name, value in old.items():
            expected = pytest.approx(value, abs=1e-6) if isinstance(value, float) else value
            assert new[name] == expected, (i, name)


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
