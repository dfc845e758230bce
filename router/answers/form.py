"""The form of a written answer: lists, headings, sentences, words. Cheap, and the same everywhere.

Judges of open requests reward form beside content, and models that write badly show it here.
"""

import math
import re
from string import ascii_uppercase

FORM: tuple[str, ...] = (
    "list items",
    "numbered steps",
    "headings",
    "bold",
    "paragraphs",
    "length of sentences",
    "share of distinct words",
    "length of words",
    "capitals",
    "not ASCII",
    "ends with a question",
    "ends with a colon",
    "opens politely",
)
_STEP = re.compile(r"\n[ \t]*\d{1,2}[.)][ \t]")
_CAPITALS = ascii_uppercase.encode()
_POLITE = re.compile(
    r"\s*(?:sure|certainly|of course|absolutely|great|okay|yes|here(?:'s| is| are))\b",
    re.IGNORECASE,
)
_SENTENCE_ENDS = (". ", ".\n", "? ", "! ", "?\n", "!\n")
_ITEMS = ("\n- ", "\n* ", "\n• ")


def form_statistics(text: str, sample: str, words: int, distinct: int) -> dict[str, float]:
    """The numbers named in FORM.

    `sample`: the part of `text` that was made into tokens, `words` of them, `distinct` different.

    >>> found = form_statistics("Two:\\n- one\\n- two?", "Two:\\n- one\\n- two?", 8, 6)
    >>> round(found["list items"], 2), found["ends with a question"]
    (1.1, 1.0)
    """
    end = text.rstrip()[-1:]
    raw = sample.encode("utf-8", "replace")
    sentences = 1 + sum(map(text.count, _SENTENCE_ENDS))
    return {
        "list items": math.log1p(sum(map(text.count, _ITEMS))),
        "numbered steps": math.log1p(len(_STEP.findall(text))),
        "headings": math.log1p(text.count("\n#") + text.startswith("#")),
        "bold": math.log1p(text.count("**") // 2),
        "paragraphs": math.log1p(text.count("\n\n")),
        "length of sentences": math.log1p(len(text) / sentences),
        "share of distinct words": distinct / max(words, 1),
        "length of words": len(sample) / max(words, 1),
        "capitals": (len(raw) - len(raw.translate(None, _CAPITALS))) / max(len(sample), 1),
        "not ASCII": len(raw) / max(len(sample), 1) - 1,
        "ends with a question": float(end == "?"),
        "ends with a colon": float(end == ":"),
        "opens politely": float(_POLITE.match(text) is not None),
    }
