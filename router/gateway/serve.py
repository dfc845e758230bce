"""Running one gateway process: the report at its start, the server, and a calm end."""

import asyncio
import gc
import logging
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import uvicorn
from rich.console import Console

from router.app import Service
from router.gateway.constants import BACKLOG, COUNTS_S, DRAIN_S, GC_THRESHOLDS, IDLE_S, SWITCH_S
from router.gateway.heads import Heads
from router.gateway.listening import address_of, bound
from router.gateway.memory import keep_large_blocks_apart
from router.gateway.metrics import Metrics
from router.gateway.page.feed import Feed
from router.gateway.routes import create_app
from router.gateway.worker import Line, Worker
from router.monitor.watch import watching
from router.settings import Settings


def run(settings: Settings, reread: Callable[[], Settings], worker: Worker | None) -> None:
    """Serve in this process until SIGINT or SIGTERM, then let running answers finish.

    SIGHUP rereads the settings. `reread`: gives them whenever they have changed. `worker`: which of
    several this is. Raises ConfigError if the address is taken.
    """
    for noisy in ("alembic", "httpx"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    listening = worker.listener() if worker else bound(settings.host, settings.port)
    sys.setswitchinterval(SWITCH_S)
    keep_large_blocks_apart()
    running = _run(settings, reread, listening, worker)
    if sys.platform == "win32":
        asyncio.run(running)
    else:
        import uvloop  # here, as Windows has none

        uvloop.run(running)


class _Server(uvicorn.Server):
    """uvicorn, ending calmly: its own way is to die of the signal once it has drained.

    `feed`: of pages that are open, which never end by themselves. `line`: to the supervisor.
    """

    def __init__(self, config: uvicorn.Config, feed: Feed, line: Line | None) -> None:
        super().__init__(config)
        self._feed, self._line = feed, line

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """What uvicorn does; then the supervisor is told, and its end is this one's."""
        await super().startup(sockets)
        if self._line is not None:
            self._line.serving()
            asyncio.get_running_loop().add_reader(self._line, self._left_alone)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let the pages go, then what uvicorn does."""
        self._feed.end()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to `obey_signals`."""
        yield

    def obey_signals(self, service: Service) -> None:
        """SIGINT and SIGTERM drain, twice they end at once; SIGHUP rereads the settings."""
        if sys.platform == "win32":
            return
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop)
        loop.add_signal_handler(signal.SIGHUP, lambda: loop.create_task(service.reload()))

    def _stop(self) -> None:
        self.force_exit = self.should_exit
        self.should_exit = True

    def _left_alone(self) -> None:
        assert self._line is not None
        asyncio.get_running_loop().remove_reader(self._line)
        self.should_exit = True


async def _run(
    settings: Settings,
    reread: Callable[[], Settings],
    listening: socket.socket,
    worker: Worker | None,
) -> None:
    number = worker.number if worker else None
    async with Service(settings, reread, number) as service, watching(service) as watch:
        host, port = listening.getsockname()[:2]
        if not number:
            _report(service, address_of(host, port))
        feed, metrics = Feed(), Metrics(service, watch)
        if metrics.shared:
            service.repeat("metrics", COUNTS_S, metrics.work)
        if service.shared is not None:
            service.repeat("page", COUNTS_S, partial(feed.look, service.log.engine))
        config = uvicorn.Config(
            create_app(service, watch, feed, metrics),
            log_level="warning",
            access_log=False,
            lifespan="off",
            http=Heads,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            backlog=BACKLOG,
            timeout_keep_alive=IDLE_S,
            timeout_graceful_shutdown=DRAIN_S,
        )
        # What is loaded now stays for good; collecting it again and again only makes pauses.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        server = _Server(config, feed, Line(worker) if worker else None)
        server.obey_signals(service)
        await server.serve([listening])


def _report(service: Service, address: str) -> None:
    """Say what was found, what holds, and what to paste where."""
    say = Console(stderr=True, highlight=False, soft_wrap=True).print
    server, policy = service.server, service.policy
    settings = policy.settings
    if server.kind == "none":
        say(f"[yellow]local[/]  nothing answers at {settings.local_url}; see: router doctor")
    for model in server.models.values():
        chosen = "[bold]" if model.name == policy.router.local_model else "[dim]"
        window = f"{model.context:,} tokens" if model.context else "window unknown"
        say(f"[green]local[/]  {chosen}{model.name}[/]  {window}  ({server.kind})")
    ability, name = policy.router.abilities[0], policy.router.local_model
    if ability.other_weights:
        say(f"[yellow]local[/]  {name} has other weights than were measured: router probe")
    elif not ability.known:
        say(
            f"[yellow]local[/]  nobody measured {name}, so it leans local "
            f"(confidence {policy.router.confidence:g}); {_how(settings.auto_probe)}"
        )
    if service.dispatcher.planner.cloud_configured:
        say(f"[green]cloud[/]  {settings.cloud_model}")
    else:
        say("[yellow]cloud[/]  not configured; set ANTHROPIC_API_KEY to escalate to Claude")
    if settings.workers > 1:
        say(f"workers {settings.workers}, and one process that keeps them alive")
    say(
        f"policy {policy.version}: {policy.router.operating_point.words()}, "
        f"cascade {settings.cascade}, "
        f"exploration {settings.exploration:g}, model {policy.router.version}"
    )
    say(f"page:              {address}")
    say(f"OpenAI clients:    base_url={address}/v1  model=auto")
    say(f"Anthropic clients: ANTHROPIC_BASE_URL={address}")
    say(f"Ollama clients:    OLLAMA_HOST={address}  model=auto")


def _how(auto_probe: bool) -> str:
    """How an unmeasured model comes to be measured."""
    return "it is measured once nobody asks" if auto_probe else "measure it: router probe"
