"""WordPiece with a memory: the bundled tokenizer's ids, several times faster.

A word's pieces do not depend on its neighbours (Devlin et al. 2019, arXiv 1810.04805), and most
words of a text are frequent ones, so looking up what stands between spaces, words with the
punctuation around them, replaces nearly all of the search.
"""

import re
from collections.abc import Sequence
from itertools import chain

from tokenizers import Tokenizer

from router.text.constants import CHUNKS_REMEMBERED, MAX_FOREIGN_CHARS, MAX_WORD_CHARS
from router.text.lexicon import Lexicon

_WORD = re.compile(r"[a-z0-9]+|[^a-z0-9\s]")
# What the bundled tokenizer's normalizer removes, and its two special tokens.
_REMOVED = bytes({*range(32), 127} - {*b"\t\n\r"})
# It removes \x85 as well, which is a space to str.split.
_REMOVED_SIGN = re.compile(f"[{re.escape(_REMOVED.decode())}\x85]")
_SPECIAL = ("[UNK]", "[PAD]")
_Memory = dict[str, list[int]]


class WordPiece:
    """Token ids of texts. Threads may share one: a word found twice is stored twice, no more."""

    def __init__(self, tokenizer: Tokenizer, limit: int) -> None:
        tokenizer.no_padding()
        tokenizer.enable_truncation(limit)
        self.tokenizer, self.limit = tokenizer, limit
        self.vocabulary: dict[str, int] = tokenizer.get_vocab()
        self._unknown = [self.vocabulary["[UNK]"]]
        self.lexicon = Lexicon(self.vocabulary)
        # What stands between spaces to its pieces, and to the English of its foreign words.
        self._memory: tuple[_Memory, _Memory] = {}, {}

    def ids(self, texts: Sequence[str], *, lexicon: bool = False) -> list[list[int]]:
        """Ids of every text, at most `limit` each; equal to those of the tokenizer.

        With `lexicon`, the English words that a text's foreign ones stand for follow.
        """
        if len(self._memory[0]) >= CHUNKS_REMEMBERED:  # frequent ones are soon there again
            self._memory = {}, {}
        return [self._of_text(text, lexicon) for text in texts]

    def _of_text(self, text: str, lexicon: bool) -> list[int]:
        plain = _is_plain(text)
        if plain and text.isascii():
            return self._ascii(text, lexicon)
        ids = self._foreign(text) if plain else self._searched([text])[0]
        return [*ids, *self.lexicon.of_text(text.lower())] if lexicon else ids

    def _searched(self, texts: Sequence[str]) -> list[list[int]]:
        found = self.tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [one.ids for one in found]

    def _foreign(self, text: str) -> list[int]:
        """Of what is not ASCII the tokenizer itself tells the pieces; of words, once."""
        known, english = self._memory
        chunks = [c.lower() if c.isascii() else c for c in text.split()]
        new = [c for c in dict.fromkeys(chunks) if not c.isascii() and c not in known]
        pieces = dict(zip(new, self._searched(new), strict=True)) if new else {}
        known.update((c, pieces[c]) for c in new if len(c) <= MAX_FOREIGN_CHARS)
        found = (pieces[c] if c in pieces else self._of_chunk(c, known, english) for c in chunks)
        return list(chain.from_iterable(found))[: self.limit]

    def _ascii(self, text: str, lexicon: bool) -> list[int]:
        known, english = self._memory
        chunks = text.lower().split()
        try:
            pieces = [known[c] for c in chunks]
        except KeyError:
            chunks = _short(chunks)
            pieces = [self._of_chunk(c, known, english) for c in chunks]
        ids = list(chain.from_iterable(pieces))
        del ids[self.limit :]
        if lexicon and not english.keys().isdisjoint(chunks):
            ids += chain.from_iterable(english.get(c, ()) for c in chunks)
        return ids

    def _of_chunk(self, chunk: str, known: _Memory, english: _Memory) -> list[int]:
        if (pieces := known.get(chunk)) is not None:
            return pieces
        words = _WORD.findall(chunk)
        pieces = list(chain.from_iterable(map(self._pieces, words)))
        if len(chunk) <= MAX_WORD_CHARS:
            strange = (w for w in words if w not in self.vocabulary)
            meant = [e for w in strange if (e := self.lexicon.of_word(w)) is not None]
            if meant:
                english[chunk] = meant
            known[chunk] = pieces
        return pieces

    def _pieces(self, word: str) -> list[int]:
        """Greedy longest match from the left."""
        whole = self.vocabulary.get(word)
        if whole is not None:
            return [whole]
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


def _short(chunks: Sequence[str]) -> list[str]:
    """The chunks, those too long to remember taken apart."""
    return [
        part
        for chunk in chunks
        for part in (_WORD.findall(chunk) if len(chunk) > MAX_WORD_CHARS else (chunk,))
    ]


def _is_plain(text: str) -> bool:
    """Whether the pieces of a text are those of what stands between its spaces."""
    if any(special in text for special in _SPECIAL):
        return False
    if not text.isascii():
        return _REMOVED_SIGN.search(text) is None
    raw = text.encode("ascii")
    return len(raw.translate(None, _REMOVED)) == len(raw)
