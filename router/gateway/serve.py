"""Running the gateway: the report at its start, the server, and a calm end."""

import asyncio
import gc
import logging
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from rich.console import Console

from router.app import Service
from router.errors import ConfigError
from router.gateway.constants import BACKLOG, DRAIN_S, GC_THRESHOLDS, IDLE_S, SWITCH_S
from router.gateway.heads import Heads
from router.gateway.memory import keep_large_blocks_apart
from router.gateway.page.feed import Feed
from router.gateway.routes import create_app
from router.monitor.watch import watching
from router.settings import Settings


def serve(reread: Callable[[], Settings]) -> None:
    """Serve until SIGINT or SIGTERM, then let running answers finish. SIGHUP rereads settings.

    `reread`: gives the settings, now and whenever they have changed. Raises ConfigError if the
    address is taken.
    """
    settings = reread()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    for noisy in ("alembic", "httpx"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    listening = bound(settings.host, settings.port)
    sys.setswitchinterval(SWITCH_S)
    keep_large_blocks_apart()
    if sys.platform == "win32":
        asyncio.run(_run(settings, reread, listening))
    else:
        import uvloop  # here, as Windows has none

        uvloop.run(_run(settings, reread, listening))


def bound(host: str, port: int) -> socket.socket:
    """A socket on that address; port 0 takes a free one. Raises ConfigError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise ConfigError(
            f"The address {host}:{port} cannot be used ({error.strerror}); "
            "stop what uses it or choose another port."
        ) from error
    return listening


class _Server(uvicorn.Server):
    """uvicorn, ending calmly: its own way is to die of the signal once it has drained.

    `feed`: of pages that are open, which never end by themselves.
    """

    def __init__(self, config: uvicorn.Config, feed: Feed) -> None:
        super().__init__(config)
        self._feed = feed

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


async def _run(
    settings: Settings, reread: Callable[[], Settings], listening: socket.socket
) -> None:
    async with Service(settings, reread) as service, watching(service) as watch:
        host, port = listening.getsockname()[:2]
        _report(service, f"http://{host}:{port}")
        feed = Feed()
        config = uvicorn.Config(
            create_app(service, watch, feed),
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
        server = _Server(config, feed)
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
