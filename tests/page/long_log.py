"""How long the page's questions take on a long log: `python -m tests.page.long_log --rows 1000000`.

The bundled requests are repeated over 30 days in a database of its own (1.6 GB for a million).
"""

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter, thread_time, time
from typing import Any

from sqlalchemy import Engine, insert

from router.gateway.constants import PAGE_CHOICES, PAGE_DECISIONS, PAGE_TIMES
from router.monitor.curve import curve
from router.outcomes import live
from router.outcomes.database import open_database
from router.outcomes.savings import savings
from router.outcomes.tables import decisions
from tests import ROOT

_DAY_S = 86_400
_PIECE = 10_000


def filled(engine: Engine, rows: int) -> None:
    """Put `rows` requests of the last 30 days into an empty log."""
    lines = (ROOT / "data" / "traffic" / "decisions.jsonl").read_text().splitlines()
    known, names = [json.loads(line) for line in lines], [c.name for c in decisions.columns]
    now = time()

    def made(i: int) -> dict[str, Any]:
        row = {name: known[i % len(known)].get(name) for name in names}
        return {**row, "id": f"{i:036x}", "at": now - 30 * _DAY_S * (1 - i / rows)}

    with engine.begin() as connection:
        for start in range(0, rows, _PIECE):
            piece = range(start, min(start + _PIECE, rows))
            connection.execute(insert(decisions), [made(i) for i in piece])


def questions(engine: Engine) -> Iterator[tuple[str, Callable[[], object]]]:
    """What the page asks, by name."""
    now = time()
    month = now - 30 * _DAY_S
    for name, days, bars in (("hour", 1 / 24, 60), ("day", 1, 48), ("month", 30, 30)):
        since = now - days * _DAY_S
        yield f"requests of a {name}", lambda s=since, b=bars: live.traffic(engine, s, now, b)
    yield "money of a month", lambda: savings(engine, month)
    yield "last decisions", lambda: live.last_seen(engine, PAGE_DECISIONS)
    yield "those of a key without any", lambda: live.last_seen(engine, PAGE_DECISIONS, "nobody")
    yield "times", lambda: live.took(engine, PAGE_TIMES)
    choices = live.choices(engine, month, PAGE_CHOICES)
    yield "choices", lambda: live.choices(engine, month, PAGE_CHOICES)
    yield "ratings of these", lambda: live.scores_of(engine, [one.id for one in choices])
    yield "the curve", lambda: curve(choices, {}, 0.25)


def main() -> None:
    """Fill a log, and time each question the second time it is asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as folder:
        engine = open_database(f"sqlite:///{Path(folder) / 'o.db'}")
        filled(engine, rows)
        for name, ask in questions(engine):
            ask()
            began, worked = perf_counter(), thread_time()
            ask()
            took, cpu = perf_counter() - began, thread_time() - worked
            print(f"{name:28} {took:7.3f} s, {cpu:.3f} s of one core")
        engine.dispose()


if __name__ == "__main__":
    main()
