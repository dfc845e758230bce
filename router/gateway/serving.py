"""Serving: in this process, or with several workers."""

import logging
import sys
from collections.abc import Mapping
from functools import partial
from typing import Any

from router.gateway.worker import Worker
from router.settings import load_settings


def serve(given: Mapping[str, Any]) -> None:
    """Serve until SIGINT or SIGTERM, then let running answers finish.

    `given`: settings of the command line, plain values that JSON can say; they hold when the file
    changes. With `workers` above 1 it ends with SystemExit. Raises ConfigError if the address is
    taken.
    """
    worker = Worker.told()
    given = worker.given if worker else dict(given)
    reread = partial(load_settings, **given)
    settings = reread()
    name = f"worker {worker.number}: " if worker else ""
    logging.basicConfig(level=logging.INFO, format=f"{name}%(message)s", stream=sys.stderr)
    if worker is None and settings.workers > 1:
        from router.gateway.supervisor import supervise  # here, as it starts nothing that serves

        raise SystemExit(supervise(settings, given))
    from router.gateway.serve import run  # here, as a supervisor needs none of it

    run(settings, reread, worker)
