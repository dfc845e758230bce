"""A long siege of the gateway: python -m tests.soak --minutes 30 (`make soak`).

Traffic in all dialects at 70 % of what the gateway answers at most, while both backends fail,
restart and talk nonsense, the disk is full, the clock jumps, the model is swapped, settings change
and are spoilt, and PostgreSQL hangs up (where TEST_POSTGRES_URL names one). Ends with 1 if a
private value reached the cloud, a row was lost or doubled, the budget overshot, an answer failed
that no fault forced, memory grew, or the 99th percentile outside faults exceeds 10 ms.
"""

import argparse
import asyncio
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.soak.siege import Report, Siege

P99_MS = 10.0
GROWN_MB = 32.0  # caches fill: what is remembered of turns, tokens and conversations has bounds


def main() -> int:
    """Besiege, print, and say whether it held."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--rate", type=float, default=0.0, help="requests a second; 0: 70 %%")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        siege = Siege(Path(folder), 60 * options.minutes, options.rate, options.seed)
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
    memory = report.memory_mb
    # Each kind of fault once in every quarter: two models are in memory while one replaces another.
    if len(memory) >= 4 * len(report.faults):
        quarter = len(memory) // 4
        grown = max(memory[-quarter:]) - max(memory[quarter : 2 * quarter])
        if grown > GROWN_MB:
            out.append(f"Memory grew by {grown:.0f} MB after the first half.")
    return out


def _print(report: Report) -> None:
    memory = report.memory_mb or [0.0]
    print(f"{report.asked} requests in {report.seconds:.0f} s, {report.rate:.0f}/s of at most")
    print(f"{report.capacity:.0f}/s from here. Statuses: {dict(sorted(report.statuses.items()))}")
    print(f"Outside faults p50 {report.p50_ms:.1f} ms, p99 {report.p99_ms:.1f} ms.")
    print(f"Memory {memory[0]:.0f} MB at first, {memory[-1]:.0f} MB at last.")
    print(f"Spent or reserved ${report.spent_usd:.4f}. Faults:")
    for name, count in report.faults.items():
        print(f"  {count} x {name}")


if __name__ == "__main__":
    sys.exit(main())
