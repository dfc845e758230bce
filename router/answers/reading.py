"""What can be seen in one answer: its final answer, its form, and the parts that are compared."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from router.answers.arithmetic import check_calculations
from router.answers.call_checks import NOTHING_CHECKED, Offered, checks
from router.answers.constants import (
    CODE_LINE_CHARS,
    COMPLETE_CHARS,
    CONCLUSION_CHARS,
    CONCLUSION_TOKENS,
    HEAD_CHARS,
    LARGEST_NUMBER,
    LOWEST_LOGPROB,
    LOWEST_MEAN_LOGPROB,
    REFUSAL_HEAD_CHARS,
    REFUSAL_TAIL_CHARS,
    SENTENCE_LINE_CHARS,
    TAIL_CHARS,
    VERY_LONG_CHARS,
    VERY_SHORT_CHARS,
    WORDS_HEAD_CHARS,
    WORDS_TAIL_CHARS,
)
from router.answers.final import EXACT, Final, final_of
from router.answers.form import FORM, form_statistics
from router.answers.programs import PROGRAM, Program, program_in, program_statistics
from router.answers.tool_fit import ToolFit
from router.text.features import FeatureExtractor
from router.text.ragged import Ragged, bounds_of, concatenated, unique
from router.text.request import without_surrogates
from router.text.structure import clip
from router.types import FloatArray, IntArray, Offer

STATISTICS: tuple[str, ...] = (
    "text unknown",
    "length of the answer",
    "very short",
    "very long",
    "cut off",
    "refusal",
    "hedging",
    "second thoughts",
    "repetition",
    "lines",
    "share of code",
    "share of digits",
    "formulas",
    "numbers in the text",
    "calculations shown",
    "calculations wrong",
    "final answer stands in the last words",
    "final answer is a whole number",
    "size of the final number",
    "final answer is negative",
    "final answer is a fraction or decimal",
    "length of the final answer",
    "token probability unknown",
    "mean token log-probability",
    "lowest token log-probability",
    *FORM,
    *PROGRAM,
)

# Yes or no; the others are amounts.
BINARY = frozenset(
    (
        "text unknown",
        "very short",
        "cut off",
        "refusal",
        "final answer stands in the last words",
        "final answer is a whole number",
        "final answer is negative",
        "final answer is a fraction or decimal",
        "token probability unknown",
        "ends with a question",
        "ends with a colon",
        "opens politely",
        *PROGRAM,
    )
)
# What only an answer that has ended can have.
_OF_AN_END = (
    "very short",
    "final answer stands in the last words",
    "program does not parse",
    "brackets do not close",
    "ends with a colon",
)
_REFUSAL_AT = STATISTICS.index("refusal")
_REFUSAL = re.compile(
    r"\bI(?:'m| am) (?:sorry|unable|not able)|\bI (?:can(?:no|')t|won't|do not have|don't have)\b"
    r"|\bas an AI\b|\bcannot (?:assist|help|provide|be (?:determined|answered|solved))"
    r"|\bno (?:valid |correct )?(?:solution|answer)\b",
    re.IGNORECASE,
)
# Words that the tokenizer keeps whole.
_HEDGES = frozenset(
    "might may maybe perhaps possibly probably approximately roughly assume assuming assumed "  # noqa: SIM905
    "assumption sure unclear uncertain seems seem estimate estimated likely guess".split()
)
_SECOND_THOUGHTS = frozenset(
    "wait however actually mistake incorrect incorrectly contradiction contradicts error oops "  # noqa: SIM905
    "correction impossible wrong instead again".split()
)
# One of these stands in every refusal: the costlier pattern is tried only then.
_REFUSING = frozenset(("sorry", "unable", "able", "can", "cannot", "won", "don", "ai", "no", "not"))
_MARKED = (_HEDGES, _SECOND_THOUGHTS, _REFUSING)
_NUMBERS = re.compile(r"\d+(?:[.,]\d+)*")
_ASCII_NUMBERS = re.compile(r"[0-9]+(?:[.,][0-9]+)*")  # finds the same in ASCII, in half the time
_NAMES = re.compile(r"[A-Z](?<=[a-z,;:] [A-Z])[\w'-]+")
_OPENS_DATA = ("{", "[", "<")
_ITEM = re.compile(r"\s*(?:[-*•+#|]|\d{1,2}[.)]|[A-Za-z][.)])\s")
_ENDINGS = ".!?\"'`)]}*>|:;$”’。！？"


@dataclass(frozen=True, slots=True)
class Answer:
    """One local model's answer to a request.

    `model` is its name, where known. `cut_off`: whether the backend said that it ran into a
    limit (None: unknown). `logprobs`: log-probability of each token, natural logarithm.
    `so_far`: the text is the beginning of an answer that is still being written, so that an end in
    the middle of a word and an answer not reached yet are no faults.
    `tool_calls`: what it calls beside its text, each with `name` and `arguments` (an object, or the
    JSON text of one), as such or under `function` as in OpenAI's API.
    """

    text: str
    model: str | None = None
    cut_off: bool | None = None
    logprobs: Sequence[float] | None = None
    tool_calls: Sequence[Mapping[str, Any]] = ()
    so_far: bool = False

    @property
    def calls(self) -> str:
        """The tool calls as JSON, empty if there are none.

        >>> Answer("", tool_calls=[{"name": "add", "arguments": '{"a": 1}'}]).calls
        '[{"name": "add", "arguments": {"a": 1}}]'
        """
        if not self.tool_calls:
            return ""
        return json.dumps([_plain(call) for call in self.tool_calls], default=str)

    @property
    def written(self) -> str:
        """Its text, then its tool calls."""
        return "\n".join(part for part in (self.text, self.calls) if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """An answer as the verifier sees it.

    `statistics` (len(STATISTICS),); `words` sorted distinct token ids; `meaning` and
    `conclusion` unit vectors (d,) of the whole text and of its last 48 tokens.
    `known` is False where only the final answer is known, not the text it came from; `so_far`
    where the answer is still being written; `structured` where its text opens as data does.
    `checks`: see `router.answers.call_checks`; all 0 where no tool was offered. `program`: the code
    in it, None where there is none.
    """

    final: Final
    statistics: FloatArray
    words: IntArray
    meaning: FloatArray
    conclusion: FloatArray
    numbers: frozenset[str]
    names: frozenset[str]
    known: bool = True
    so_far: bool = False
    structured: bool = False
    program: Program | None = None
    checks: FloatArray = field(default_factory=lambda: NOTHING_CHECKED)

    @property
    def refuses(self) -> bool:
        """Whether it declines to answer."""
        return bool(self.statistics[_REFUSAL_AT])


def _plain(call: Mapping[str, Any]) -> dict[str, Any]:
    """A call's name and arguments; arguments that are no JSON stay text."""
    inner = call.get("function")
    call = inner if isinstance(inner, Mapping) else call
    arguments = call.get("arguments", {})
    if isinstance(arguments, str):
        with suppress(ValueError):
            arguments = json.loads(arguments or "{}")
    return {"name": call.get("name", ""), "arguments": arguments}


