"""WordPiece with a memory: the bundled tokenizer's ids of ASCII text, several times faster.

A word's pieces do not depend on its neighbours (Devlin et al. 2019, arXiv 1810.04805), and most
words of a text are frequent ones, so looking whole words up replaces nearly all of the search.
"""

import re
from collections.abc import Sequence
from itertools import chain

from tokenizers import Tokenizer

from router.text.constants import MAX_WORD_CHARS, WORDS_REMEMBERED
from router.text.lexicon import Lexicon

_WORD = re.compile(r"[a-z0-9]+|[^a-z0-9\s]")
# What the bundled tokenizer's normalizer removes, and its two special tokens.
_SPECIAL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\[UNK\]|\[PAD\]")


class WordPiece:
    """Token ids of texts. Threads may share one: a word found twice is stored twice, no more."""

    def __init__(self, tokenizer: Tokenizer, limit: int) -> None:
        tokenizer.no_padding()
        tokenizer.enable_truncation(limit)
        self.tokenizer, self.limit = tokenizer, limit
        self.vocabulary: dict[str, int] = tokenizer.get_vocab()
        self._unknown = [self.vocabulary["[UNK]"]]
        self._words = {
            w: [i] for w, i in self.vocabulary.items() if len(w) == 1 or not w.startswith("##")
        }
        self.lexicon = Lexicon(self.vocabulary)
        self._english: dict[str, int] = {}  # words of other languages, met in ASCII texts

    def ids(self, texts: Sequence[str], *, lexicon: bool = False) -> list[list[int]]:
        """Ids of every text, at most `limit` each; equal to those of the tokenizer.

        With `lexicon`, the English words that a text's foreign ones stand for follow.
        """
        fast = [t.isascii() and not _SPECIAL.search(t) for t in texts]
        slow = iter(
            self.tokenizer.encode_batch_fast(
                [t for t, easy in zip(texts, fast, strict=True) if not easy],
                add_special_tokens=False,
            )
            if not all(fast)
            else ()
        )
        return [
            self._ascii(t, lexicon) if easy else self._foreign(t, next(slow).ids, lexicon)
            for t, easy in zip(texts, fast, strict=True)
        ]

    def _foreign(self, text: str, ids: list[int], lexicon: bool) -> list[int]:
        return [*ids, *self.lexicon.of_text(text.lower())] if lexicon else ids

    def _ascii(self, text: str, lexicon: bool) -> list[int]:
        words = _WORD.findall(text.lower())
        pieces = list(map(self._words.get, words))
        if None in pieces:
            for i, word in enumerate(words):
                if pieces[i] is None:
                    pieces[i] = self._remembered(word)
        ids = list(chain.from_iterable(pieces))[: self.limit]  # type: ignore[arg-type]
        if lexicon and not self._english.keys().isdisjoint(words):
            ids += [self._english[w] for w in words if w in self._english]
        return ids

    def _remembered(self, word: str) -> list[int]:
        pieces = self._words.get(word)
        if pieces is None:
            pieces = self._pieces(word)
            if len(self._words) < WORDS_REMEMBERED:
                if (english := self.lexicon.of_word(word)) is not None:
                    self._english[word] = english
                self._words[word] = pieces
        return pieces

    def _pieces(self, word: str) -> list[int]:
        """Greedy longest match from the left."""
        if len(word) > MAX_WORD_CHARS:
            return self._unknown
        pieces: list[int] = []
        start, prefix = 0, ""
        while start < len(word):
            for end in range(len(word), start, -1):
                piece = self.vocabulary.get(prefix + word[start:end])
                if piece is not None:
                    pieces.append(piece)
                    break
            else:
                return self._unknown
            start, prefix = end, "##"
        return pieces
