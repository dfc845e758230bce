"""What holds all over the house, and nothing else would notice."""

import ast
from collections import Counter
from importlib import import_module

from tests import ROOT


def test_no_number_is_chosen_twice() -> None:
    tables = sorted(
        p for part in ("router", "training") for p in ROOT.glob(f"{part}/**/constants.py")
    )
    twice = []
    for table in tables:
        names = Counter(
            node.id
            for statement in ast.parse(table.read_text(encoding="utf-8")).body
            for node in ast.walk(statement)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        )
        twice += [f"{table.relative_to(ROOT)}: {n}" for n, count in names.items() if count > 1]
    assert tables and not twice


def test_every_bench_and_tool_among_the_tests_can_be_loaded() -> None:
    """They run by hand, so a name that moved would be missed until somebody wants a figure."""
    tools = [p for p in sorted(ROOT.glob("tests/**/*.py")) if not p.stem.startswith("test_")]
    apart = {"encoder", "presidio", "clients", "page"}  # what they import is another target's
    names = [p.relative_to(ROOT).with_suffix("").parts for p in tools]
    loaded = [".".join(name) for name in names if not apart & set(name)]
    for name in loaded:
        import_module(name.removesuffix(".__init__"))
    assert "tests.bench_peers.peers" in loaded
