"""Outcomes made up in any number, to measure how fitting goes with their number.

Prompts are walks over the words of the bundled everyday prompts in English: from each word to one
that followed it somewhere (a Markov chain of first order), now and then to any word. So words have
the frequencies, and prompts the lengths, of real ones. Whether an answer is good is drawn from a
known truth, a logit that is linear in the words, the length and the model that answered; the column
`truth` has the probability itself.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from router.decide.heads import sigmoid
from router.errors import DataError
from router.types import FloatArray, IntArray
from training.bench.constants import (
    ANY_WORD,
    FILE_ROWS,
    LENGTH_EFFECT,
    MADE_MODELS,
    TOLD_WORDS,
    WORD_EFFECT,
)
from training.data.dataset import TIERS
from training.data.readers import read_table


@dataclass(frozen=True)
class Chain:
    """Which words follow which.

    `words`: all. `first`: how prompts begin. `after` and `bounds` (v + 1,): what follows each word.
    `lengths`: of prompts, in words.
    """

    words: NDArray[np.object_]
    first: IntArray
    after: IntArray
    bounds: IntArray
    lengths: IntArray

    @classmethod
    def of(cls, prompts: list[str]) -> "Chain":
        """The chain of some texts."""
        split = [p.split() for p in prompts if p.split()]
        words = sorted({w for one in split for w in one})
        number = {w: i for i, w in enumerate(words)}
        ids = [np.array([number[w] for w in one]) for one in split]
        before = np.concatenate([one[:-1] for one in ids])
        after = np.concatenate([one[1:] for one in ids])
        order = np.argsort(before, kind="stable")
        return cls(
            words=np.array(words, dtype=object),
            first=np.array([one[0] for one in ids]),
            after=after[order],
            bounds=np.searchsorted(before[order], np.arange(len(words) + 1)),
            lengths=np.array([len(one) for one in ids]),
        )

    def walks(self, count: int, rng: np.random.Generator) -> tuple[IntArray, IntArray]:
        """Prompts as numbers of words, (count, longest), and their lengths (count,)."""
        lengths = rng.choice(self.lengths, count)
        at = rng.choice(self.first, count)
        out = np.zeros((count, int(lengths.max())), dtype=np.int64)
        sizes = self.bounds[1:] - self.bounds[:-1]
        for step in range(out.shape[1]):
            out[:, step] = at
            chosen = self.bounds[at] + (rng.random(count) * sizes[at]).astype(np.int64)
            jump = (rng.random(count) < ANY_WORD) | (sizes[at] == 0)
            followed = self.after[np.minimum(chosen, len(self.after) - 1)]
            at = np.where(jump, self.after[rng.integers(len(self.after), size=count)], followed)
        return out, lengths


@dataclass(frozen=True)
class Truth:
    """How good answers are: of each tier the effects of words (v + 1,) and of each model."""

    words: dict[str, FloatArray]
    level: dict[str, float]

    @classmethod
    def drawn(cls, chain: Chain, rng: np.random.Generator) -> "Truth":
        """Effects for the commonest words; the cloud's are half of the local ones, plus its own."""
        common = np.argsort(-np.bincount(chain.after, minlength=len(chain.words)))[:TOLD_WORDS]
        local, cloud = np.zeros((2, len(chain.words)))
        local[common] = rng.normal(0, WORD_EFFECT, len(common))
        cloud[common] = local[common] / 2 + rng.normal(0, WORD_EFFECT / 2, len(common))
        return cls({"local": local, "cloud": cloud}, {"local": 0.5, "cloud": 1.5})

    def logits(self, tier: str, walks: IntArray, lengths: IntArray) -> FloatArray:
        """Of every prompt: the mean effect of its words, times the root of their number; length."""
        inside = np.arange(walks.shape[1]) < lengths[:, None]
        told = (self.words[tier][walks] * inside).sum(axis=1) / np.sqrt(lengths)
        slope = LENGTH_EFFECT if tier == "local" else LENGTH_EFFECT / 2
        made: FloatArray = self.level[tier] + told - slope * (np.log(lengths) - np.log(12))
        return made


def made_rows(rows: int, everyday: Path, seed: int = 0) -> Iterator[pd.DataFrame]:
    """Canonical rows in frames of FILE_ROWS: of each prompt one of the local tier and the cloud's.

    The same numbers give the same rows.
    """
    tables = [read_table(f) for f in sorted(everyday.glob("*.jsonl"))]
    prompts = [p for t in tables for p in t["prompt"].astype(str) if p.isascii()]
    if not prompts:
        raise DataError(f"{everyday} holds no English prompts; name data/everyday (--everyday).")
    chain = Chain.of(prompts)
    truth = Truth.drawn(chain, np.random.default_rng(seed))
    for number, start in enumerate(range(0, rows, FILE_ROWS)):
        count = (min(FILE_ROWS, rows - start) + 1) // 2
        rng = np.random.default_rng([seed, number])
        yield _frame(chain, truth, count, number, rng)


def _frame(
    chain: Chain, truth: Truth, count: int, number: int, rng: np.random.Generator
) -> pd.DataFrame:
    walks, lengths = chain.walks(count, rng)
    texts = [
        " ".join(words[:n])
        for words, n in zip(chain.words[walks].tolist(), lengths.tolist(), strict=True)
    ]
    ids = [f"{number:06}-{i:06}" for i in range(count)]
    sides = []
    for tier in TIERS:
        which = rng.integers(len(MADE_MODELS[tier]), size=count)
        names, terms = zip(*MADE_MODELS[tier], strict=True)
        p = sigmoid(truth.logits(tier, walks, lengths) + np.array(terms)[which])
        sides.append(
            pd.DataFrame(
                {
                    "prompt_id": ids,
                    "group": ids,
                    "source": "made",
                    "category": "",
                    "prompt": texts,
                    "tier": tier,
                    "model": np.array(names)[which],
                    "score": (rng.random(count) < p) * 1.0,
                    "truth": p,
                }
            )
        )
    return pd.concat(sides).sort_values("prompt_id", kind="stable").reset_index(drop=True)


def write(rows: int, folder: Path, everyday: Path, seed: int = 0) -> int:
    """Write `made_rows` as Parquet files into `folder`; returns how many rows. Files that are
    there already are left.
    """
    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    for number, frame in enumerate(made_rows(rows, everyday, seed)):
        path = folder / f"rows-{number:05}.parquet"
        part = path.with_suffix(".part")
        frame.to_parquet(part, index=False)
        part.replace(path)
        count += len(frame)
    return count
