"""Speed and size of a decision, measured on this machine."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from router.decide.router import Router
from training.bench.constants import (
    ANSWER_CHARS,
    BATCH_PROMPTS,
    COLD_ROUNDS,
    LINE_ENDS,
    LONG_CHARS,
    ROUNDS,
    SHORT_CHARS,
    WARM_UP_ROUNDS,
)

# A few sentences of plain text and mixed content, repeated and cut to the length wanted.
_TEXT = (
    "Please look at the numbers in this table and tell me which of the three shops sold most "
    "per day in May, 2024. If two are within 5 % of each other, say so. def mean(xs): return "
    "sum(xs) / len(xs) is how I computed the average; is that right? "
)
# The same in a language that the vocabulary hardly reads.
_FOREIGN = (
    "Bitte sehen Sie sich die Zahlen in dieser Übersicht an und erklären Sie mir, welches der drei "
    "Geschäfte im Mai 2024 täglich am meisten verkauft hat. Falls zwei höchstens 5 % auseinander "
    "liegen, sagen Sie es ausdrücklich dazu. Prüfen Sie außerdem, ob der Mittelwert richtig ist. "
)
_COLD = """
import sys, time
started = time.perf_counter()
import router
imported = time.perf_counter() - started
heavy = {"torch", "mlflow", "pandas"} & set(sys.modules)
router.predict_tier("Say hello.")
decided = time.perf_counter() - started
status = open("/proc/self/status").read()
print(imported, decided, int(status.split("VmHWM:")[1].split()[0]) / 1024, len(heavy))
"""


def measure(rounds: int = ROUNDS) -> dict[str, Any]:
    """Latency quantiles, throughput, start-up and memory, each with its target."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # one core is what is promised
    router = Router.load()
    short, long = _prompt(SHORT_CHARS), _prompt(LONG_CHARS)
    foreign = _FOREIGN[:SHORT_CHARS]
    spoken = _latency_ms(lambda: router.predict(foreign), rounds)
    fast = _latency_ms(lambda: router.predict(short), rounds)
    slow = _latency_ms(lambda: router.predict(long), rounds // 3)
    blank = "\n" * LINE_ENDS + short
    hostile = _latency_ms(lambda: router.predict(blank), rounds // 10)
    before, answers = (
        router.predict(short),
        (_prompt(ANSWER_CHARS), _prompt(ANSWER_CHARS + 20)[20:]),
    )
    again = _latency_ms(lambda: router.predict_after(before, answers[0], answers[1:]), rounds)
    batch = [f"{i} {short}" for i in range(BATCH_PROMPTS)]
    started = time.perf_counter()
    router.predict_batch(batch)
    rate = len(batch) / (time.perf_counter() - started)
    cold = np.median([_cold_start() for _ in range(COLD_ROUNDS)], axis=0)
    rows = [
        ("decision, 300 characters, p50", np.quantile(fast, 0.5), "ms", "<=", 0.3),
        ("decision, 300 characters, p99", np.quantile(fast, 0.99), "ms", "<=", 1.0),
        ("decision, 300 characters of German, p50", np.quantile(spoken, 0.5), "ms", "<=", 0.5),
        ("decision, 5,000 characters, p50", np.quantile(slow, 0.5), "ms", "<=", 1.5),
        ("decision, 50,000 line ends, p50", np.quantile(hostile, 0.5), "ms", "<=", 5.0),
        ("after two answers of 1,500 characters, p50", np.quantile(again, 0.5), "ms", "<=", 0.5),
        ("predict_batch, one core", rate, "prompts/s", ">=", 5000),
        ("import router", cold[0], "s", "<=", 0.3),
        ("first decision of a cold process", cold[1], "s", "<=", 1.0),
        ("resident memory after it", cold[2], "MB", "<=", 200),
        ("heavy modules loaded by import router", cold[3], "", "<=", 0),
    ]
    measures = [
        {
            "name": name,
            "value": float(value),
            "unit": unit,
            "target": f"{sign} {target:g} {unit}",
            "met": bool(value <= target if sign == "<=" else value >= target),
        }
        for name, value, unit, sign, target in rows
    ]
    return {"model": router.version, "measures": measures}


def _prompt(characters: int) -> str:
    return (_TEXT * (characters // len(_TEXT) + 1))[:characters]


def _latency_ms(call: Callable[[], object], rounds: int) -> list[float]:
    for _ in range(WARM_UP_ROUNDS):
        call()
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        call()
        times.append((time.perf_counter() - started) * 1000)
    return times


def _cold_start() -> list[float]:
    """Seconds to import, seconds to the first decision, MB resident, heavy modules."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", _COLD], capture_output=True, text=True, check=True, env=environment
    )
    return [float(v) for v in done.stdout.split()]