class Reader:
    """Reads answers in batches: one tokenisation feeds words and both vectors."""

    def __init__(self, extractor: FeatureExtractor, weight: FloatArray | None = None) -> None:
        self.extractor = extractor
        self._fit = ToolFit(extractor, weight)
        counted = [[t in words for t in extractor.tokens] for words in _MARKED]
        self._marks = np.array(counted, dtype=np.float64).T

    def read(
        self,
        answers: Sequence[Answer],
        asks: Sequence[str],
        offers: Sequence[Offer | None] | None = None,
    ) -> list[Reading]:
        """Readings of `answers`; `asks` names per answer the kind that its request asks for.

        `offers`: per answer the tools that its request offers.
        """
        texts = [clip(without_surrogates(a.written), HEAD_CHARS, TAIL_CHARS) for a in answers]
        short = [clip(t, WORDS_HEAD_CHARS, WORDS_TAIL_CHARS) for t in texts]
        ids = self.extractor.tokenize(short)
        ends = [ids[i][-CONCLUSION_TOKENS:] for i in range(len(texts))]
        both = concatenated([ids, Ragged(np.concatenate(ends), bounds_of([len(e) for e in ends]))])
        tails = [t[-CONCLUSION_CHARS:] for t in short]  # what encoders read that ignore tokens
        vectors = self.extractor.encoder.encode([*short, *tails], both)
        n = len(answers)
        out = []
        seen: Offer | None = None
        offered: Offered | None = None
        for i, (answer, text) in enumerate(zip(answers, texts, strict=True)):
            made = answer.calls
            final = final_of(made or text, asks[i])
            offer = offers[i] if offers is not None else None
            if offer is not seen:
                seen, offered = offer, Offered.of(offer, self._fit) if offer else None
            numbers = (_ASCII_NUMBERS if short[i].isascii() else _NUMBERS).findall(short[i])
            words = unique(ids[i])
            program = program_in(text)
            known = _Known(text, short[i], final, ids[i], len(words), numbers, program)
            out.append(
                Reading(
                    final=final,
                    statistics=_statistics(answer, known, self._marks),
                    words=words,
                    meaning=vectors[i],
                    conclusion=vectors[n + i],
                    numbers=frozenset(map(_bare, numbers)),
                    names=frozenset(_NAMES.findall(short[i])),
                    so_far=answer.so_far,
                    structured=text.lstrip()[:1] in _OPENS_DATA,
                    program=program,
                    checks=checks(final.calls, answer.text if made else "", offered),
                )
            )
        return out


def _bare(number: str) -> str:
    plain = number.replace(",", "")
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def only_final(final: Final, characters: float) -> Reading:
    """A reading where nothing but the final answer and the length of the text is known."""
    values = dict.fromkeys(STATISTICS, 0.0)
    values |= _length_statistics(characters) | _final_statistics(final)
    values["text unknown"] = values["token probability unknown"] = 1.0
    nothing = np.zeros(0)
    return Reading(
        final=final,
        statistics=np.array(list(values.values())),
        words=nothing.astype(np.int64),
        meaning=nothing,
        conclusion=nothing,
        numbers=frozenset(),
        names=frozenset(),
        known=False,
    )


