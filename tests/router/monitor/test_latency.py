"""How long answers take, as `router top` and the page say it."""

from dataclasses import asdict
from pathlib import Path

from sqlalchemy import insert

from router.monitor.glance import glance
from router.monitor.latency import Latency, latencies
from router.outcomes.budget import Caps
from router.outcomes.database import open_database
from router.outcomes.tables import decisions
from tests.router.gateway.page.test_addresses import numbers
from tests.router.outcomes.test_live import NOON, row
from tests.servers.fixtures import Run
from tests.servers.running import EASY, HARD


def test_half_nine_in_ten_and_ninety_nine_in_a_hundred_are_there_by_then(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'o.db'}")
    assert latencies(engine) == {}
    with engine.begin() as connection:
        for i in range(101):
            first = {"first_token_s": 0.25} if i < 3 else {}
            connection.execute(insert(decisions).values(**row(NOON + i, latency_s=i / 10, **first)))
        connection.execute(insert(decisions).values(**row(NOON - 1, latency_s=99.0, status=502)))
        connection.execute(insert(decisions).values(**row(NOON - 2, latency_s=2.0, tier="cloud")))
    assert latencies(engine) == {
        "local": Latency(101, 5.0, 9.0, 9.9, 0.25),
        "cloud": Latency(1, 2.0, 2.0, 2.0, None),
    }
    engine.dispose()


def test_top_and_the_page_have_the_same_figures(run: Run) -> None:
    gateway = run()
    for prompt in (EASY, EASY, HARD):
        gateway.chat(prompt)
    shown = numbers(gateway)["latency"]
    seen = glance(gateway.service.log.engine, Caps(), None, 0.0, 1).latencies
    assert shown == {tier: asdict(one) for tier, one in seen.items()}
    assert shown["local"]["answers"] == 2
