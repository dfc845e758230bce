"""The parts of a running router: built from settings, exchanged when these change."""

import asyncio
import logging
import os
import socket
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from math import ceil
from pathlib import Path
from random import Random
from time import time
from uuid import uuid4

from router.backends.base import Backend, Timeouts
from router.backends.claude import ClaudeBackend
from router.backends.discovery import LocalServer, digest_of, discover
from router.backends.http import Http
from router.backends.local import LocalBackend
from router.backends.masked import Unmasked
from router.backends.metering import Metered
from router.backends.openai_cloud import OpenAICloud
from router.backends.resilience import Guarded, Limits
from router.background import BackgroundTask
from router.decide.router import Router
from router.engine.aside import Aside
from router.engine.conversations import Conversations
from router.engine.dispatcher import Dispatcher
from router.engine.in_force import Policy
from router.engine.plan import Planner
from router.engine.record import Record, is_young
from router.engine.sharing import Sharing
from router.engine.signatures import Signatures
from router.errors import ArtifactError, LogError, NoPromise, RouterError
from router.outcomes import events, queries
from router.outcomes.budget import Caps, Ledger
from router.outcomes.constants import ARRIVAL_LOOK_S, ARRIVAL_S, SHARE_PRUNE_S, SHARE_PULL_S
from router.outcomes.database import is_server
from router.outcomes.lease import Leases
from router.outcomes.shared import Shared, hashed
from router.outcomes.writer import OutcomeLog, open_log
from router.prices import Prices
from router.privacy import PrivacyFilter
from router.privacy.detectors import Builtin, Detector, Own, People, Presidio
from router.registry import artifact as artifacts
from router.registry.registry import Move, Registry
from router.settings import Settings, TierSettings, load_settings, own_models, secret
from router.types import Tier

_log = logging.getLogger("router.gateway")
_LOOK_AT_SERVER_S = 15.0
_LOOK_AT_FILES_S = 1.0
_ANY_KIND = "The key of 4 Rose Street, +44 20 7946 0958, is AKIAIOSFODNN7EXAMPLE."  # made up
# Until the next start.
_FIXED = (
    *("host", "port", "workers", "log_url", "api_keys", "max_request_mb"),
    *("journal_dir", "journal_sync", "journal_mb", "traces_url", "traces_content"),
)


