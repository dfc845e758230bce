"""The command of a gateway that is a process of its own, with settings of the test's."""

import json
import sys
from typing import Any

_SERVE = """
import json, sys
from router.gateway.serving import serve
serve(json.loads(sys.argv[1]))
"""


def serving(**settings: Any) -> list[str]:
    """Plain values only, as they go through JSON; a path is its text."""
    return [sys.executable, "-c", _SERVE, json.dumps(settings)]
