"""Asking the cloud model, blind and in both orders, whether local answers were good enough.

It sees a request and two answers, its own tier's and the local one's, without knowing whose is
which, once in each order: judges favour what stands first (Zheng et al., arXiv 2306.05685).
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Engine

from router.decide.router import Router
from router.engine.aside import Aside
from router.engine.call import Call
from router.errors import InputError, RequestRefused
from router.labelling import logged
from router.labelling.choosing import Best, worth
from router.labelling.constants import ANSWER_CHARS, CONSIDERED, VERDICT_TOKENS
from router.outcomes import queries
from router.outcomes.pieces import Progress, untold
from router.outcomes.queries import Logged
from router.prices import Prices
from router.text.structure import clip
from router.wire import Json, to_anthropic
from router.wire.summary import mapping

SOURCE = "judge"
_INSTRUCTIONS = (
    "You are given a request and two answers to it, A and B. For each, say whether it is good "
    "enough: a careful person who asked this would accept it and need not ask again. Being short "
    "or plain is no fault; being wrong, incomplete or beside the point is. Both may be good "
    'enough, or neither. Answer with JSON only, like {"A": true, "B": false}.'
)
_JSON = re.compile(r"\{[^{}]*\}")


@dataclass(frozen=True, slots=True)
class Judged:
    """What judging did: verdicts stored, requests skipped, US dollars spent."""

    stored: int
    skipped: int
    usd: float


def chosen(
    engine: Engine, router: Router, count: int, seed: int = 0, *, at_random: bool = False
) -> list[Logged]:
    """Requests worth judging: audited ones, then half of the rest where a label moves the decision
    most, half at random.

    Only those with a local answer, whose words were kept and that nobody judged. What is random
    keeps what is learned of calibration honest. `at_random`: all of them are, and the audited come
    by chance, as a quality floor must rest on requests like those to come.
    """
    rng = np.random.default_rng(seed)
    audited: list[str] = []
    drawn, best = Best(count), Best(max(CONSIDERED, 2 * count))
    for piece in queries.unjudged(engine, SOURCE):
        first = np.flatnonzero(piece.audited & (not at_random))[: count - len(audited)]
        audited += [piece.ids[i] for i in first]
        rest = np.delete(np.arange(len(piece.ids)), first)
        names = [piece.ids[i] for i in rest]
        drawn.add(names, rng.random(len(rest)))
        best.add(names, worth(piece.p_local[rest], piece.p_cloud[rest], piece.threshold[rest]))
    left = count - len(audited)
    by_lot = drawn.names[: left if at_random else left - left // 2]
    others = [name for name in best.names if name not in by_lot]
    picked = logged.by_worth(router, queries.with_words(engine, others), left - len(by_lot))
    return list(queries.with_words(engine, [*audited, *by_lot, *picked]))


def estimated_usd(found: Sequence[Logged], prices: Prices, model: str, output_tokens: int) -> float:
    """What judging these will cost at most or so, in US dollars."""
    total = 0.0
    for one in found:
        asked = len(logged.call_of(one).payload)
        if one.cloud is None:
            total += prices.estimate_usd(model, asked, output_tokens)
        seen = min(len(one.request.text) + 2 * len(one.local or ""), 2 * ANSWER_CHARS)
        total += 2 * prices.estimate_usd(model, seen + len(_INSTRUCTIONS), VERDICT_TOKENS)
    return total


async def judge(
    engine: Engine,
    aside: Aside,
    found: Sequence[Logged],
    model: str,
    *,
    max_usd: float,
    output_tokens: int,
    progress: Progress = untold,
) -> Judged:
    """Judge requests until `max_usd` is spent; each verdict is stored at once.

    A request in which the privacy filter finds something is left out. Raises BackendError when the
    cloud does not answer, RequestRefused when a cap on spending is reached.
    """
    stored = skipped = 0
    spent = 0.0
    for number, one in enumerate(found):
        progress(number, len(found))
        if spent + estimated_usd([one], aside.prices, model, output_tokens) > max_usd:
            break
        try:
            verdict, usd = await _verdict(aside, one, model, output_tokens)
        except RequestRefused as error:
            if error.code != "private_content":
                raise
            skipped += 1
            continue
        except InputError:
            skipped += 1
            continue
        spent += usd
        if verdict is None:
            skipped += 1
            continue
        scores = dict(zip(("local", "cloud"), verdict, strict=True))
        queries.add_verdict(engine, one.id, SOURCE, scores)
        stored += 1
    return Judged(stored, skipped, spent)


async def _verdict(
    aside: Aside, one: Logged, model: str, output_tokens: int
) -> tuple[tuple[float, float] | None, float]:
    """How good the local and the cloud's answer are, 0..1, and what it cost."""
    cloud, usd = one.cloud, 0.0
    if cloud is None:
        summary, usd = await aside.cloud(_request(logged.call_of(one), output_tokens), model)
        cloud = summary.text
    sums = np.zeros(2)
    for local_first in (True, False):
        pair = (one.local or "", cloud) if local_first else (cloud, one.local or "")
        summary, more = await aside.cloud(_question(one, pair), model)
        usd += more
        said = parsed(summary.text)
        if said is None:
            return None, usd
        sums += said if local_first else said[::-1]
    return (float(sums[0] / 2), float(sums[1] / 2)), usd


def parsed(text: str) -> tuple[bool, bool] | None:
    """The verdict on A and B; None where the judge said something else.

    >>> parsed('Here: {"A": true, "B": false}')
    (True, False)
    """
    for found in _JSON.findall(text):
        try:
            said = mapping(json.loads(found))
        except ValueError:
            continue
        if isinstance(said.get("A"), bool) and isinstance(said.get("B"), bool):
            return said["A"], said["B"]
    return None


def _request(call: Call, output_tokens: int) -> Json:
    body = dict(call.body) if call.api == "anthropic" else to_anthropic.request(call.body, "")
    return {**body, "max_tokens": output_tokens, "stream": False}


def _question(one: Logged, pair: tuple[str, str]) -> Json:
    a, b = (text[:ANSWER_CHARS] for text in pair)
    text = (
        f"<request>\n{clip(one.request.text)}\n</request>\n<answer_A>\n{a}\n</answer_A>\n"
        f"<answer_B>\n{b}\n</answer_B>"
    )
    return {
        "system": _INSTRUCTIONS,
        "max_tokens": VERDICT_TOKENS,
        "messages": [{"role": "user", "content": text}],
    }
