r"""The final answer within a free text, and of which kind it is.

The first rule that finds something counts; where a mark occurs several times, its last one does.

1. a tool call: `<tool_call>`, JSON with name and arguments, `f(x=1)`, `Action:` lines
2. a JSON object (where data was asked for, also in a block of code): its `answer` field (or
   `final_answer`, `result`, `output`), else the object
3. `\boxed{...}`, `#### ...`
4. "the answer is ...", "Answer: ...", "Final answer: ..." in the first or last 300 characters,
   where at most six words follow, or a number, a choice, a date or a literal
5. a text of at most 80 characters on one line: what stands after "=", or the text itself
   without a lead-in such as "It is", if that leaves a number, a date or at most four words
6. where a choice was asked for: the last option letter that stands alone
7. where a number was asked for: the last number in bold, after "=", or in the last sentence
8. a block of code; else the text has no final answer and is prose
"""

import re
from dataclasses import dataclass
from typing import Any, Literal

from router.answers.constants import (
    LAST_NUMBER_CHARS,
    MAX_FINAL_CHARS,
    PHRASE_WORDS,
    SAID_CHARS,
    SAID_WORDS,
    SENTENCE_CHARS,
    SHORT_CHARS,
    SHORT_WORDS,
)
from router.answers.literals import CallLiteral, NotLiteral, canonical, parse, parse_at
from router.answers.numbers import quantity
from router.answers.tool_calls import FENCE, calls_in, parsed

_Kind = Literal["none", "number", "choice", "date", "short", "data", "call", "code", "prose"]
KINDS: tuple[_Kind, ...] = (
    "none",
    "number",
    "choice",
    "date",
    "short",
    "data",
    "call",
    "code",
    "prose",
)
# Kinds whose final answers can be compared for equality; the others only by degree.
EXACT: frozenset[_Kind] = frozenset(("number", "choice", "date", "short", "data", "call"))

