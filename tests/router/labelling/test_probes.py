import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from router.decide.shift import fitted_shift
from router.errors import InputError
from router.labelling.probes import Probe, load_probes, sandbox
from router.labelling.probes.checks import passed, runs_code
from router.labelling.probes.measure import measured

PROBES = load_probes()


def test_there_are_enough_probes_of_every_kind_and_level() -> None:
    assert len(PROBES) >= 400
    kinds = Counter(p.kind for p in PROBES)
    assert len(kinds) >= 10 and min(kinds.values()) >= 20
    assert set(Counter(p.level for p in PROBES)) == {1, 2, 3, 4, 5}
    assert len({p.prompt for p in PROBES}) == len(PROBES)


@pytest.mark.slow
@pytest.mark.parametrize("kind", sorted({p.kind for p in PROBES}))
def test_every_solution_passes_and_nonsense_does_not(kind: str) -> None:
    mine = [p for p in PROBES if p.kind == kind]
    if any(runs_code(p.check) for p in mine) and sandbox.missing():
        pytest.skip(sandbox.missing())
    for probe in mine:
        assert passed(probe.check, probe.solution), probe.id
        assert not passed(probe.check, "I am not sure what you mean by that"), probe.id
        assert not passed(probe.check, ""), probe.id


def test_a_solution_seldom_passes_for_another_probe() -> None:
    """Checks that let anything through would measure nothing."""
    rng = np.random.default_rng(0)
    wrong = lucky = 0
    for probe in PROBES:
        other = PROBES[int(rng.integers(len(PROBES)))]
        if other.check == probe.check or probe.kind == "code":
            continue
        wrong += 1
        lucky += passed(probe.check, other.solution)
    assert lucky / wrong < 0.03


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        ({"type": "number", "value": 1234.5}, "so it is 1,234.5.", "1,234.6"),
        ({"type": "number", "value": -3}, "x = −3", "3"),
        ({"type": "number", "value": 3000}, "3 000", "3"),
        ({"type": "text", "any": ["Biscuit"], "none": ["cat"]}, "**Biscuit**!", "Biscuit the cat"),
        ({"type": "text", "any": ["12"]}, "It is 12.", "It is 312."),
        ({"type": "exact", "any": ["NOT STATED"]}, "Not stated.", "It is not stated there"),
        ({"type": "json", "equals": {"a": 1}}, '```json\n{"a": 1}\n```', '{"a": 2}'),
        ({"type": "json", "equals": {"a": 1}, "bare": True}, '{"a": 1}', '```\n{"a": 1}\n```'),
        ({"type": "schema", "types": {"a": "integer"}}, '{"a": 3}', '{"a": true}'),
        ({"type": "schema", "types": {"a": "null"}}, '{"a": null}', '{"a": null, "b": 1}'),
        ({"type": "lines", "count": 2}, "one\n\ntwo", "one"),
        ({"type": "words", "min": 2, "max": 3}, "two words", "one"),
        ({"type": "only", "case": "upper"}, "LOUD", "Loud"),
        ({"type": "without", "letter": "k"}, "no such letter", "Kilo"),
        ({"type": "code", "tests": "assert f() == 1"}, "```py\ndef f(): return 1\n```", "def f()"),
    ],
)
def test_checks(check: dict[str, object], good: str, bad: str) -> None:
    if runs_code(check) and sandbox.missing():
        pytest.skip(sandbox.missing())
    assert passed(check, good) and not passed(check, bad)


def test_a_broken_set_is_refused_with_file_and_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no probes"):
        load_probes(tmp_path)
    row = {"id": "a", "kind": "k", "level": 1, "prompt": "p", "check": {}, "solution": "s"}
    lines = f"{json.dumps(row)}\n{json.dumps(row)}\n"
    (tmp_path / "a.jsonl").write_text(lines)
    with pytest.raises(InputError, match=r"a\.jsonl, line 2: the id a was used before"):
        load_probes(tmp_path)
    (tmp_path / "a.jsonl").write_text('{"id": 1}\n')
    with pytest.raises(InputError, match=r"a\.jsonl, line 1, is not a probe"):
        load_probes(tmp_path)


def test_the_shift_finds_the_level_and_few_probes_move_it_little() -> None:
    rng = np.random.default_rng(0)
    logit = rng.normal(0, 1, 2000)
    good = (rng.random(2000) < 1 / (1 + np.exp(-(logit - 1.5)))) * 1.0
    assert fitted_shift(logit, good) == pytest.approx(-1.5, abs=0.15)
    assert -0.7 < fitted_shift(np.zeros(3), np.zeros(3)) < 0
    assert fitted_shift(np.full(50, 30.0), np.zeros(50)) < -20  # far off, and yet it converges


def test_measuring_brings_the_calibration_in_order() -> None:
    rng = np.random.default_rng(1)
    logit = rng.normal(1.5, 1, 400)
    good = rng.random(400) < 1 / (1 + np.exp(-(logit - 2)))
    probes = [
        Probe(id=f"p{i:03d}", kind="k", level=1, prompt="x", check={}, solution="s")
        for i in range(400)
    ]
    results = {p.id: bool(g) for p, g in zip(probes, good, strict=True)}
    found = measured("m", "d", probes, results, logit, 1.0, 0.5)
    assert found.ability == pytest.approx(-1.5, abs=0.3)
    assert found.ece < 0.06 < 0.25 < found.ece_before
