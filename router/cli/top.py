"""`router top`: the gateway at a glance, on a terminal that stays open or once for a pipe."""

import asyncio
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console, Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from router.cli.console import extra
from router.cli.gateway import opened_log

if TYPE_CHECKING:
    from collections.abc import Sequence

    from router.backends.http import Http
    from router.monitor.glance import Gauges, Glance
    from router.outcomes.live import Seen
    from router.settings import Settings

_BARS = " ▁▂▃▄▅▆▇█"
_COLOURS = {"local": "green", "cloud": "yellow", "none": "red"}


def register(app: typer.Typer) -> None:
    """Add this command to `app`."""
    app.command(epilog="Example: router top, or for a pipe: router top --once")(top)


def top(
    every: Annotated[float, typer.Option(min=0.5, help="Seconds between two looks.")] = 2.0,
    once: Annotated[bool, typer.Option("--once", help="Look once and end.")] = False,
    last: Annotated[int, typer.Option(min=1, help="How many decisions are shown.")] = 12,
) -> None:
    """Watch the gateway: requests, money, latency, breakers, alarms and the last decisions."""
    from router.settings import load_settings

    console = Console(highlight=False)
    with extra("gateway"), suppress(KeyboardInterrupt):  # which is how one leaves it
        asyncio.run(_watch(console, load_settings(), every, once or not console.is_terminal, last))


async def _watch(
    console: Console, settings: "Settings", every: float, once: bool, last: int
) -> None:
    from rich.live import Live

    from router.backends.http import Http
    from router.gateway.listening import address_of
    from router.monitor.glance import glance
    from router.outcomes.budget import Caps

    address = address_of(settings.host, settings.port)
    caps = Caps(settings.budget_day_usd, settings.budget_month_usd)
    http = Http()
    with opened_log(settings) as engine:

        async def look() -> Group:
            said = await _metrics(http, address)
            found = await asyncio.to_thread(glance, engine, caps, said, time.time(), last)
            return _screen(found, address)

        try:
            if once:
                console.print(await look())
                return
            with Live(await look(), console=console, screen=True, auto_refresh=False) as shown:
                while True:
                    await asyncio.sleep(every)
                    shown.update(await look(), refresh=True)
        finally:
            await http.close()


async def _metrics(http: "Http", address: str) -> str | None:
    """What the gateway counts; None where none answers, or not without a key."""
    from router.errors import BackendError

    try:
        return await http.text(f"{address}/metrics", timeout_s=1.0)
    except BackendError:
        return None


def _screen(seen: "Glance", address: str) -> Group:
    """All of it, from top to bottom."""
    at = f"{datetime.fromtimestamp(seen.at).astimezone():%Y-%m-%d %H:%M:%S}"
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="bold", no_wrap=True)
    facts.add_column(overflow="fold")
    for name, words in (
        ("last hour", _requests(seen)),
        ("30 days", _money(seen)),
        *(("budget", line) for line in _budgets(seen)),
        ("latency", _latency(seen)),
        *(("gateway", line) for line in _lights(seen.gauges, address)),
        *(("event", _event(one.at, one.words)) for one in seen.events),
    ):
        facts.add_row(name, words)
    return Group(Text(f"router top   {at}", style="dim"), facts, "", _decisions(seen.last))


def _requests(seen: "Glance") -> str:
    bars = seen.traffic
    rows = (("local", bars.local), ("cloud", bars.cloud), ("none", bars.none))
    highest = max(max(values) for _, values in rows)
    parts = []
    for tier, values in rows:
        if tier != "none" or any(values):
            drawn = _drawn(values, highest)
            parts.append(f"[{_COLOURS[tier]}]{tier} {drawn} {sum(values)}[/]")
    return "\n".join(parts)


def _drawn(values: "Sequence[int]", highest: int) -> str:
    """Bars of one character each; what is not nothing is seen.

    >>> _drawn([0, 1, 500, 1000], 1000)
    ' ▁▄█'
    """
    steps = len(_BARS) - 1
    return "".join(_BARS[-(-value * steps // highest) if value else 0] for value in values)


def _money(seen: "Glance") -> str:
    one = seen.saved
    words = (
        f"spent ${one.spent_usd:.4f} (${one.exploration_usd:.4f} of it exploring), saved "
        f"${one.saved_usd:.4f} against all to the cloud"
    )
    if not one.requests:
        return words
    return f"{words}, {one.local / one.requests:.0%} of {one.requests} answered locally"


def _budgets(seen: "Glance") -> list[str]:
    out = []
    for one in seen.budgets:
        used = one.spent_usd / one.cap_usd if one.cap_usd else 1.0
        colour = "red" if used >= 1 else "yellow" if used >= 0.8 else "green"
        words = f"${one.spent_usd:.2f} of ${one.cap_usd:.2f} {one.words}"
        out.append(f"[{colour}]{words}, {used:.0%}[/]")
    return out


def _latency(seen: "Glance") -> str:
    each = [
        f"[{_COLOURS[tier]}]{tier}[/] half within {took.p50_s:.1f} s, 90 % within "
        f"{took.p90_s:.1f} s, 99 % within {took.p99_s:.1f} s (last {took.answers})"
        for tier, took in seen.latencies.items()
    ]
    return "; ".join(each) or "no answer yet"


def _lights(gauges: "Gauges | None", address: str) -> list[str]:
    if gauges is None:
        return [f"[dim]○ none answers at {address}, so breakers and alarms are not known[/]"]
    from router.monitor.constants import LIMIT

    out = [
        _light(not is_open, f"{tier}: {'left alone after failures' if is_open else 'in use'}")
        for tier, is_open in sorted(gauges.open.items(), reverse=True)
    ]
    out.append(_light(not gauges.log_failing, "log: " + _how(not gauges.log_failing, "takes rows")))
    against = f"calibration: evidence {gauges.evidence:.1f} against it, alarm at {LIMIT:,.0f}"
    out.append(_light(gauges.evidence < LIMIT, against))
    if gauges.drift is None:
        out.append("[dim]○ drift: too few requests to tell[/]")
    else:
        drift = f"drift: {gauges.drift:.1f} of what chance allows"
        out.append(_light(gauges.drift <= 1, drift))
    if gauges.alarms:
        out.append(_light(False, f"alarms that hold: {gauges.alarms}; router models has the words"))
    out += [_light(False, f"task {task} fails; see /readyz") for task in gauges.failing]
    return out


def _how(good: bool, words: str) -> str:
    return words if good else f"no longer {words}"


def _light(good: bool, words: str) -> str:
    return f"[{'green' if good else 'red'}]●[/] {escape(words)}"


def _event(at: float, words: str) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC  {escape(words)}"


def _decisions(last: "Sequence[Seen]") -> Table:
    """The last decisions with their reasons; no word of a request is among them."""
    table = Table(box=None, pad_edge=False, expand=True)
    for name in ("at", "tier", "model", "rule", "s", "$"):
        table.add_column(name, no_wrap=True)
    table.add_column("why", no_wrap=True, overflow="ellipsis", ratio=1)  # gives way, the others not
    for one in last:
        tier = one.tier or "none"
        when = datetime.fromtimestamp(one.at).astimezone()
        table.add_row(
            f"{when:%H:%M:%S}",
            f"[{_COLOURS[tier]}]{tier}{'↑' if one.escalated else ''}[/]",
            escape(one.model or ""),
            one.rule,
            f"{one.latency_s:.1f}" if one.latency_s is not None else "",
            f"{one.cost_usd or 0:.4f}",
            escape(one.reason if one.status == 200 else f"{one.status} {one.error or ''}"),
        )
    return table
