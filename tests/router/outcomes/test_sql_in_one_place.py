"""SQL stands in `router.outcomes` alone: the sources of all other modules are read for it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import ROOT

HOME = ROOT / "router" / "outcomes"
HINTS = {"Engine"}  # what names a database without saying anything to it
TABLES = "router.outcomes.tables"


def imports(source: str) -> Iterator[tuple[str, str]]:
    """(module, name) of every import; the name is empty where the whole module is imported."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", alias.name) for alias in node.names)


def sql_in(source: str) -> list[str]:
    """Imports with which a statement could be built."""
    found = []
    for module, name in imports(source):
        whole = f"{module}.{name}" if name else module
        hint = module == "sqlalchemy" and name in HINTS
        if module.split(".")[0] == "sqlalchemy" and not hint:
            found.append(whole)
        if TABLES in (module, whole):
            found.append(whole)
    return found


def outside() -> list[Path]:
    files = [*(ROOT / "router").rglob("*.py"), *(ROOT / "training").rglob("*.py")]
    return [f for f in files if HOME not in f.parents]


def test_no_module_but_the_outcome_log_builds_a_statement() -> None:
    files = outside()
    assert len(files) > 100
    found = {str(f.relative_to(ROOT)): sql_in(f.read_text(encoding="utf-8")) for f in files}
    assert {name: what for name, what in found.items() if what} == {}


@pytest.mark.parametrize(
    "source",
    [
        "from sqlalchemy import Engine, select",
        "import sqlalchemy",
        "from sqlalchemy.exc import OperationalError",
        "def late():\n    from router.outcomes.tables import decisions",
        "from router.outcomes import tables",
    ],
)
def test_the_reading_finds_what_it_looks_for(source: str) -> None:
    assert sql_in(source)
    assert not sql_in("from sqlalchemy import Engine\nfrom router.outcomes import queries")