class Service:
    """A router that answers. `async with Service(settings) as service: ...`

    `reread`: gives the settings anew when their file has changed; `number`: of this worker, from 0,
    if there are several. Opening raises LogError, ConfigError or ArtifactError; a local server that
    does not answer is no error, nor a database that is down.
    """

    def __init__(
        self,
        settings: Settings,
        reread: Callable[[], Settings] = load_settings,
        number: int | None = None,
    ) -> None:
        self.settings = self._own = settings
        self._reread, self.number, self._workers = reread, number, settings.workers
        self.http, self._cloud_http = Http(), Http(proxies=True)
        self.server = LocalServer("none")
        self.signatures = Signatures()
        self.tasks: list[BackgroundTask] = []
        self.conversations = Conversations()
        self.watchers: list[Callable[[Record], None]] = [self.conversations.watch]
        self.shared: Shared | None = None
        self._keys: dict[str, str] = {}  # of the log, by name
        self._opened = AsyncExitStack()
        self._files: tuple[object, ...] = ()

    async def __aenter__(self) -> "Service":
        async with AsyncExitStack() as opened:
            opened.push_async_callback(self.http.close)
            opened.push_async_callback(self._cloud_http.close)
            self.server = await self._discovered()
            policy = await asyncio.to_thread(_ready, self.settings, self.server)
            self.log = await asyncio.to_thread(log_of, self.settings)
            opened.push_async_callback(asyncio.to_thread, self.log.close)
            holder = f"{socket.gethostname()[:32]}-{os.getpid()}-{uuid4().hex[:8]}"
            self.leases = Leases(self.log, holder)
            opened.push_async_callback(self.leases.leave)
            if self._workers > 1 or is_server(self.settings.log_url):
                self.shared = Shared(self.log.engine, holder, lambda: self.log.late)
                opened.push_async_callback(self.shared.close)
            self.ledger = Ledger(self.log, Caps(), time)
            self._build(self.settings, policy)
            self._files = self._seen()
            repeated = [
                ("local server", _LOOK_AT_SERVER_S, self.refresh),
                ("settings", _LOOK_AT_FILES_S, self._reload_if_changed),
            ]
            if self.shared is not None:
                sharing = self._sharing(self.shared)
                with suppress(LogError):  # a start waits for nobody
                    await sharing.work()
                repeated += [
                    ("shared", SHARE_PULL_S, sharing.work),
                    ("prune", SHARE_PRUNE_S, self._prune),
                ]
            for name, pause_s, work in repeated:
                opened.push_async_callback(self.repeat(name, pause_s, work).stop)
            self._opened = opened.pop_all()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._opened.aclose()

    def _sharing(self, shared: Shared) -> Sharing:
        return Sharing(
            shared,
            self.signatures,
            self.conversations,
            lambda: self.breakers,
            lambda: self.settings,
            self._heard_key,
        )

    def _heard_key(self, name: str, digest: str) -> None:
        """A key of the log, or one that was taken back; they count where keys are asked for."""
        self._keys[name] = digest
        self.settings = self._with_keys(self._own)

    def _with_keys(self, settings: Settings) -> Settings:
        theirs = {name: digest for name, digest in self._keys.items() if digest}
        if not settings.api_keys or not theirs:
            return settings
        return settings.model_copy(update={"api_keys": theirs | settings.api_keys})

    async def _prune(self) -> None:
        if self.shared is not None and await self.leases.mine("prune"):
            await self.shared.prune()

    async def mine(self) -> bool:
        """Whether this process is the one that moves versions in its models folder.

        Of those on one machine, that is; what the same folder is on another one nobody can tell.
        Raises LogError.
        """
        place = f"{socket.gethostname()}:{self.settings.models_dir.resolve()}"
        return await self.leases.mine(f"versions-{hashed(place.encode())}")

    async def arrived(self, decision: str) -> None:
        """Wait, for two seconds at most, until a decision that another gateway made just now is in
        the database.
        """
        if self.shared is None or self.log.late or not is_young(decision, time()):
            return
        for _ in range(round(ARRIVAL_S / ARRIVAL_LOOK_S)):
            if await asyncio.to_thread(queries.is_known, self.log.engine, decision):
                return
            await asyncio.sleep(ARRIVAL_LOOK_S)

    def _build(self, settings: Settings, policy: Policy) -> None:
        """New backends and a new planner; requests under way keep the old ones."""
        loop = asyncio.get_running_loop()
        self._own, self.settings = settings, self._with_keys(settings)
        self.ledger.caps = Caps(
            settings.budget_day_usd,
            settings.budget_month_usd,
            settings.budget_key_day_usd,
            settings.budget_key_month_usd,
        )
        self.local = LocalBackend(
            self.http,
            settings.local_url,
            timeouts_of(settings.local_limits),
            self._loading,
            secret(settings.local_api_key),
        )
        self.cloud = self._cloud(settings)
        guarded: dict[Tier, Guarded] = {}
        parts: tuple[tuple[Backend, TierSettings], ...] = (
            (self.local, settings.local_limits),
            (Metered(self.cloud, self.ledger, policy.router.prices), settings.cloud_limits),
        )
        for backend, limits in parts:
            guarded[backend.tier] = Guarded(
                Unmasked(backend),
                _limits(limits, self._workers),
                loop.time,
                Random(),
                asyncio.sleep,
            )
        self.breakers = {tier: g.breaker for tier, g in guarded.items()}
        planner = Planner(
            policy,
            self.ledger,
            self.breakers,
            lambda: self.server,
            Random(),
            self.conversations,
        )
        self.aside = Aside(planner, guarded)
        self.dispatcher = Dispatcher(
            planner, guarded, self.log, self.signatures, time, self.watchers
        )

    def _cloud(self, settings: Settings) -> ClaudeBackend | OpenAICloud:
        http, url = self._cloud_http, settings.cloud_url
        key = secret(settings.cloud_api_key) or "none"
        timeouts = timeouts_of(settings.cloud_limits)
        if settings.cloud_api == "openai":
            return OpenAICloud(http, url, key, timeouts)
        return ClaudeBackend(http, url, key, timeouts, self.signatures)

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        return self.dispatcher.planner.policy

    @property
    def registry(self) -> Registry:
        """The versions; a move is written among the events. Move from a thread, not the loop."""
        return self.registry_of(self.settings.models_dir)

    def registry_of(self, folder: Path) -> Registry:
        """The same of another folder."""
        return Registry(folder, self._moved)

    def _moved(self, move: Move) -> None:
        _log.warning(move.words)
        self.log.call(events.note(move.change, move.version, move.words)).result()

    async def refresh(self) -> None:
        """Ask the local server again what it serves."""
        found = await self._discovered()
        if found.kind == "none" and self.server.kind != "none":
            found = LocalServer(self.server.kind, self.server.models, found.problem)
        self.server = found
        if chosen_model(self.settings, found) != self.policy.router.local_model:
            self.dispatcher.planner.policy = await asyncio.to_thread(_ready, self.settings, found)

    async def reload(self) -> bool:
        """Take new settings and model; if they are wrong, false and a sentence in the log."""
        try:
            settings = await asyncio.to_thread(self._reread)
            policy = await asyncio.to_thread(_ready, settings, self.server)
        except RouterError as error:
            _log.error("The new settings were not taken: %s", error)
            return False
        fixed = [n for n in _FIXED if getattr(settings, n) != getattr(self._own, n)]
        if fixed:
            _log.warning("%s will be taken at the next start.", ", ".join(fixed))
        self._build(settings, policy)
        _log.info("New settings: policy %s, model %s.", policy.version, policy.router.version)
        return True

    async def _reload_if_changed(self) -> None:
        seen = self._seen()
        if seen != self._files:
            self._files = seen
            await self.reload()

    def _seen(self) -> tuple[object, ...]:
        """What tells that the settings or the model have changed."""
        toml = Path(str(Settings.model_config.get("toml_file")))
        stamp = toml.stat().st_mtime_ns if toml.exists() else 0
        try:
            folder = artifacts.resolve(self.settings.models_dir, self.settings.version)
            model: object = str(folder.resolve())
        except RouterError:
            model = None
        # By the same sign that the settings know it by: the folder is there before its versions.
        own = (own_models() / artifacts.POINTER).is_file()
        return stamp, model, self.registry.challenger, own

    async def _discovered(self) -> LocalServer:
        settings = self.settings
        return await discover(self.http, settings.local_url, secret(settings.local_api_key))

    async def _loading(self, model: str) -> bool:
        """Whether Ollama is still bringing a model into memory."""
        if self.server.kind != "ollama":
            return False
        found = (await self._discovered()).find(model)
        return found is not None and not found.loaded

    def repeat(
        self, name: str, pause_s: float, work: Callable[[], Awaitable[None]]
    ) -> BackgroundTask:
        """Do `work` again and again until what is returned is stopped."""
        self.tasks.append(BackgroundTask(name, pause_s, work))
        return self.tasks[-1]


