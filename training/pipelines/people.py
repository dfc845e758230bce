"""From made-up names and addresses to the tagger of the privacy filter."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

from router.privacy.people import Tagger
from training.data.people import Example, Maker
from training.fit import people
from training.pipelines.constants import NAME_RATE, PEOPLE_EXAMPLES, PEOPLE_PROMPT

# What false alarms are counted on is not learnt from: prompts of code and of numbers, and these.
_COUNTED_ON = ("zeroeval", "bfcl")
_CODE_AND_NUMBERS = "math|gsm|compu|algebra|statistics|physics|machine_learning"
# Full of names, and nobody said which of them are people's.
_FULL_OF_NAMES = "law|history|politics|miscellaneous|religions|jurisprudence|mt_bench"


def learn(data: Sequence[Path], seed: int, progress: Callable[[str], None]) -> Tagger:
    """The tagger learnt from examples made by a seed, among the prompts in `data`.

    A third of the prompts is left out, and says where to cut.
    """
    progress("reading prompts")
    prompts = Maker((), seed).without_names([p[:PEOPLE_PROMPT] for f in data for p in _prompts(f)])
    Random(seed).shuffle(prompts)
    third = len(prompts) // 3
    held, seen = prompts[:third], prompts[third:]
    progress("making names and addresses")
    maker = Maker(seen, seed)
    made = (maker.address, maker.name, maker.other)
    examples = [one() for one, n in zip(made, PEOPLE_EXAMPLES, strict=True) for _ in range(n)]
    progress("learning")
    first = people.fit(examples, seed)
    progress("learning again, with what was wrong")
    examples += [Example(p, "other", 0, 0) for p in seen if people.best(first, p)] * 2
    tagger = people.fit(examples, seed + 1)
    progress("cutting")
    other = Maker(held, seed + 1)
    work = [other.other().text for _ in range(PEOPLE_EXAMPLES[2])]
    return people.cut(people.leaning(tagger), [*held, *work], NAME_RATE)


def _prompts(path: Path) -> list[str]:
    """The prompts of a folder of measured outcomes or of everyday prompts."""
    import pandas as pd

    out = []
    for file in sorted(path.iterdir()):
        if file.name.startswith(_COUNTED_ON):
            continue
        if file.suffix == ".jsonl":
            out += [json.loads(line)["prompt"] for line in file.read_text("utf-8").splitlines()]
        elif file.name.endswith(".prompts.parquet"):
            frame = pd.read_parquet(file)
            left_out = frame["category"].str.contains(f"{_CODE_AND_NUMBERS}|{_FULL_OF_NAMES}")
            out += list(frame.loc[~left_out, "prompt"])
    return out
