"""A small lexicon: the English words that words of other languages stand for.

The encoder's vocabulary, its vectors and the weights of its words are English. What a request in
another language wants (explain, prove, translate) and of what (a theorem, a contract, a poem) is
looked up by the beginnings of its words, so that what was learned in English holds for it as well.
"""

import re
from collections.abc import Mapping
from importlib.resources import files

from router.text.constants import CHUNKS_REMEMBERED, MAX_FOREIGN_CHARS

# Where a word may begin: after what is no letter; in scripts without spaces, with short words in
# front of others, or with signs between letters, anywhere.
_START = re.compile(
    r"[\u0600-\u06ff\u0900-\u097f\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7ff]|(?<!\w)\w"
)
_WORD = re.compile(r"\w+")
# Ids of what stands between two spaces, and stems of several words that may begin there.
_Read = tuple[list[int], list[str]]
_NOTHING: _Read = [], []  # what nearly all words say, once


class Lexicon:
    """Finds the ids of English words in texts of other languages; of English ones, nothing."""

    def __init__(self, vocabulary: Mapping[str, int]) -> None:
        self._vocabulary = vocabulary
        self._begins: dict[str, int] = {}
        self._whole: dict[str, int] = {}
        lengths: dict[str, set[int]] = {}
        for line in files("router.text").joinpath("lexicon.txt").read_text("utf-8").splitlines():
            english, _, words = line.partition(": ")
            if line.startswith("#") or english not in vocabulary:
                continue
            for word in words.split():
                stem = word.rstrip("_").replace("_", " ")
                (self._whole if word.endswith("_") else self._begins)[stem] = vocabulary[english]
                lengths.setdefault(stem[0], set()).add(len(stem))
        self._several: dict[str, list[str]] = {}  # stems of several words by the first of these
        for stem in (*self._begins, *self._whole):
            if " " in stem:
                self._several.setdefault(stem.split(" ")[0], []).append(stem)
        self._known: dict[str, _Read] = {}
        self._lengths = {first: sorted(found, reverse=True) for first, found in lengths.items()}

    def of_word(self, word: str) -> int | None:
        """The id for one word in lower case that the vocabulary does not hold."""
        for length in self._lengths.get(word[0], ()):
            stem = word[:length]
            found = self._whole.get(stem) if len(word) == length else None
            if (found := found or self._begins.get(stem)) is not None:
                return found
        return None

    def of_text(self, text: str) -> list[int]:
        """The ids for a text in lower case, in order; what stands between spaces is remembered.

        >>> vocabulary = {"explain": 7, "what": 8}
        >>> Lexicon(vocabulary).of_text("请解释一下"), Lexicon(vocabulary).of_text("explain it")
        ([7], [])
        """
        if len(self._known) >= CHUNKS_REMEMBERED:
            self._known = {}
        known = self._known
        out: list[int] = []
        for chunk in text.split():
            ids, several = known[chunk] if chunk in known else self._of_chunk(chunk, known)
            if several and any(stem in text for stem in several):
                return self._scanned(text)
            out += ids
        return out

    def _of_chunk(self, chunk: str, known: dict[str, _Read]) -> _Read:
        starts = [match.start() for match in _START.finditer(chunk)]
        several = [stem for at in starts for stem in self._several.get(chunk[at:], ())]
        ids = self._scanned(chunk)
        found = (ids, several) if ids or several else _NOTHING
        if len(chunk) <= MAX_FOREIGN_CHARS:
            known[chunk] = found
        return found

    def _scanned(self, text: str) -> list[int]:
        out = []
        end = 0
        for match in _START.finditer(text):
            start = match.start()
            if start < end:
                continue
            for length in self._lengths.get(match[0], ()):
                stop = start + length
                stem = text[start:stop]
                found = self._begins.get(stem)
                if found is None and not text[stop : stop + 1].isalnum():
                    found = self._whole.get(stem)
                if found is not None:
                    if not self._is_english(text, start):
                        out.append(found)
                        end = stop
                    break
        return out

    def _is_english(self, text: str, start: int) -> bool:
        word = _WORD.match(text, start)
        return word is not None and word[0] in self._vocabulary
