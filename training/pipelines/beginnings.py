"""What reading the beginning of an answer shows: the tables that holding streams rests on."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from router.answers.constants import MARKS
from router.answers.reading import Answer, Reader, Reading
from router.answers.verifier import Verifier
from router.decide.constants import BATCH_REQUESTS
from router.decide.heads import sigmoid
from router.types import FloatArray, IntArray
from training.data.answers import Answered
from training.data.opinions import Abilities, Opinions, PromptLogits
from training.fit.constants import MIN_ROWS
from training.fit.deferral import borne_out, look_table


def texts_of(answers: pd.DataFrame) -> "pd.Series[str]":
    """The texts of answers without calls, by (prompt_id, model)."""
    known = answers.reindex(columns=["prompt_id", "model", "text", "calls"])
    prose = known[known["text"].notna() & known["calls"].isna()]
    return prose.drop_duplicates(["prompt_id", "model"]).set_index(["prompt_id", "model"])["text"]


def beginning_tables(
    opinions: Opinions,
    texts: "pd.Series[str]",
    at: IntArray,
    reader: Reader,
    verifier: Verifier,
    ability: Abilities,
    logits: PromptLogits,
) -> FloatArray | None:
    """Tables from the prompt alone to 120, 240 and 480 characters and to all of the answer.

    Shape (4, GRID, GRID, MOVES), in the order of `router.decide.deferral`. `texts`: of answers
    that are written out, by (prompt_id, model); `at`: rows of `opinions` that the verifier was not
    fitted on; None where fewer than 20 of them have a text and a known prompt. Moves count as far
    as outcomes bear them out.
    """
    frame = opinions.answers.frame
    keys = list(zip(frame["prompt_id"], frame["model"], strict=True))
    known = np.array([i for i in at if keys[i] in texts.index and keys[i][0] in logits], dtype=int)
    if len(known) < MIN_ROWS:
        return None
    before = np.array([logits[keys[i][0]] for i in known])
    before[:, 0] += [ability(keys[i][1]) for i in known]
    written = texts.loc[[keys[i] for i in known]].tolist()
    part = frame.iloc[known].reset_index(drop=True)
    whole = [opinions.answers.readings[i] for i in known]

    def judged(readings: list[Reading]) -> FloatArray:
        alone = Opinions(Answered(part, readings), opinions.weight)
        rows = alone.rows([(i, ()) for i in range(len(part))], ability, logits)
        return sigmoid(verifier.logits(rows))

    stages = [whole]
    for chars in reversed(MARKS):
        begun = _read(reader, [text[:chars] for text in written], part["asks"].tolist())
        ended = [len(text) <= chars for text in written]
        stages.insert(0, [w if e else b for w, b, e in zip(whole, begun, ended, strict=True)])
    prompt, gained = sigmoid(before), (part["cloud"] - part["score"]).to_numpy(dtype="float64")
    after = [judged(readings) for readings in stages]
    return np.stack([borne_out(prompt, p, gained) * look_table(prompt, p) for p in after])


def _read(reader: Reader, texts: Sequence[str], asks: Sequence[str]) -> list[Reading]:
    """Readings of beginnings."""
    out: list[Reading] = []
    for start in range(0, len(texts), BATCH_REQUESTS):
        part = slice(start, start + BATCH_REQUESTS)
        out += reader.read([Answer(text, so_far=True) for text in texts[part]], asks[part])
    return out
