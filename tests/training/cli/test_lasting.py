"""How long a command says that it will take."""

import sys
from pathlib import Path

import pytest

from tests import ROOT
from tests.servers.terminal import Terminal
from training.cli.lasting import Lasting


def test_the_second_run_knows_what_the_first_took(tmp_path: Path) -> None:
    file = tmp_path / "cache" / "steps.json"
    first = Lasting(file, "router learn", {})
    first.begun("reading", 100.0)
    assert first.words(107.0) == "reading: 0:07 so far"
    first.begun("fitting", 110.0)
    first.ended(150.0)
    again = Lasting(file, "router learn", {"reading": 10.0, "fitting": 40.0})
    again.begun("reading", 0.0)
    assert again.words(4.0) == "reading: 0:04 so far, about 0:46 left by the last time"
    again.begun("fitting", 30.0)
    assert again.words(90.0) == "fitting: 1:00 so far, about 0:00 left by the last time"
    again.begun("a step that is new", 95.0)
    assert again.words(96.0) == "a step that is new: 0:01 so far"


def test_a_step_whose_parts_are_counted_says_how_far_it_is_and_what_is_left_of_it() -> None:
    first = Lasting(None, "router learn", {})
    first.begun("reading the log", 0.0)
    first.counted(0, 40_000)
    assert first.words(6.0) == "reading the log: 0 of 40,000 done, 0:06 so far"
    first.counted(10_000, 40_000)
    assert first.words(20.0) == (
        "reading the log: 10,000 of 40,000 done, 0:20 so far, about 1:00 left of it"
    )
    first.begun("fitting", 80.0)
    assert first.words(81.0) == "fitting: 0:01 so far"
    again = Lasting(None, "router learn", {"reading the log": 90.0, "fitting": 40.0})
    again.begun("reading the log", 0.0)
    again.counted(10_000, 40_000)
    assert again.words(20.0) == (
        "reading the log: 10,000 of 40,000 done, 0:20 so far, about 1:50 left by the last time"
    )


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"training fit": 3}'])
def test_a_cache_that_is_not_ours_tells_nothing_and_does_no_harm(
    tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "hybrid-router").mkdir()
    file = tmp_path / "hybrid-router" / "steps.json"
    file.write_text(text)
    here = Lasting.of_last_run(["training", "fit"], watched=True)
    here.begun("fitting", 1.0)
    assert here.words(2.0) == "fitting: 0:01 so far"
    here.ended(3.0)
    assert file.read_text() == '{"training fit": {"fitting": 2.0}}'
    unwatched = Lasting.of_last_run(["training", "fit"], watched=False)
    unwatched.begun("fitting", 1.0)
    unwatched.ended(9.0)
    assert file.read_text() == '{"training fit": {"fitting": 2.0}}'


@pytest.mark.slow
def test_at_a_terminal_the_steps_are_shown_and_kept(tmp_path: Path) -> None:
    code = (
        "from time import sleep\n"
        "from training.cli.options import steps\n"
        "with steps() as step:\n"
        "    step('fitting both heads')\n"
        "    sleep(1)\n"
    )
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}
    with Terminal([sys.executable, "-c", code], environment, tmp_path) as at:
        at.until("fitting both heads: 0:0")
        assert at.ended() == 0
    with Terminal([sys.executable, "-c", code], environment, tmp_path) as at:
        at.until("left by the last time")
        assert at.ended() == 0
