"""The decision alone, ours beside uncommon-route's: time and memory on the bundled prompts."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests import ROOT
from tests.bench_peers.peers import pinned

UNCOMMON = ROOT / ".venv-bench-uncommon" / "bin" / "python"
COUNT = 300
# Both: import and load outside of the clock; every prompt once, so that nothing is remembered.
MEASURE = """
import json, re, sys, time
{prepare}
prompts = json.load(sys.stdin)
for prompt in prompts[:20]:
    decide(prompt)
took = []
for prompt in prompts[20:]:
    began = time.perf_counter()
    decide(prompt)
    took.append(time.perf_counter() - began)
took.sort()
resident = re.search(r"VmRSS:\\s+(\\d+)", open("/proc/self/status").read())
p50, p99 = (took[int(len(took) * share)] * 1e3 for share in (0.5, 0.99))
print(json.dumps([p50, p99, int(resident[1]) / 1024]))
"""
OURS = "from router import predict_tier as decide"
# Without its encoder it would decide by the rest of its signals, and that is not what it is.
THEIRS = """
from sentence_transformers import SentenceTransformer
SentenceTransformer("BAAI/bge-small-en-v1.5")
from uncommon_route import route
def decide(prompt): route(prompt, record_lifecycle=False)
"""


def prompts() -> list[str]:
    """Bundled prompts, each once."""
    lines = (ROOT / "data" / "everyday" / "english.jsonl").read_text().splitlines()
    return list(dict.fromkeys(str(json.loads(line)["prompt"]) for line in lines))[:COUNT]


def beside_uncommon_route() -> None:
    """Print a table, or why there is none."""
    version = pinned()["uncommon-route"]
    print("\n| decision | p50 ms | p99 ms | resident MB |\n|---|---|---|---|")
    given = json.dumps(prompts())
    for name, python, prepare in (
        ("hybrid-router", Path(sys.executable), OURS),
        (f"uncommon-route {version}", UNCOMMON, THEIRS),
    ):
        if not python.exists():
            print(f"| {name} | not installed | | |")
            continue
        environment = {**os.environ, "PYTHONPATH": str(ROOT) if prepare == OURS else ""}
        done = subprocess.run(
            ["taskset", "-c", "0", str(python), "-c", MEASURE.format(prepare=prepare)],
            input=given,
            capture_output=True,
            text=True,
            env=environment,
            check=False,
        )
        if done.returncode:
            why = (done.stderr.strip().splitlines() or ["no word"])[-1][:120]
            print(f"| {name} | did not run: {why} | | |")
            continue
        p50, p99, resident = json.loads(done.stdout.splitlines()[-1])
        print(f"| {name} | {p50:.2f} | {p99:.2f} | {resident:.0f} |")
