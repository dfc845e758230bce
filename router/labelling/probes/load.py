"""The set of probes: `data/probes/*.jsonl`, one task a line."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from router.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A task with the check of its answer.

    `kind`: what it asks of a model; `level`: 1 (easy) to 5; `check`: see
    `router.labelling.probes.checks`; `solution`: an answer that passes.
    """

    id: str
    kind: str
    level: int
    prompt: str
    check: Mapping[str, Any]
    solution: str


def probes_folder() -> Path:
    """Folder of the probes that came with the package (or the repository's)."""
    packaged = Path(__file__).parents[2] / "_probes"
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / "data" / "probes"


def load_probes(folder: Path | None = None) -> list[Probe]:
    """All probes of a folder, in the order of their ids. Raises InputError naming file and line.

    >>> len(load_probes()) >= 400
    True
    """
    folder = folder or probes_folder()
    found: dict[str, Probe] = {}
    for path in sorted(folder.glob("*.jsonl")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            try:
                probe = Probe(**json.loads(line))
            except (ValueError, TypeError):
                raise InputError(f"{path}, line {number}, is not a probe.") from None
            if probe.id in found:
                raise InputError(f"{path}, line {number}: the id {probe.id} was used before.")
            found[probe.id] = probe
    if not found:
        raise InputError(f"{folder} holds no probes; name a folder of *.jsonl files.")
    return [found[k] for k in sorted(found)]


def some(probes: Sequence[Probe], count: int) -> list[Probe]:
    """About `count` of them, of every kind and level alike: ids sort by kind and then by level."""
    return list(probes[:: max(1, len(probes) // count)][:count])