def _ready(settings: Settings, server: LocalServer) -> Policy:
    """`policy_of`, having done what its first requests would wait for: tables, and arrays read."""
    policy = policy_of(settings, server)
    policy.privacy_filter.kinds(_ANY_KIND)
    decision = policy.router.predict(_ANY_KIND)
    if policy.router.second is not None:
        policy.router.predict_after(decision, "It is 42.", ["42"])
    return policy


def policy_of(settings: Settings, server: LocalServer) -> Policy:
    """The policy that settings make beside a server. Raises ConfigError or ArtifactError."""
    Prices(settings.cloud_prices).check(settings.cloud_model)
    name = chosen_model(settings, server)
    served = server.find(name)
    digest = digest_of(served) if served else None
    router = Router.from_settings(settings, local_model=name, local_digest=digest)
    challenger = None
    if (waiting := Registry(settings.models_dir).challenger) is not None:
        beside = settings.model_copy(update={"version": waiting})
        try:
            challenger = Router.from_settings(beside, local_model=name, local_digest=digest)
        except (ArtifactError, NoPromise) as error:
            _log.error("The challenger is left out: %s", error)
    return Policy.of(settings, router, filter_of(settings), challenger)


def log_of(settings: Settings) -> OutcomeLog:
    """The outcome log that settings name. Raises LogError."""
    return open_log(
        settings.log_url, settings.journal_dir, settings.journal_sync, settings.journal_mb
    )


def filter_of(settings: Settings) -> PrivacyFilter:
    """The privacy filter that settings ask for. Raises ConfigError or MissingExtra."""
    also = [People(names=True, addresses=True, public=settings.public_words)]
    return PrivacyFilter(detectors_of(settings), mask=settings.private == "mask", also=also)


def detectors_of(settings: Settings) -> list[Detector]:
    """The privacy detectors that settings ask for. Raises ConfigError or MissingExtra."""
    out: list[Detector] = [
        Own(settings.private_patterns, settings.private_words),
        Builtin(settings.phone_regions, settings.public_words),
    ]
    if settings.private_names or settings.private_addresses:
        names, addresses = settings.private_names, settings.private_addresses
        out.append(People(names, addresses, settings.public_words))
    if settings.presidio_model:
        out.append(Presidio(settings.presidio_model))
    return out


def chosen_model(settings: Settings, server: LocalServer) -> str:
    """The local model: the one set, or where none was set and it is not there, one that is."""
    found = server.find(settings.local_model)
    if found is not None:
        return found.name
    served = server.chat_models()
    if "local_model" in settings.model_fields_set or not served:
        return settings.local_model
    return next((m.name for m in served if m.loaded), served[0].name)


def timeouts_of(tier: TierSettings) -> Timeouts:
    """The patience that settings grant a tier."""
    return Timeouts(tier.connect_s, tier.first_token_s, tier.between_tokens_s, tier.whole_s)


def _limits(tier: TierSettings, workers: int) -> Limits:
    """How hard one of several workers tries a tier that all of them ask."""
    return Limits(
        retries=tier.retries,
        failures=tier.failures,
        cool_off_s=tier.cool_off_s,
        at_once=ceil(tier.at_once / workers),
        queue=ceil(tier.queue / workers),
    )
