"""Several workers behind one address, as processes of their own."""

import signal
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from sqlalchemy import create_engine, text

from router.outcomes.shared import named
from tests.servers import agents, upstream
from tests.servers.running import EASY, until
from tests.servers.served import serving
from tests.servers.workers import Workers, ask, besieged, workers

pytestmark = pytest.mark.servers
CAP_USD = 0.03  # some four answers under way, by their estimates


@pytest.fixture
def two(tmp_path: Path, local: upstream.Upstream, cloud: upstream.Upstream) -> Iterator[Workers]:
    with workers(tmp_path, 2, local_url=local.url, cloud_url=cloud.url) as running:
        yield running


def test_two_workers_answer_on_one_port_and_one_scrape_tells_of_both(two: Workers) -> None:
    until(lambda: two.answering() == {0, 1})
    for _ in range(12):  # connections of their own
        with httpx.Client(base_url=two.url, timeout=30) as client:
            assert ask(client).status_code == 200
    assert two.metric("router_requests_total") == 12
    assert two.metric("router_requests_in_flight ") == 0
    until(lambda: len(two.ids()) == 12)
    ready = httpx.get(f"{two.url}/readyz").json()
    assert ready["ready"] and ready["log"] == "ok"


def test_a_worker_killed_under_load_loses_nothing_and_comes_back(two: Workers) -> None:
    answered = besieged(two, kills=2, answers=100)
    # What the dead left is drained by those that live.
    until(lambda: set(answered) <= set(two.ids()), 30)
    kept = two.ids()
    assert len(kept) == len(set(kept))
    until(lambda: two.answering() == {0, 1}, 60)
    assert "was ended by SIGKILL; it is started again" in two.log.read_text()
    assert two.metric("router_requests_total") >= len(answered)  # the dead one's are counted still
    assert two.metric("router_workers ") == 2


def test_sigterm_lets_streams_of_all_workers_finish(two: Workers, local: upstream.Upstream) -> None:
    local.script = upstream.slowly
    body = {"model": "local", "stream": True, "messages": [{"role": "user", "content": EASY}]}
    begun = threading.Barrier(9)

    def read(_: int) -> list[str]:
        url = two.url + "/v1/chat/completions"
        with httpx.stream("POST", url, json=body, timeout=20) as answer:
            lines = answer.iter_lines()
            next(lines)
            begun.wait(20)
            return list(lines)

    with ThreadPoolExecutor(8) as pool:
        streams = [pool.submit(read, i) for i in range(8)]
        begun.wait(20)
        two.process.send_signal(signal.SIGTERM)
        for stream in streams:
            assert stream.result()[-2:] == ["data: [DONE]", ""]
    assert two.process.wait(30) == 0
    assert "Traceback" not in two.log.read_text()
    assert len(two.ids()) == 8


def test_workers_end_with_their_supervisor(two: Workers) -> None:
    left = two.pids()
    assert len(left) == 2
    two.process.kill()
    until(lambda: not any(Path(f"/proc/{pid}/cmdline").exists() for pid in left), 30)


def test_no_other_gateway_shares_the_address(two: Workers, tmp_path: Path) -> None:
    port = int(two.url.rsplit(":", 1)[1])
    for count in (1, 2):
        command = serving(workers=count, port=port, log_url=f"sqlite:///{tmp_path}/other.db")
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 1 and "cannot be used" in done.stderr


def test_what_is_wrong_is_said_once_and_ends_them_all(tmp_path: Path) -> None:
    (tmp_path / "journal").touch()
    given = {"workers": 3, "port": 0, "journal_dir": str(tmp_path / "journal")}
    command = serving(**given, log_url=f"sqlite:///{tmp_path}/o.db")
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.count("cannot be written") == 1


def test_workers_that_race_for_a_cap_never_overshoot_it(
    tmp_path: Path, local: upstream.Upstream, cloud: upstream.Upstream
) -> None:
    given = {"local_url": local.url, "cloud_url": cloud.url, "budget_day_usd": CAP_USD}
    with workers(tmp_path, 3, **given) as three:

        def spend(number: int) -> int:
            with httpx.Client(base_url=three.url, timeout=60) as client:
                return ask(client, f"Prove it, {number}.", "cloud").status_code

        with ThreadPoolExecutor(12) as pool:
            said = list(pool.map(spend, range(400)))
        assert set(said) == {200, 402}
        engine = create_engine(three.log_url)

        def account(query: str) -> float:
            with engine.connect() as connection:
                return float(connection.execute(text(query)).scalar_one() or 0)

        until(lambda: not account("SELECT count(*) FROM reservations WHERE NOT settled"))
        assert 0 < account("SELECT sum(usd) FROM reservations") <= CAP_USD
        engine.dispose()


def test_a_session_of_an_agent_stays_whole_over_all_workers(
    two: Workers, local: upstream.Upstream, cloud: upstream.Upstream
) -> None:
    local.script, cloud.script = agents.home, agents.Cloud().script
    turns = [agents.asked(EASY)]
    tiers = []
    for number in range(5):
        with httpx.Client(base_url=two.url, timeout=30) as client:  # whichever worker takes it
            headers = {"x-router-tier": "cloud"} if number == 0 else {}
            answer = client.post("/v1/messages", json=agents.request(turns), headers=headers)
        tiers.append(answer.headers["x-router-tier"])
        said = answer.json()
        turns += [{"role": "assistant", "content": said["content"]}, agents.result(said)]
        engine = create_engine(two.log_url)
        until(lambda engine=engine: named(engine, "conversation"))  # type: ignore[misc]
        engine.dispose()
    assert tiers == ["cloud"] * 5
