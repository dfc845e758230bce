"""That what a gateway remembers has bounds, whatever it is asked."""

import asyncio

import pytest

from tests.servers.fixtures import Run

MOST = 5
BOUNDS = (
    "router.engine.conversations.CONVERSATIONS_REMEMBERED",
    "router.engine.signatures.SIGNATURES_REMEMBERED",
    "router.privacy.filter.TURNS_REMEMBERED",
    "router.decide.after.NAMES_REMEMBERED",
)


def test_a_gateway_remembers_no_more_than_its_bounds(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in BOUNDS:
        monkeypatch.setattr(name, MOST)
    gateway = run(cascade="checks")
    service = gateway.service
    for number in range(3 * MOST):
        gateway.chat(f"Name river number {number} of a country.")
        gateway.chat(f"Why is it so, {number}?", model="cloud")
        service.signatures.remember([f"signature-{number}"], "claude")
    for number in range(3 * MOST):
        service.policy.router.predict_after(None, f"It is {number}.")
        if (second := service.policy.router.second) is not None:
            second.ability(f"model-{number}")
    assert len(service.conversations._known) == MOST
    assert len(service.conversations._preambles) <= MOST
    assert len(service.policy.privacy_filter._known) == MOST
    assert len(service.signatures._models) == MOST
    assert second is not None and len(second._abilities_met) == MOST


def test_new_settings_leave_nothing_of_the_old_ones(run: Run) -> None:
    gateway = run()
    service = gateway.service
    asked = len(service.tasks), len(service.watchers)
    for _ in range(5):
        asyncio.run_coroutine_threadsafe(service.reload(), gateway.loop).result(60)
        gateway.chat("Say hello.", model="cloud")
    assert (len(service.tasks), len(service.watchers)) == asked
    assert len(service._cloud_http._transports) == len(service.http._transports) == 1
