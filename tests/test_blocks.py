"""What pages tell a reader to type works: blocks of the README and of docs/ are run as they stand.

A block of commands that cannot be run here says why above itself (`<!-- not run: reason -->`); its
commands and options must exist all the same. Pages of clients have tests of their own.
"""

import re
import shlex
import sys
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer

from router.cli.main import app as router_app
from router.cli.main import main as router_main
from router.settings import load_settings
from tests import ROOT
from tests.servers import upstream
from training.cli.main import app as training_app
from training.cli.main import main as training_main

_BLOCK = re.compile(
    r"(<!-- not run: (?P<why>.+?) -->\n)?```(?P<spoken>\w+)\n(?P<body>.*?)```", re.DOTALL
)
_INLINE = re.compile(r"`((?:router|python -m training) [a-z][^`]*)`")
_ALLOWED = " || true"  # what a command that may say "bad" ends with
PROGRAMS = {"router": (router_app, router_main), "training": (training_app, training_main)}
PAGES = [
    ROOT / "README.md",
    *(p for p in sorted((ROOT / "docs").rglob("*.md")) if p.parent.name != "clients"),
]
SAID = [  # pages that name commands within their sentences
    *sorted({*PAGES, *(ROOT / "docs").rglob("*.md")}),
    *(ROOT / name for name in ("CONTRIBUTING.md", "data/README.md", "models/README.md")),
]


class Block(NamedTuple):
    page: str
    spoken: str
    body: str
    why: str | None


BLOCKS = [
    Block(str(page.relative_to(ROOT)), found["spoken"], found["body"], found["why"])
    for page in PAGES
    for found in _BLOCK.finditer(page.read_text(encoding="utf-8"))
]


def of(*spoken: str, run: bool | None = None) -> Any:
    """Those blocks, to be a test's parameters."""
    chosen = [b for b in BLOCKS if b.spoken in spoken and (run is None or run == (b.why is None))]
    return pytest.mark.parametrize(
        "block", chosen, ids=[f"{b.page}-{i}" for i, b in enumerate(chosen)]
    )


def words_of(line: str) -> tuple[str, list[str]] | None:
    """The program of ours that a line calls, and its arguments; None for other programs."""
    words = shlex.split(line.removesuffix(_ALLOWED), comments=True)
    if words[:1] == ["router"]:
        return "router", words[1:]
    if words[:3] == ["python", "-m", "training"]:
        return "training", words[3:]
    return None


def parsed(program: str, arguments: list[str]) -> None:
    """Fail where a command or an option does not exist."""
    command: Any = typer.main.get_command(PROGRAMS[program][0])
    context = command.context_class(command, info_name=program)
    while hasattr(command, "commands") and arguments and arguments[0] in command.commands:
        command, arguments = command.commands[arguments[0]], arguments[1:]
        context = command.context_class(command, info_name=command.name, parent=context)
    if hasattr(command, "commands"):
        assert arguments in ([], ["--help"], ["--version"]), f"no command {arguments}"
    command.make_parser(context).parse_args(list(arguments))


def test_every_block_is_of_a_kind_that_is_looked_at() -> None:
    assert {b.spoken for b in BLOCKS} <= {"sh", "python", "toml", "mermaid", "json"}
    assert len([b for b in BLOCKS if b.spoken == "sh" and b.why is None]) >= 8
    assert len([b for b in BLOCKS if b.spoken == "python"]) == 3


@pytest.mark.parametrize("line", ["predict --colour", "predicts x", "study --budget"])
def test_a_command_or_option_that_does_not_exist_is_noticed(line: str) -> None:
    with pytest.raises(Exception, match=r"No such|no command|requires an argument"):
        parsed("router", line.split())


@of("sh", run=True)
def test_commands_run(
    block: Block,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    local: upstream.Upstream,
    cloud: upstream.Upstream,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "HOME": str(tmp_path),
        "ROUTER_LOCAL_URL": local.url,
        "ROUTER_CLOUD_URL": cloud.url,
        "ROUTER_LOG_URL": f"sqlite:///{tmp_path}/o.db",
    }.items():
        monkeypatch.setenv(name, value)
    for line in filter(None, block.body.splitlines()):
        called = words_of(line)
        assert called is not None, f"say above the block why `{line}` is not run"
        program, arguments = called
        monkeypatch.setattr(sys, "argv", [program, *arguments])
        with pytest.raises(SystemExit) as ended:
            PROGRAMS[program][1]()
            raise SystemExit(0)
        assert line.endswith(_ALLOWED) or not ended.value.code, line


@of("sh")
def test_commands_and_their_options_exist(block: Block) -> None:
    for line in filter(None, block.body.splitlines()):
        if (called := words_of(line)) is not None:
            parsed(*called)


@pytest.mark.parametrize("page", SAID, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_within_a_sentence_exist(page: Path) -> None:
    for said in _INLINE.findall(page.read_text(encoding="utf-8")):
        if (called := words_of(said.replace("\n", " "))) is not None:
            program, arguments = called
            parsed(program, ["1" if a in ("N", "FOLDER") else a for a in arguments])


@pytest.mark.slow
@of("python", run=True)
def test_python_runs(block: Block) -> None:
    exec(block.body, {})


@of("toml")
def test_settings_are_taken(block: Block) -> None:
    load_settings(**tomllib.loads(block.body))
