"""Second opinions for logged requests, overnight: labels that cost nobody anything."""

import asyncio
from dataclasses import dataclass
from time import monotonic, time

from sqlalchemy import Engine

from router.answers.reading import Answer
from router.decide.after import AgreementLabel
from router.decide.router import Router
from router.engine.cascade import answer_of, second_body
from router.errors import BackendError, BackendUnreachable, InputError
from router.labelling import Progress, logged
from router.labelling.constants import GIVE_UP_FAILURES, LOOK_AGAIN_S, QUIET_S
from router.labelling.local import Local
from router.outcomes import queries
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
    progress: Progress = lambda done, of: None,
) -> Studied:
    """Ask `second` about logged requests without a second opinion, most informative first.

    Each opinion is stored at once, so studying may be stopped at any moment and goes on where it
    was. `load`: the share of the time that the model may be busy. `only_idle`: wait while the
    gateway is in use. Raises BackendError when the server fails five times running.
    """
    began = monotonic()
    waiting = logged.ordered(router, await asyncio.to_thread(queries.without_opinion, engine))
    stored = skipped = failures = 0
    for number, one in enumerate(waiting):
        if only_idle:
            await _until_idle(engine, began + budget_s)
        if monotonic() - began >= budget_s:
            break
        progress(number, len(waiting))
        asked = monotonic()
        try:
            found = await opinion(router, local, one, second)
            failures = 0
        except (BackendError, InputError) as error:
            failures += isinstance(error, BackendError)
            if failures >= GIVE_UP_FAILURES or isinstance(error, BackendUnreachable):
                raise
            found = None
        if found is None:
            skipped += 1
        else:
            label, model, answer = found
            await asyncio.to_thread(
                queries.add_opinion,
                engine,
                one.id,
                local_model=one.local_model,
                model=model,
                answer=answer,
                label=label,
                version=router.version,
            )
            stored += 1
        await asyncio.sleep((monotonic() - asked) * (1 / load - 1))
    left = len(waiting) - stored - skipped
    return Studied(stored, skipped, left, monotonic() - began)


async def opinion(
    router: Router, local: Local, one: Logged, second: str
) -> tuple[AgreementLabel, str, str] | None:
    """The label of one request, who gave the second opinion, and its words.

    Opinions that the gateway asked for are used; where the cloud was asked at once, the local
    model answers now. None for answers without text.
    """
    first, call = one.local, logged.call_of(one)
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


async def _until_idle(engine: Engine, end: float) -> None:
    while monotonic() < end:
        newest = await asyncio.to_thread(queries.newest_at, engine)
        if newest is None or time() - newest >= QUIET_S:
            return
        await asyncio.sleep(LOOK_AGAIN_S)
