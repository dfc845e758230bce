"""The pages name files that exist, link to pages that exist, and define each word once."""

import re
from pathlib import Path

import pytest

from tests import ROOT

PAGES = [
    ROOT / "README.md",
    *(page for page in [ROOT / "CONTRIBUTING.md"] if page.exists()),
    *sorted((ROOT / "docs").glob("*.md")),
    *(ROOT / folder / "README.md" for folder in ("data", "data/traffic", "models")),
    *sorted((ROOT / "models").glob("BENCHMARK*.md")),
]
_FOLDERS = "router|training|tests|data|models|docs|examples|notebooks"
_FILE = re.compile(rf"`((?:{_FOLDERS})/[\w./-]*\w[\w./]*)`")
_LINK = re.compile(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)")
_MADE = {"models/VERSION"}  # a name in commands


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_and_links_exist(page: Path) -> None:
    text = page.read_text()
    files = [ROOT / name for name in _FILE.findall(text) if name not in _MADE]
    links = [page.parent / link for link in _LINK.findall(text)]
    assert [str(path) for path in (*files, *links) if not path.exists()] == []


def test_the_glossary_is_in_order_and_has_each_word_once() -> None:
    rows = (ROOT / "docs" / "glossary.md").read_text().split("|---|---|---|\n")[1].splitlines()
    words = [row.split("|")[1].strip().lower() for row in rows]
    assert all(len(row.strip("|").split("|")) == 3 for row in rows)
    assert words == sorted(set(words))
