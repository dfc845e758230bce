"""Looking at a local answer: what is plainly wrong with it, and what the verifier says."""

import json
import re
from typing import get_args

from router.answers.reading import Answer
from router.engine.call import Call
from router.engine.constants import (
    REFUSAL_CHARS,
    SECOND_TEMPERATURE,
    STREAM_HEAD_CHARS,
    STREAM_OPENER_CHARS,
    UNSURE_LOGPROB,
)
from router.outcomes.faults import Fault
from router.settings import Cascade
from router.wire import Json
from router.wire.summary import Summary

CASCADES: tuple[Cascade, ...] = get_args(Cascade)
CASCADE_HEADER = "x-router-cascade"
_OPENER = re.compile(r"\s*(?:I|we|sorry|unfortunately|as an?)\b", re.IGNORECASE)
_THINKING = re.compile(r"^\s*<think>.*?(?:</think>\s*|\Z)", re.DOTALL)
# An answer that opens like this and goes no further than a few sentences says no.
_REFUSAL = re.compile(
    r"\s*(?:(?:I'm|I am|We're|We are) (?:very |really |so )?sorry|sorry|unfortunately"
    r"|I apologi[sz]e)?"
    r"[,.!]?\s*(?:but )?(?:as an? (?:AI|language model)[^,.]{0,40}[,.]?\s*)?"
    r"I(?:'m| am)? (?:can(?:no|')t|cannot|can not|unable to|not able to|won't|will not)\b",
    re.IGNORECASE,
)


def faults(summary: Summary, call: Call) -> list[Fault]:
    """What is wrong with an answer that no reading can excuse."""
    found = []
    if not summary.text.strip() and not summary.calls:
        found.append(Fault.EMPTY)
    if summary.finish == "refusal" or (not summary.calls and _refuses(summary.text)):
        found.append(Fault.REFUSAL)
    used = summary.usage.output_tokens if summary.usage else None
    wanted = call.max_tokens
    # A limit that the client set would cut the cloud's answer just as well.
    if summary.cut_off and (wanted is None or (used is not None and used < wanted)):
        found.append(Fault.CUT_OFF)
    if summary.logprobs and sum(summary.logprobs) / len(summary.logprobs) < UNSURE_LOGPROB:
        found.append(Fault.UNSURE)
    if call.wants_json and not summary.calls and not _is_json(summary.text):
        found.append(Fault.INVALID_JSON)
    if any(not _is_object(c.arguments) or not c.name for c in summary.calls):
        found.append(Fault.INVALID_CALL)
    return found


def head_read(text: str) -> bool:
    """Whether enough of a stream was read to know that it is no refusal, or that it is one.

    >>> head_read("The capital of France"), head_read("I'm sorry, but"), head_read("The")
    (True, False, False)
    """
    if len(text.lstrip()) < STREAM_OPENER_CHARS:
        return False
    return len(text) >= STREAM_HEAD_CHARS or _OPENER.match(text) is None


def head_faults(text: str) -> list[Fault]:
    """The same for the first words of a stream."""
    return [Fault.REFUSAL] if _REFUSAL.match(text) else []


def spoken(text: str) -> str:
    """An answer so far, without the thinking that some models write before it.

    >>> spoken("<think>Seven times seven."), spoken("<think>49.</think> It is 49."), spoken("49")
    ('', 'It is 49.', '49')
    """
    return _THINKING.sub("", text, count=1)


def answer_of(summary: Summary, model: str) -> Answer:
    """An answer as the verifier reads it."""
    calls = [{"name": c.name, "arguments": c.arguments} for c in summary.calls]
    return Answer(
        summary.text, model, summary.cut_off or None, summary.logprobs or None, tool_calls=calls
    )


def second_body(call: Call, same_model: bool) -> Json:
    """The request for a second opinion: not streamed, and sampled if the model is the same."""
    body = {k: v for k, v in call.body.items() if k not in ("stream", "stream_options", "n")}
    if same_model:
        body["temperature"] = SECOND_TEMPERATURE
        body.pop("seed", None)
    return body


def _refuses(text: str) -> bool:
    return len(text) <= REFUSAL_CHARS and _REFUSAL.match(text) is not None


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _is_object(text: str) -> bool:
    return isinstance(_loaded(text), dict)


def _loaded(text: str) -> object:
    try:
        return json.loads(text or "{}")
    except ValueError:
        return text
