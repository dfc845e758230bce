"""The command lines as a user runs them, but in this process: a start takes seconds."""

import contextlib
import io
import os
import sys
from pathlib import Path
from unittest.mock import patch

import pytest

from router.cli.main import main as router_main
from tests import ROOT
from training.cli.main import main as training_main

MAINS = {"router": router_main, "training": training_main}


def command(name: str, *arguments: str, cwd: Path = ROOT) -> tuple[int, str, str]:
    """Exit code, output and errors of `router` or `python -m training`."""
    out, err = io.StringIO(), io.StringIO()
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("ROUTER_", "ANTHROPIC_"))}
    with (
        patch.object(sys, "argv", [name, *arguments]),
        patch.dict(os.environ, {**kept, "COLUMNS": "200"}, clear=True),
        contextlib.chdir(cwd),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.raises(SystemExit) as ended,
    ):
        MAINS[name]()
        raise SystemExit(0)
    return int(ended.value.code or 0), out.getvalue(), err.getvalue()