_FIELD = re.compile(
    r"""["'](?:final[ _]?answer|answer|result|output|final)["']\s*:\s*""", re.IGNORECASE
)
_BOXED = re.compile(r"\\boxed\s*\{((?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*)\}")
_HASHES = re.compile(r"(?m)^[^\S\n]*####\s*(.+?)\s*$")
_SAID = re.compile(
    r"(?:\b(?:answer|correct\s+option|correct\s+choice)\s+is\s*:?|\banswer\s*:)"
    r"\s*\**\s*([^\n]{1,200})",
    re.IGNORECASE,
)
_SAYING = ("answer", "option", "choice")
_STOP = re.compile(r"[.!?](?=\s|$|\*|\")|,?\s+(?:because|since|as|which|so)\s")
_LETTER = re.compile(r"[(\[]?([A-Ja-j])[)\].:]?")
_OPTION = re.compile(r"[(\[]?([A-J])(?:[)\]]|[).:](?=\s)).*", re.DOTALL)
_ALONE = re.compile(r"(?:\(([A-J])\)|\*\*\(?([A-J])\)?[.)]?\*\*|\b([A-J])[).](?=\s|$))")
_BOLD = re.compile(r"\*\*([^*\n]{1,60})\*\*")
_EQUALS = re.compile(r"=\s*(\$?-?\d[\d,]*(?:\.\d+)?)")
_LAST_NUMBER = re.compile(r"-?\$?\d[\d,]*(?:\.\d+)?(?:/\d+)?%?")
_MONTHS = {
    m: i + 1
    for i, m in enumerate(
        "jan feb mar apr may jun jul aug sep oct nov dec".split()  # noqa: SIM905
    )
}
_ISO = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})")
_DAY_FIRST = re.compile(r"(\d{1,2})(?:st|nd|rd|th)?\.?\s+(?:of\s+)?([a-z]{3,9})\.?,?\s+(\d{4})")
_MONTH_FIRST = re.compile(r"([a-z]{3,9})\.?\s+(\d{1,2})(?:st|nd|rd|th)?,?\s+(\d{4})")
_DRESSING = re.compile(r"\\(?:text|mathrm|mathbf)|[\s{}$\\`*\"'!?.,;]+")
_ARTICLE = re.compile(r"^(?:the|a|an)\s+")
_LEAD_IN = re.compile(
    r"^(?:(?:sure|so|thus|therefore|hence|ok|well)[,:]\s+|(?:it|that|this|there|they)"
    r"(?:['’]s|\s+(?:is|was|are|were|will be|would be))\s+"
    r"|(?:in|on|about|around|approximately|at)\s+)+",
    re.IGNORECASE,
)
_YES_NO = re.compile(r"(yes|no)(?=[,.!]|$)", re.IGNORECASE)
_ENDS_IN_NUMBER = re.compile(r"=\s*([^=]*\d[^=]*)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Final:
    """A final answer: `key` is its canonical spelling, `text` what stood there.

    `unit`: of a number, '' where none was written. `value` holds the calls of kind call.
    """

    kind: _Kind
    key: str = ""
    text: str = ""
    unit: str = ""
    value: Any = None

    @property
    def calls(self) -> tuple[CallLiteral, ...]:
        """The tool calls that it makes; none for any other kind."""
        return self.value if self.kind == "call" else ()


_NONE, PROSE, _CODE = Final(kind="none"), Final(kind="prose"), Final(kind="code")


def final_of(text: str, asks: str = "text") -> Final:
    r"""The final answer of `text`; `asks` is the kind that the request asks for.

    Never raises. `text` beyond its last 20,000 characters is not looked at.

    >>> final_of('{"reasoning": "3 + 4 = 7", "answer": "7 apples"}').key
    '7'
    >>> final_of(r"So we get \boxed{\frac{1}{2}}.").key
    '0.5'
    >>> final_of("I would choose the second. The answer is (B).").kind
    'choice'
    """
    text = text[-MAX_FINAL_CHARS:].strip()
    if not text:
        return _NONE
    if calls := calls_in(text):
        return Final(kind="call", key=";".join(sorted(map(canonical, calls))), value=tuple(calls))
    if (found := _structured(text, asks)) is not None:
        return found
    if (marked := _marked(text)) is not None:
        said = classify(marked)
        if said.kind not in ("prose", "short") or said.text.count(" ") < SAID_WORDS:
            return said
    if len(text) <= SHORT_CHARS and "\n" not in text:
        return _phrase(text)
    if asks == "choice" and (letters := _ALONE.findall(text)):
        return Final(kind="choice", key="".join(letters[-1]), text="".join(letters[-1]))
    if asks == "number" and (number := _last_number(text)):
        return classify(number)
    fenced = sum(map(len, FENCE.findall(text))) if "```" in text else 0
    return _CODE if fenced > len(text) / 3 else _prose(text)


def _phrase(text: str) -> Final:
    """The final answer of a text that is hardly more than one."""
    if ends := _ENDS_IN_NUMBER.search(text.rstrip(".* ")):
        said = classify(ends[1])
        if said.kind == "number":
            return said
    if plain := _YES_NO.match(text):
        return Final(kind="short", key=plain[1].lower(), text=plain[1])
    said = classify(_LEAD_IN.sub("", text, count=1))
    words = said.text.count(" ") + 1
    return said if said.kind != "short" or words <= PHRASE_WORDS else _prose(text)


def _prose(text: str) -> Final:
    return Final(kind="prose", text=text) if len(text) <= SENTENCE_CHARS else PROSE


def classify(value: Any) -> Final:
    """A final answer of the kind that `value` (text, or parsed JSON) turns out to be.

    >>> classify("March 5, 2024").key, classify("(c)").key, classify("[1, 2.0]").key
    ('2024-03-05', 'C', '[1,2]')
    """
    if value is None or isinstance(value, bool | float):
        return Final(kind="number" if isinstance(value, float) else "short", key=canonical(value))
    if not isinstance(value, str):
        return Final(kind="data", key=canonical(value), value=value)
    text = " ".join(value.split()).strip("*`_ ").removesuffix(".").rstrip("* ")
    if not text:
        return _NONE if not value.strip() else PROSE
    if (number := quantity(text)) is not None:
        return Final(kind="number", key=f"{number.value:.10g}", text=text, unit=number.unit)
    if letter := _LETTER.fullmatch(text):
        return Final(kind="choice", key=letter[1].upper(), text=text)
    if (day := _date(text)) is not None:
        return Final(kind="date", key=day, text=text)
    if text[0] in "[({" and len(text) > 1:
        try:
            return Final(kind="data", key=canonical(parse(text)), text=text)
        except NotLiteral:
            if option := _OPTION.fullmatch(text):
                return Final(kind="choice", key=option[1], text=text)
    elif option := _OPTION.fullmatch(text):
        return Final(kind="choice", key=option[1], text=text)
    if len(text) <= SHORT_CHARS and text.count(" ") < SHORT_WORDS:
        return Final(kind="short", key=bare(text), text=text)
    return PROSE


def bare(text: str) -> str:
    """A short answer without case, articles, punctuation and LaTeX dressing."""
    return _DRESSING.sub("", _ARTICLE.sub("", text.casefold()))


def _structured(text: str, asks: str) -> Final | None:
    """The answer field of the last JSON object, or the object itself where it has none."""
    fields = list(_FIELD.finditer(text)) if "{" in text else []
    if fields:
        at = fields[-1].end()
        try:
            said = parse_at(text, at)[0]
            return classify(said) if said != "" else Final(kind="short", key='""', text='""')
        except NotLiteral:
            tail = text[at:].strip().strip("`}\n ").strip("\"',")
            return classify(tail) if tail else None
    blocks = FENCE.findall(text) if "```" in text and (asks == "data" or text[:3] == "```") else []
    body = blocks[-1].strip() if blocks else text
    if body[:1] in "{[":
        value = parsed(body)
        if isinstance(value, dict | list) and value:
            return Final(kind="data", key=canonical(value), value=value)
    return None


def _marked(text: str) -> str | None:
    for mark, pattern in (("\\boxed", _BOXED), ("####", _HASHES)):
        if mark in text and (found := pattern.findall(text)):
            return str(found[-1])
    ends = text if len(text) <= 2 * SAID_CHARS else f"{text[:SAID_CHARS]}\n{text[-SAID_CHARS:]}"
    lower = ends.lower()
    if not any(word in lower for word in _SAYING):
        return None
    said = _SAID.findall(ends)
    if not said:
        return None
    tail = said[-1].strip()
    if tail[:1] in "[{(":
        try:
            end: int = parse_at(tail, 0)[1]
            return str(tail[:end])
        except NotLiteral:
            pass
    stop = _STOP.search(tail, 1)
    return str(tail[: stop.start()] if stop else tail).strip('* `"')


def _last_number(text: str) -> str | None:
    for found in (
        [b for b in _BOLD.findall(text) if quantity(b)],
        _EQUALS.findall(text[-LAST_NUMBER_CHARS:]),
        _LAST_NUMBER.findall(text[-LAST_NUMBER_CHARS:]),
    ):
        if found:
            return str(found[-1]).rstrip(".,")
    return None


def _date(text: str) -> str | None:
    lower = text.lower().strip(". ")
    if found := _ISO.fullmatch(lower):
        year, month, day = (int(g) for g in found.groups())
    elif found := _DAY_FIRST.fullmatch(lower):
        year, month, day = int(found[3]), _MONTHS.get(found[2][:3], 0), int(found[1])
    elif found := _MONTH_FIRST.fullmatch(lower):
        year, month, day = int(found[3]), _MONTHS.get(found[1][:3], 0), int(found[2])
    else:
        return None
    return f"{year:04d}-{month:02d}-{day:02d}" if 1 <= month <= 12 and 1 <= day <= 31 else None
