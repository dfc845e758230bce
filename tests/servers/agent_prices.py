"""How well a cloud answer's price is told beforehand: python -m tests.servers.agent_prices.

Sessions of 30 turns of an agent, three one after another for each seed, before a cloud that reports
its prompt cache honestly and draws the length of each answer by lot. Beside the router stands who
knows the input to the token and the mean length of answers: the best that can be told.
"""

import tempfile
from pathlib import Path

import numpy as np

from router.prices import price_usd
from router.types import FloatArray
from tests.router.engine.test_agents import priced
from tests.servers import agents, upstream
from tests.servers.running import HARD, Gateway

SEEDS, SESSIONS, TURNS = (1, 2, 3, 4, 5), 3, 30
LENGTHS = range(80, 400)


def sessions(seed: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Told, known at best, and paid; US dollars, each of shape (sessions, turns)."""
    with (
        tempfile.TemporaryDirectory() as folder,
        upstream.Upstream(upstream.local) as local,
        upstream.Upstream(upstream.cloud) as cloud,
    ):
        cloud.script = agents.Cloud(seed=seed, lengths=LENGTHS).script
        settings = {"local_url": local.url, "cloud_url": cloud.url}
        with Gateway(Path(folder), **settings) as gateway:
            texts = [f"{HARD} ({number})" for number in range(SESSIONS)]
            told = np.array([priced(gateway, text) for text in texts])
            rows = gateway.rows()
    mean = sum(LENGTHS) / len(LENGTHS)
    best = [
        price_usd(r["model"], r["input_tokens"], round(mean), r["cache_read"], r["cache_write"])
        for r in rows
    ]
    paid = [r["cost_usd"] for r in rows]
    shape = (SESSIONS, TURNS)
    return told, np.array(best).reshape(shape), np.array(paid).reshape(shape)


def main() -> None:
    """Print a line for each way of telling."""
    told, best, paid = (np.concatenate(part) for part in zip(*map(sessions, SEEDS), strict=True))
    first = np.arange(len(paid)) % SESSIONS == 0
    for name, guess in (("told by the router", told), ("known at best", best)):
        off = np.abs(guess / paid - 1)
        sums = np.abs(guess.sum(1) / paid.sum(1) - 1)
        print(
            f"{name}: within 15 %: {(off <= 0.15).mean():.0%} of turns, median {np.median(off):.0%}"
        )
        print(
            f"  first turns of a first session {np.median(off[first, 0]):.0%}, of later ones "
            f"{np.median(off[~first, 0]):.0%}; whole sessions {sums.max():.0%} at most"
        )
    input_alone = np.abs((told - best)[:, 1:] / paid[:, 1:])
    print(f"beside that, after the first turn: {np.median(input_alone):.1%} of the price")


if __name__ == "__main__":
    main()