class _Known(NamedTuple):
    """What statistics are taken of.

    The clipped text, the sample of it that was made into tokens, its final answer, tokens, how many
    of these differ, numbers, and its program.
    """

    text: str
    sample: str
    final: Final
    ids: IntArray
    distinct: int
    numbers: list[str]
    program: Program | None


def _statistics(answer: Answer, known: _Known, marks: FloatArray) -> FloatArray:
    """The numbers named in STATISTICS for one answer.

    `marks` (v, 3) tells which tokens hedge, announce second thoughts, or may refuse.
    """
    text, sample, final, ids, distinct, numbers, program = known
    hedging, second, refusing = marks[ids].sum(axis=0).tolist()
    size = max(len(text), 1)
    shown, wrong = check_calculations(text[:HEAD_CHARS])
    start, tail = text[:REFUSAL_HEAD_CHARS], text[-REFUSAL_TAIL_CHARS:]
    values = {"text unknown": 0.0, **_length_statistics(len(answer.written))}
    values |= {
        "cut off": float(_ends_early(answer, text)),
        "refusal": float(refusing > 0 and _refuses(start, tail)),
        "hedging": math.log1p(hedging),
        "second thoughts": math.log1p(second),
        "repetition": _repetition(ids),
        "lines": math.log1p(text.count("\n") + text.count("\\n")),
        "share of code": text.count("```") and min(1.0, text.count("\n") / size * CODE_LINE_CHARS),
        "share of digits": min(1.0, sum(map(len, numbers)) / size),
        "formulas": math.log1p(text.count("\\") + text.count("=")),
        "numbers in the text": math.log1p(len(numbers)),
        "calculations shown": math.log1p(shown),
        "calculations wrong": wrong / shown if shown else 0.0,
        "final answer stands in the last words": float(_stands_in(final, tail)),
    }
    values |= _final_statistics(final) | _logprob_statistics(answer.logprobs)
    values |= form_statistics(text, sample, len(ids), distinct) | program_statistics(program)
    if answer.so_far:
        values |= dict.fromkeys(_OF_AN_END, 0.0)
    return np.array([values[name] for name in STATISTICS], dtype=np.float64)


def _length_statistics(characters: float) -> dict[str, float]:
    length = math.log1p(max(characters, 0))
    return {
        "length of the answer": length,
        "very short": float(characters < VERY_SHORT_CHARS),
        "very long": max(0.0, length - math.log(VERY_LONG_CHARS)),
    }


def _final_statistics(final: Final) -> dict[str, float]:
    number = float(final.key) if final.kind == "number" else 0.0
    whole = number == int(number) if math.isfinite(number) else False
    numeric = final.kind == "number"
    return {
        "final answer is a whole number": float(numeric and whole),
        "size of the final number": math.log1p(min(abs(number), LARGEST_NUMBER)),
        "final answer is negative": float(number < 0),
        "final answer is a fraction or decimal": float(numeric and not whole),
        "length of the final answer": math.log1p(len(final.text or final.key))
        if final.kind in EXACT
        else 0.0,
    }


def _logprob_statistics(logprobs: Sequence[float] | None) -> dict[str, float]:
    values = np.asarray(logprobs if logprobs is not None else (), dtype=np.float64)
    values = values[np.isfinite(values)]
    if not len(values):
        return {
            "token probability unknown": 1.0,
            "mean token log-probability": 0.0,
            "lowest token log-probability": 0.0,
        }
    return {
        "token probability unknown": 0.0,
        "mean token log-probability": float(np.clip(values.mean(), LOWEST_MEAN_LOGPROB, 0)),
        "lowest token log-probability": float(np.clip(values.min(), LOWEST_LOGPROB, 0)),
    }


def _refuses(start: str, tail: str) -> bool:
    return bool(_REFUSAL.search(start) or _REFUSAL.search(tail))


def _ends_early(answer: Answer, text: str) -> bool:
    """Whether an answer that ended lacks its end; one still being written has no end yet."""
    if answer.so_far:
        return False
    return _cut_off(text) if answer.cut_off is None else answer.cut_off


def _cut_off(text: str) -> bool:
    """Whether a text seems to end in the middle: an open fence, or a sentence without its end.

    Items of lists, rows of tables and short last lines need no closing mark.
    """
    if text.count("```") % 2:
        return True
    bare = text.rstrip()
    if len(bare) <= COMPLETE_CHARS or bare[-1] in _ENDINGS:
        return False
    last = bare.rsplit("\n", 1)[-1]
    return len(last) > SENTENCE_LINE_CHARS and not _ITEM.match(last)


def _repetition(ids: IntArray) -> float:
    """Share of neighbouring token pairs that occurred before, 0..1."""
    if len(ids) < 3:
        return 0.0
    pairs = ids[:-1] * 65536 + ids[1:]
    return 1.0 - len(unique(pairs)) / len(pairs)


def _stands_in(final: Final, tail: str) -> bool:
    return final.kind in EXACT and bool(final.text) and final.text in tail
