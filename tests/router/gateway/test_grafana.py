"""The dashboard shows metrics that exist, and says what it shows once."""

import json
import re

from tests import ROOT
from tests.servers.fixtures import Run

_NAME = re.compile(r"\brouter_\w+")
_LABELS = re.compile(r"by \(([^)]*)\)")


def test_every_metric_and_label_of_the_dashboard_is_one_of_the_gateway_s(run: Run) -> None:
    gateway = run()
    gateway.chat("What is the capital of France?", stream=True)
    lines = gateway.client.get("/metrics").text.splitlines()
    known = {line.split()[2]: line for line in lines if line.startswith("# TYPE")}
    known |= {f"{name}_bucket": line for name, line in known.items() if "histogram" in line}
    board = json.loads((ROOT / "docs" / "grafana.json").read_text())
    asked = [t["expr"] for panel in board["panels"] for t in panel["targets"]]
    used = {name for expr in asked for name in _NAME.findall(expr)}
    assert len(used) >= 15
    assert used <= set(known)
    labels = {"tier", "rule", "status", "until", "le", "task"}
    grouped = {label for expr in asked for by in _LABELS.findall(expr) for label in by.split(", ")}
    assert grouped <= labels


def test_panels_do_not_overlap_and_have_names_of_their_own() -> None:
    panels = json.loads((ROOT / "docs" / "grafana.json").read_text())["panels"]
    assert len({p["title"] for p in panels}) == len({p["id"] for p in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {(at["x"] + i, at["y"] + j) for i in range(at["w"]) for j in range(at["h"])}
        assert not taken & cells and at["x"] + at["w"] <= 24
        taken |= cells
