"""The tables of numbers that were chosen by hand."""

import ast
from collections import Counter

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
