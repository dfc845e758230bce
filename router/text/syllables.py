"""Pieces of words that the English vocabulary cannot read: hashed runs of characters.

Of a word with a letter beyond ASCII the vocabulary keeps single letters, or nothing. Its runs of a
few characters, hashed (Weinberger et al. 2009, arXiv 0902.2206), say again which word it was, in
any script and whatever its ending (Bojanowski et al. 2017, arXiv 1607.04606).
"""

from collections.abc import Sequence

import numpy as np

from router.text.constants import LETTERS_TOGETHER, SYLLABLE_BUCKETS, SYLLABLES_TOGETHER
from router.text.ragged import Ragged, distinct
from router.text.scripts import SYLLABIC, scripts_in
from router.types import IntArray

# Odd, with their bits well spread: primes of xxHash.
_MIX = (np.uint64(0x9E3779B185EBCA87), np.uint64(0xC2B2AE3D27D4EB4F))
_BITS = np.uint64(40)


def syllables(codes: Sequence[IntArray | None]) -> Ragged:
    """Distinct hash buckets of the pieces in every text, 0..SYLLABLE_BUCKETS-1, sorted.

    `codes`: code points in lower case; None for a text in ASCII, which has no such word.
    """
    if not any(own is not None for own in codes):
        return Ragged(_NONE, np.zeros(len(codes) + 1, dtype=np.int64))
    found = [_NONE if own is None else _pieces(own) for own in codes]
    if len(found) == 1:
        return distinct(_NONE, found[0], 1, SYLLABLE_BUCKETS)
    owner = np.arange(len(found)).repeat([len(f) for f in found])
    return distinct(owner, np.concatenate(found), len(found), SYLLABLE_BUCKETS)


_NONE = np.zeros(0, dtype=np.int64)


def _pieces(codes: IntArray) -> IntArray:
    """Buckets of one text: two characters each where a character is a syllable, else four."""
    script = scripts_in(codes)
    small = (codes >= ord("a")) & (codes <= ord("z"))
    foreign = (script > 0) & (codes > 127)
    letter = small | foreign
    starts = letter.copy()
    starts[1:] &= ~letter[:-1]
    word = np.cumsum(starts) * letter  # 0 between words
    unread = np.bincount(word, weights=foreign) > 0
    unread[0] = False
    own = unread[word]
    codes, word, script = codes[own], word[own], script[own]
    dense = SYLLABIC[script]
    return np.concatenate(
        [
            _runs(codes[dense], word[dense], SYLLABLES_TOGETHER),
            _runs(codes[~dense], word[~dense], LETTERS_TOGETHER),
        ]
    )


def _runs(codes: IntArray, word: IntArray, length: int) -> IntArray:
    """Hash buckets of all runs of `length` characters within a word; shorter words are one run."""
    if not len(codes):
        return _NONE
    # Beyond a word's end stand zeros, so that every character begins a run.
    padded = np.concatenate([codes, np.zeros(length, dtype=np.int64)])
    words = np.concatenate([word, np.zeros(length, dtype=np.int64)])
    n = len(codes)
    mixed = np.zeros(n, dtype=np.uint64)
    for i in range(length):
        inside = words[i : i + n] == word
        mixed = (mixed + (padded[i : i + n] * inside).astype(np.uint64)) * _MIX[i % 2]
        mixed ^= mixed >> np.uint64(29)
    first = np.ones(n, dtype=bool)
    first[1:] = word[1:] != word[:-1]
    whole = words[length - 1 : length - 1 + n] == word
    kept = mixed[whole | first]
    buckets: IntArray = ((kept >> _BITS) % np.uint64(SYLLABLE_BUCKETS)).astype(np.int64)
    return buckets
