"""`router top` over a gateway that was asked, at a terminal and for a pipe."""

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from router.monitor.constants import LIMIT
from router.monitor.glance import gauges
from tests import ROOT
from tests.servers import upstream
from tests.servers.fixtures import Run, free_port
from tests.servers.running import EASY, HARD, Gateway
from tests.servers.terminal import Terminal

pytestmark = pytest.mark.servers

ROUTER = str(Path(sys.executable).parent / "router")


def environment(gateway: Gateway, **more: str) -> dict[str, str]:
    return {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": str(ROOT),
        "HOME": str(gateway.database.parent),
        "COLUMNS": "160",
        "LINES": "50",
        "ROUTER_LOG_URL": f"sqlite:///{gateway.database}",
        "ROUTER_PORT": str(urlsplit(gateway.url).port),
        "ROUTER_BUDGET_DAY_USD": "0.00001",
        **more,
    }


def once(told: dict[str, str], *flags: str) -> str:
    done = subprocess.run(
        [ROUTER, "top", *flags], env=told, text=True, capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_pipe_gets_one_look_with_all_that_the_log_and_the_gateway_know(run: Run) -> None:
    gateway = run()
    gateway.chat(EASY)
    gateway.chat(HARD)
    gateway.chat("Write to ann.lee@mail.example.org about it.")
    shown = once(environment(gateway))
    assert "67% of 3 answered locally" in shown
    assert re.search(r"local .*█.* 2 *\n", shown)
    assert re.search(r"cloud .* 1 *\n", shown)
    assert "of $0.00 a day, " in shown
    assert "local half within" in shown and "cloud half within" in shown
    assert "● local: in use" in shown and "● cloud: in use" in shown
    assert f"alarm at {LIMIT:,.0f}" in shown
    assert "claude-sonnet-5-5" in shown
    assert "ann.lee" not in shown and "France" not in shown  # no word of any request
    assert once(environment(gateway), "--last", "1").count("learned") == 0


def test_a_breaker_that_is_open_is_a_red_light_and_a_failed_request_is_told(
    run: Run, local: upstream.Upstream
) -> None:
    async def broken(connection: upstream.Connection, got: upstream.Got) -> None:
        if got.path == "/v1/models":
            await upstream.local(connection, got)
        else:
            await connection.json({"error": "out of memory"}, 500)

    local.script = broken
    limits = {"failures": 1, "retries": 0, "cool_off_s": 600}
    gateway = run(local_limits=limits)
    gateway.chat(EASY, model="local")
    shown = once(environment(gateway))
    assert "local: left alone after failures" in shown
    assert "50" in shown.splitlines()[-1]
    assert gauges(httpx.get(f"{gateway.url}/metrics").text).open == {"local": True, "cloud": False}


def test_without_a_gateway_the_log_is_shown_and_the_lights_are_said_to_be_unknown(
    run: Run,
) -> None:
    gateway = run()
    gateway.chat(EASY)
    shown = once(environment(gateway, ROUTER_PORT=str(free_port())), "--once")
    assert "breakers and alarms are not known" in shown
    assert "100% of 1 answered locally" in shown


def test_at_a_terminal_it_stays_until_it_is_stopped_and_shows_what_is_new(run: Run) -> None:
    gateway = run()
    with Terminal(
        [ROUTER, "top", "--every", "0.5"], environment(gateway), gateway.database.parent
    ) as at:
        at.until("no answer yet")
        gateway.chat(EASY)
        at.until("learned")
        at.type("\x03", end="")
        assert at.ended() == 0
    assert "Stopped." not in at.shown
