"""Second opinions for logged requests, overnight: labels that cost nobody anything."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from time import time

from sqlalchemy import Engine

from router.answers.reading import Answer
from router.decide.after import AgreementLabel
from router.decide.router import Router
from router.engine.cascade import answer_of, second_body
from router.errors import BackendError, BackendUnreachable, InputError
from router.labelling import logged
from router.labelling.constants import (
    GIVE_UP_FAILURES,
    LOOK_AGAIN_S,
    OPINION_TOKENS,
    QUIET_S,
)
from router.labelling.local import Local
from router.outcomes import queries
from router.outcomes.pieces import Progress, untold
from router.outcomes.queries import Logged
from router.text.asks import asks_for


@dataclass(frozen=True, slots=True)
class Studied:
    """What a session of studying did: stored opinions, skipped requests, and what is left."""

    stored: int
    skipped: int
    left: int
    seconds: float


async def study(
    engine: Engine,
    router: Router,
    local: Local,
    *,
    second: str,
    budget_s: float,
    only_idle: bool = False,
    load: float = 1.0,
    progress: Progress = untold,
) -> Studied:
    """Ask `second` about logged requests without a second opinion, by `logged.waiting`.

    Each opinion is stored at once, so studying may be stopped at any moment and goes on where it
    was; when `budget_s` seconds are over, an opinion under way is given up. `load`: the share of
    the time that the model may be busy. `only_idle`: wait while the gateway is in use. Raises
    BackendError when the server fails five times running.
    """
    now = asyncio.get_running_loop().time
    began = now()
    end = began + budget_s
    passed: set[str] = set()
    stored = skipped = failures = 0
    while (waiting := await asyncio.to_thread(logged.waiting, engine, router, passed)).looked_at:
        done = 0
        for name in waiting.first:
            if only_idle:
                await _until_idle(engine, now, end)
            if now() >= end:
                break
            progress(stored + skipped, stored + skipped + waiting.count - done)
            asked = now()
            try:
                async with asyncio.timeout_at(end):
                    given = await _given(engine, router, local, name, second)
                failures = 0
            except TimeoutError:
                break
            except (BackendError, InputError) as error:
                failures += isinstance(error, BackendError)
                if failures >= GIVE_UP_FAILURES or isinstance(error, BackendUnreachable):
                    raise
                given = None
            if given is not None:
                await asyncio.to_thread(queries.store, engine, given)
            stored, skipped = stored + (given is not None), skipped + (given is None)
            done += 1
            await asyncio.sleep(min((now() - asked) * (1 / load - 1), max(end - now(), 0.0)))
        if done < len(waiting.first):
            return Studied(stored, skipped, waiting.count - done, now() - began)
        passed.update(waiting.looked_at)
    return Studied(stored, skipped, 0, now() - began)


async def _given(
    engine: Engine, router: Router, local: Local, name: str, second: str
) -> queries.Work | None:
    """What stores the opinion of one logged request; None where there can be none."""
    words = await asyncio.to_thread(lambda: list(queries.with_words(engine, [name])))
    if not words:
        return None  # they were deleted meanwhile
    (one,) = words
    found = await opinion(router, local, one, second)
    if found is None:
        return None
    label, model, answer = found
    return queries.opinion_on(
        one.id,
        local_model=one.local_model,
        model=model,
        answer=answer,
        label=label,
        version=router.version,
    )


async def opinion(
    router: Router, local: Local, one: Logged, second: str
) -> tuple[AgreementLabel, str, str] | None:
    """The label of one request, who gave the second opinion, and its words.

    Opinions that the gateway asked for are used; where the cloud was asked at once, the local
    model answers now. Either is as long as the client allowed, or OPINION_TOKENS. None for answers
    without text.
    """
    first, call = one.local, logged.call_of(one, most_tokens=OPINION_TOKENS)
    if first is None:
        body = second_body(call, same_model=False)
        first = answer_of(await local.ask(one.local_model, body, call.api), "").written
    model, answer = one.second_model, one.second
    if not model or not answer:
        body = second_body(call, same_model=second == one.local_model)
        model = second
        answer = answer_of(await local.ask(second, body, call.api), second).written
    if not first.strip() or not answer.strip():
        return None
    label = router.second_look().agreement_label(
        asks_for(one.request),
        Answer(first, one.local_model),
        [Answer(answer, model)],
        one.request.offer,
    )
    return label, model, answer


async def _until_idle(engine: Engine, now: Callable[[], float], end: float) -> None:
    while now() < end:
        newest = await asyncio.to_thread(queries.newest_at, engine)
        if newest is None or time() - newest >= QUIET_S:
            return
        await asyncio.sleep(min(LOOK_AGAIN_S, max(end - now(), 0.0)))
