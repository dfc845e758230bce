"""How well the offered tools fit what is asked: none may fit, and then the right call is none."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np

from router.answers.constants import (
    MAX_FITTED_TOOLS,
    NOTHING_FITS,
    SCHEMAS_REMEMBERED,
    WORDS_HEAD_CHARS,
    WORDS_TAIL_CHARS,
)
from router.answers.offered_tools import OfferedTool
from router.text.features import FeatureExtractor
from router.text.structure import clip
from router.types import FloatArray

_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Fit:
    """How well one tool fits a request, each 0..1.

    `words`: how much of what its name and description say, by idf, the request says as well.
    `meaning`: cosine of the two, not below 0.
    """

    words: float
    meaning: float


def nothing_fits(best: Fit) -> float:
    """The probability that no tool fits a request to which the best of them fits so well.

    >>> nothing_fits(Fit(words=0.6, meaning=0.7)) < 0.05 < 0.9 < nothing_fits(Fit(0.05, 0.2))
    True
    """
    level, words, meaning = NOTHING_FITS
    return 1 / (1 + math.exp(-(level + words * best.words + meaning * best.meaning)))


class ToolFit:
    """Fits tools to requests; remembers what it read of the tools. Threads may share it.

    `weight` (v,): how much a token counts (its idf).
    """

    def __init__(self, extractor: FeatureExtractor, weight: FloatArray | None = None) -> None:
        weights = weight if weight is not None else np.ones(len(extractor.tokens))
        # Of no method: a memory that knows its owner is a circle, and a model left would stay.
        self._read = partial(_read, extractor, weights)
        self._of_tool = lru_cache(maxsize=SCHEMAS_REMEMBERED)(self._read)

    def of(self, tools: Mapping[str, OfferedTool], prompt: str) -> dict[str, Fit]:
        """The fit of each of the first 64 tools to `prompt`, under the names of `tools`."""
        asked, meant = self._read(clip(prompt, WORDS_HEAD_CHARS, WORDS_TAIL_CHARS))
        out = {}
        for name, tool in list(tools.items())[:MAX_FITTED_TOOLS]:
            said, vector = self._of_tool(_said(tool))
            total = sum(said.values())
            shared = sum(weight for token, weight in said.items() if token in asked)
            out[name] = Fit(shared / total if total else 0.0, max(0.0, float(vector @ meant)))
        return out


def _read(
    extractor: FeatureExtractor, weights: FloatArray, text: str
) -> tuple[dict[int, float], FloatArray]:
    """The weight of each token of `text`, and its vector."""
    ids = extractor.tokenize([text])
    vector: FloatArray = extractor.encoder.encode([text], ids)[0]
    tokens = ids.flat.tolist()
    return dict(zip(tokens, weights[ids.flat].tolist(), strict=True)), vector


def _said(tool: OfferedTool) -> str:
    """A tool's name as words, and the beginning of its description."""
    name = _HUMP.sub(" ", tool.name).replace("_", " ").replace(".", " ")
    return f"{name}. {tool.description[:WORDS_HEAD_CHARS]}"
