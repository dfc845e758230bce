"""That the first request waits for nothing that could have been done before."""

import os
import subprocess
import sys
from pathlib import Path

from tests import ROOT
from tests.servers.fixtures import free_port

# In a process of its own: in this one, other tests have loaded everything.
OPEN = """
import asyncio, sys
from router.app import Service
from router.privacy.detectors import Builtin
from router.settings import load_settings

async def main():
    async with Service(load_settings(local_url=sys.argv[1], log_url=sys.argv[2])) as service:
        before = set(sys.modules)
        text = "Call +44 20 7946 0958, card 4242 4242 4242 4242, token=ghp_x, 12 Rose Street."
        assert service.policy.privacy_filter.kinds(text)
        decision = service.policy.router.predict(text)
        service.policy.router.predict_after(decision, "It is 42.", ["42"])
        print(sorted(set(sys.modules) - before))

asyncio.run(main())
"""


def test_what_it_needs_is_loaded_before_the_gateway_answers(tmp_path: Path) -> None:
    given = [f"http://127.0.0.1:{free_port()}", f"sqlite:///{tmp_path}/outcomes.db"]
    done = subprocess.run(
        [sys.executable, "-c", OPEN, *given],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)},
    )
    assert done.stdout.strip() == "[]"
