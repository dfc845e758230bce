"""The pages name files that exist, link to pages that exist, and define each word once."""

import json
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from router.settings import load_settings
from tests import ROOT
from tests.clients import pages
from tests.clients.clients import CLIENTS

PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *(ROOT / folder / "README.md" for folder in ("data", "data/traffic", "models")),
    *sorted((ROOT / "models").glob("BENCHMARK*.md")),
]
_FOLDERS = "router|training|tests|data|models|docs|examples|notebooks"
_FILE = re.compile(rf"`((?:{_FOLDERS})/[\w./-]*\w[\w./]*)`")
_DIFF = re.compile(r"```diff\n(.*?)```", re.DOTALL)
_VERSION = re.compile(r"(?<![.\d])\d+\.\d+(?:\.\d+)?(?!\.?\d)")
_LINK = re.compile(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)")
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
_MADE = {"models/VERSION"}  # a name in commands


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_and_links_exist(page: Path) -> None:
    text = page.read_text()
    files = [ROOT / name for name in _FILE.findall(text) if name not in _MADE]
    links = [page.parent / link for link in _LINK.findall(text)]
    assert [str(path) for path in (*files, *links) if not path.exists()] == []


def test_every_line_of_the_threat_model_has_a_test_that_exists() -> None:
    text = (ROOT / "docs" / "threats.md").read_text()
    named = _TEST.findall(text)
    assert len(named) > 40
    missing = [
        f"{file}::{test}" for file, test in named if f"def {test}(" not in (ROOT / file).read_text()
    ]
    assert missing == []
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    lines = [row for row in rows if not row.startswith(("| attack |", "| event |"))]
    assert all(_TEST.search(line) for line in lines)


def test_the_glossary_is_in_order_and_has_each_word_once() -> None:
    rows = (ROOT / "docs" / "glossary.md").read_text().split("|---|---|---|\n")[1].splitlines()
    words = [row.split("|")[1].strip().lower() for row in rows]
    assert all(len(row.strip("|").split("|")) == 3 for row in rows)
    assert words == sorted(set(words))


def test_the_worked_examples_apply_to_this_tree(tmp_path: Path) -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text().split("## Three worked examples")[1]
    for number, example in enumerate(page.split("\n### ")[1:]):
        patch = tmp_path / f"{number}.diff"
        patch.write_text("".join(_DIFF.findall(example)))
        command = ["git", "apply", "--check", "--unsafe-paths", str(patch)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


CLIENT_PAGES = sorted(path.stem for path in pages.PAGES.glob("*.md"))
SET_UP = {client.reads[1:] for client in CLIENTS if client.reads}


@pytest.mark.parametrize("page", CLIENT_PAGES)
def test_what_a_client_s_page_says_of_our_settings_is_taken(page: str) -> None:
    for number, block in enumerate(pages.blocks(page, "toml")):
        if number or (page, "toml") not in SET_UP:  # else it is the client's own file
            load_settings(**tomllib.loads(block))
    for block in pages.blocks(page, "json"):
        assert pages.ADDRESS in json.dumps(json.loads(block))


@pytest.mark.parametrize("page", CLIENT_PAGES)
def test_a_client_s_page_says_whether_it_was_run_and_in_which_version(page: str) -> None:
    text = (pages.PAGES / f"{page}.md").read_text(encoding="utf-8")
    pins = "".join((ROOT / "tests" / "clients" / f).read_text() for f in pages.PINS)
    assert ("Not run here" in text) or ("Run here" in text)
    for version in _VERSION.findall(text.split("## ")[0]):
        assert re.search(rf"[=@]{re.escape(version)}$", pins, re.MULTILINE), version
    if "Run here" in text and page != "ollama":
        assert page in {name for name, _ in SET_UP}
    assert f"](clients/{page}.md)" in (ROOT / "docs" / "clients.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "notebook", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda p: p.stem
)
def test_a_notebook_shows_nothing_of_the_machine_it_ran_on(notebook: Path) -> None:
    cells = json.loads(notebook.read_text())["cells"]
    shown = [out for cell in cells for out in cell.get("outputs", [])]
    assert not [out for out in shown if out.get("name") == "stderr"]
    assert "site-packages" not in json.dumps(shown) and str(Path.home()) not in json.dumps(shown)
