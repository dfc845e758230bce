"""A long siege of the gateway: python -m tests.soak --minutes 30 (`make soak`).

Traffic in all dialects at 70 % of what the gateway answers at most, while both backends fail,
restart and talk nonsense, the disk is full, the clock jumps, the model is swapped, settings change
and are spoilt, and with `--postgres` PostgreSQL has the log, hangs up and restarts. Ends with 1 if
a private value reached the cloud, a row was lost or doubled, the budget overshot, an answer failed
that no fault forced, memory grew, or the 99th percentile outside faults exceeds 10 ms. Beside that
stands the same percentile of a stub that is asked without the gateway, and nothing is subtracted.
"""

import argparse
import asyncio
import contextlib
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.servers.postgres import Postgres
from tests.soak.siege import Report, Siege

P99_MS = 10.0
GROWTH_MB = 1.0  # a minute, chosen: what is remembered of words fills its 20 MB within half an hour


def main() -> int:
    """Besiege, print, and say whether it held."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--rate", type=float, default=0.0, help="requests a second; 0: 70 %%")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--postgres", action="store_true", help="the log is in a PostgreSQL")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        postgres = stack.enter_context(Postgres()) if options.postgres else None
        siege = Siege(folder, 60 * options.minutes, options.rate, options.seed, postgres=postgres)
        report = asyncio.run(siege.run())
    broken = [*report.broken, *_slow_or_fat(report)]
    _print(report)
    for sentence, times in Counter(broken).most_common(20):
        print(f"BROKEN: {times} x {sentence}")
    print("It held." if not broken else f"{len(broken)} things did not hold.")
    return bool(broken)


def _slow_or_fat(report: Report) -> list[str]:
    out = []
    if report.p99_ms > P99_MS:
        out.append(f"The 99th percentile outside faults is {report.p99_ms:.1f} ms.")
    if report.growth_mb is not None and report.growth_mb > GROWTH_MB:
        out.append(f"Memory grows by {report.growth_mb:.1f} MB a minute.")
    return out


def _print(report: Report) -> None:
    memory = [mb for _, mb in report.memory] or [0.0]
    growth = "not known" if report.growth_mb is None else f"{report.growth_mb:+.2f} MB a minute"
    print(f"{report.asked} requests in {report.seconds:.0f} s, {report.rate:.0f}/s of at most")
    print(f"{report.capacity:.0f}/s from here. Statuses: {dict(sorted(report.statuses.items()))}")
    print(f"Outside faults p50 {report.p50_ms:.1f} ms, p99 {report.p99_ms:.1f} ms;")
    print(f"of a bare stub p50 {report.bare_p50_ms:.1f} ms, p99 {report.bare_p99_ms:.1f} ms;")
    print(f"whoever makes the load is late by {report.lag_p99_ms:.1f} ms at the 99th percentile.")
    print(f"The gateway computes {report.cpu_ms:.2f} ms for a request.")
    print(f"Memory {memory[0]:.0f} MB at first, {max(memory):.0f} MB at most, {memory[-1]:.0f} MB")
    print(f"at last; {growth} once it is warm.")
    print(f"Spent or reserved ${report.spent_usd:.4f}. Faults:")
    for name, count in report.faults.items():
        print(f"  {count} x {name}")


if __name__ == "__main__":
    sys.exit(main())
