"""How far a second local model repeats the first one's mistakes, told by probes both answer.

A check knows which answers are wrong, so probes show what two models copy before any request came.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np

from router.answers.reading import Answer
from router.decide.constants import COPIED_SHARES
from router.decide.dependence import copied_share, pair_name, relation
from router.decide.heads import logit
from router.decide.router import Router
from router.engine.constants import SECOND_TEMPERATURE
from router.labelling.local import Local
from router.labelling.probes.checks import passed
from router.labelling.probes.load import Probe
from router.labelling.probes.measure import MAX_TOKENS
from router.outcomes.pieces import Progress, untold
from router.registry import artifact as artifacts
from router.registry.registry import Registry
from router.text.asks import asks_for
from router.text.request import request_from_prompt
from router.wire import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """Of two models: the copied share, 0..1, what their names had let expect, and how it was told.

    `wrong`: probes that the first one fails, of `probes`.
    """

    first: str
    second: str
    share: float
    expected: float
    wrong: int
    probes: int


async def copied_on(
    local: Local,
    router: Router,
    first: str,
    second: str,
    probes: Sequence[Probe],
    *,
    progress: Progress = untold,
) -> Copied:
    """Both models' answers to `probes`, set beside each other. Raises BackendError."""
    look = router.second_look()
    alone, strangers, wrong = [], [], []
    for number, probe in enumerate(probes):
        progress(number, len(probes))
        own = await _answer(local, first, probe, 0.0)
        sampled = SECOND_TEMPERATURE if first == second else 0.0
        other = await _answer(local, second, probe, sampled)
        good = await asyncio.to_thread(passed, probe.check, own.text)
        asks = asks_for(request_from_prompt(probe.prompt))
        label = look.agreement_label(asks, own, [other])
        alone.append(label.alone[0])
        strangers.append(label.strangers[0])
        wrong.append(float(not good))
    added = logit(np.array(strangers)) - logit(np.array(alone))
    expected = COPIED_SHARES[relation(first, second)]
    return Copied(
        first=first,
        second=second,
        share=copied_share(added, np.array(wrong), expected),
        expected=expected,
        wrong=int(sum(wrong)),
        probes=len(probes),
    )


def version_knowing(registry: Registry, found: Copied) -> str:
    """Make what was found of a pair current; the name of the version. Raises ArtifactError."""
    base = registry.load()
    now = datetime.now(UTC)
    known: Mapping[str, float] = base.manifest.get("copied", {})
    manifest = {
        **base.manifest,
        "version": f"{base.version.split('+')[0][:40]}-copied-{now:%Y%m%d-%H%M%S}",
        "base": base.version,
        "created_at": now.isoformat(timespec="seconds"),
        "copied": {**known, pair_name(found.first, found.second): round(found.share, 4)},
    }
    version = replace(base, manifest=manifest)
    artifacts.save(version, registry.folder)
    registry.promote(
        version.version,
        f"{version.version} is current: what {found.second} says of {found.first} counts as if it "
        f"repeated {found.share:.0%} of its mistakes.",
    )
    return version.version


async def _answer(local: Local, model: str, probe: Probe, temperature: float) -> Answer:
    body: Json = {
        "messages": [{"role": "user", "content": probe.prompt}],
        "temperature": temperature,
        "max_tokens": MAX_TOKENS,
    }
    return Answer((await local.ask(model, body)).text, model)
