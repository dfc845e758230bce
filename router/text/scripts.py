"""Writing systems: which one a character belongs to, and how much one character says.

The vocabulary of the encoder is English. What it cannot read is counted here, so that a request's
length means the same in every language.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from unicodedata import normalize

import numpy as np

from router.types import FloatArray, IntArray

# Blocks of 64 code points (https://www.unicode.org/Public/UNIDATA/Blocks.txt): first, last, script.
SCRIPTS: tuple[str, ...] = (
    "signs",
    "accented Latin",
    "Greek",
    "Cyrillic",
    "Arabic or Hebrew",
    "Indic",
    "Thai or Lao",
    "Han",
    "Kana",
    "Hangul",
    "another script",
)
_SIGNS, _LATIN, _GREEK, _CYRILLIC, _ARABIC, _INDIC, _THAI, _HAN, _KANA, _HANGUL, _OTHER = range(11)
_BLOCKS = (
    (0x00C0, 0x02BF, _LATIN),
    (0x0300, 0x033F, _LATIN),  # combining accents
    (0x0340, 0x03FF, _GREEK),
    (0x0400, 0x053F, _CYRILLIC),
    (0x0540, 0x057F, _OTHER),
    (0x0580, 0x08FF, _ARABIC),
    (0x0900, 0x0DFF, _INDIC),
    (0x0E00, 0x0EFF, _THAI),
    (0x0F00, 0x10FF, _OTHER),
    (0x1100, 0x11FF, _HANGUL),
    (0x1200, 0x1DFF, _OTHER),
    (0x1E00, 0x1EFF, _LATIN),
    (0x1F00, 0x1FFF, _GREEK),
    (0x2C00, 0x2DFF, _OTHER),
    (0x2E80, 0x2FFF, _HAN),
    (0x3040, 0x30FF, _KANA),
    (0x3100, 0x317F, _HANGUL),
    (0x31C0, 0x31FF, _KANA),
    (0x3400, 0x4DBF, _HAN),
    (0x4E00, 0x9FFF, _HAN),
    (0xA000, 0xABFF, _OTHER),
    (0xAC00, 0xD7FF, _HANGUL),
    (0xF900, 0xFAFF, _HAN),
    (0xFB00, 0xFDFF, _ARABIC),
    (0xFE80, 0xFEFF, _ARABIC),
    (0x20000, 0x323FF, _HAN),
)
_ASCII, _BLOCK_BITS = 128, 6
_SCRIPT_OF = np.full(0x110000 >> _BLOCK_BITS, _SIGNS, dtype=np.int64)
for _first, _last, _script in _BLOCKS:
    _SCRIPT_OF[_first >> _BLOCK_BITS : (_last >> _BLOCK_BITS) + 1] = _script
# How many English characters say as much as one character of a script. From the bytes that parallel
# texts need beside English ones (Arnett et al. 2024, arXiv 2403.00686: Chinese .94, Japanese 1.32,
# Korean 1.29, Arabic 1.47, Hindi 2.37, Thai 2.74, Greek 1.97, Russian 1.82), divided by the bytes
# of a character, spaces and signs taken out.
_WORTH = np.array([1.0, 1.0, 1.0, 1.0, 1.3, 1.1, 1.1, 3.1, 1.7, 2.2, 1.0])
_UNSPACED = np.array([0.0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 0])  # written without spaces
SYLLABIC = np.array([0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0], dtype=bool)  # a character is a syllable
# Signs that other scripts have of their own, as ASCII; in full-width text no space follows them.
_PLAIN = str.maketrans(
    {
        **{chr(0xFF01 + i): chr(0x21 + i) for i in range(94)},
        **{chr(start + i): str(i) for start in (0x660, 0x6F0, 0x966) for i in range(10)},
        "\u3000": " ",
        "。": ". ",
        "．": ". ",
        "！": "! ",
        "？": "? ",
        "、": ", ",
        "，": ", ",
        "।": ". ",
        "۔": ". ",
        "؟": "?",
        "،": ",",
        "؛": ";",
        "¿": "",
        "¡": "",
        **dict.fromkeys("«»„“”「」『』《》", '"'),
        **dict.fromkeys("‘’‚", "'"),
        **dict.fromkeys("–—−", "-"),
        "…": "...",
        "×": "*",
    }
)


def plain(text: str) -> str:
    """`text` with the signs and digits of other scripts as ASCII ones.

    >>> plain("你好！请问：２＋２＝？")
    '你好! 请问:2+2=? '
    """
    return text if text.isascii() else normalize("NFC", text).translate(_PLAIN)


def codes_of(text: str) -> IntArray | None:
    """Code points of a text, shape (n,); None for ASCII, which needs no second look."""
    if text.isascii():
        return None
    return np.frombuffer(text.encode("utf-32-le", "replace"), dtype=np.uint32).astype(np.int64)


def scripts_in(codes: IntArray) -> IntArray:
    """The number of each code point's script in SCRIPTS, shape (n,)."""
    found: IntArray = _SCRIPT_OF[codes >> _BLOCK_BITS]
    return found


@dataclass(frozen=True, slots=True)
class Scripts:
    """What n texts are written in.

    `counts` (n, len(SCRIPTS)): characters of each script beyond ASCII. `worth` (n,): length in
    English characters that say as much, ASCII included. Parts of it, each (n,): `foreign`, beyond
    ASCII; `unread`, of that what is no Latin; `unspaced`, in scripts without spaces between words.
    """

    counts: FloatArray
    worth: FloatArray
    foreign: FloatArray
    unread: FloatArray
    unspaced: FloatArray


def scripts_of(texts: Sequence[str], codes: Sequence[IntArray | None]) -> Scripts:
    """Count the characters of every text by script; `codes` are those of `codes_of`.

    >>> scripts_of(["hello", "你好"], [None, codes_of("你好")]).worth.tolist()
    [5.0, 6.2]
    """
    length = np.array([len(t) for t in texts], dtype=np.float64)
    counts = np.zeros((len(texts), len(SCRIPTS)))
    if not any(own is not None for own in codes):
        none = np.zeros(len(texts))
        return Scripts(counts=counts, worth=length, foreign=none, unread=none, unspaced=none)
    for row, own in zip(counts, codes, strict=True):
        if own is not None:
            row += np.bincount(scripts_in(own[own >= _ASCII]), minlength=len(SCRIPTS))
    said = counts * _WORTH
    foreign = said[:, _LATIN:].sum(axis=1)
    return Scripts(
        counts=counts,
        worth=length + (said - counts).sum(axis=1),
        foreign=foreign,
        unread=foreign - said[:, _LATIN],
        unspaced=said @ _UNSPACED,
    )
