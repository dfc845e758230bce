"""`router doctor`: what is wrong with each part, and the exact fix."""

import asyncio
import os
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from shutil import disk_usage
from threading import Thread

import httpx

from router.app import chosen_model, detectors_of
from router.backends import claude
from router.backends.constants import OLLAMA_CONTEXT_TOKENS
from router.backends.discovery import LocalServer, discover
from router.backends.http import Http
from router.engine.plan import CLOUD_URL
from router.errors import BackendError, BackendRejected, LogLocked, RouterError
from router.gateway.constants import CLOUD_CHECK_S, ENOUGH_CONTEXT_TOKENS, MODELS_CHECK_S
from router.outcomes.constants import SEGMENT_BYTES
from router.outcomes.database import engine_of, journal_folder, unready
from router.prices import Prices
from router.registry.followed import champion, without_login
from router.registry.serving import serving
from router.registry.shared import SharedModels, shown
from router.settings import Settings, secret


@dataclass(frozen=True, slots=True)
class Check:
    """One part: whether it is well, what was seen, and what to do."""

    part: str
    good: bool
    words: str
    fix: str = ""


async def examine(settings: Settings) -> list[Check]:
    """Look at every part; changes nothing."""
    http, cloud_http = Http(), Http(proxies=True)
    key = settings.local_api_key
    try:
        server, cloud, followed = await asyncio.gather(
            discover(http, settings.local_url, secret(key)),
            cloud_check(cloud_http, settings),
            _followed(settings),
        )
    finally:
        await asyncio.gather(http.close(), cloud_http.close())
    parts = (_prices, _model, _log, _journal, _wall)
    own = [part(settings) for part in parts]
    return [*_local(settings, server), cloud, *own, *_shared(settings), *followed]


def _local(settings: Settings, server: LocalServer) -> Iterator[Check]:
    if server.kind == "none":
        fix = "ollama serve" if "11434" in settings.local_url else "start it, or set local_url"
        yield Check("local server", False, f"nothing answers at {settings.local_url}", fix)
        return
    yield Check("local server", True, f"{server.kind} at {settings.local_url}")
    name = chosen_model(settings, server)
    model = server.find(name)
    if model is None:
        fix = f"ollama pull {name}" if server.kind == "ollama" else "set local_model to one served"
        served = ", ".join(server.models) or "none"
        yield Check("local model", False, f"{name} is not there; served: {served}", fix)
        return
    yield Check("local model", True, name)
    if model.context is None:
        yield Check("context window", True, "the server does not say")
        return
    words = f"{model.context:,} tokens of {model.trained_context or model.context:,} that it knows"
    small = model.context < min(ENOUGH_CONTEXT_TOKENS, model.trained_context or model.context)
    yield Check("context window", not small, words, _enlarge(server.kind) if small else "")
    second = settings.second_model
    if settings.cascade == "second_opinion" and second and server.find(second) is None:
        fix = f"ollama pull {second}" if server.kind == "ollama" else "set second_model"
        yield Check("second model", False, f"{second} is not there", fix)


def _enlarge(kind: str) -> str:
    if kind == "ollama":
        command = f"OLLAMA_CONTEXT_LENGTH={ENOUGH_CONTEXT_TOKENS} ollama serve"
        return f"{command}   (it serves {OLLAMA_CONTEXT_TOKENS})"
    if kind == "llama.cpp":
        return f"llama-server -c {ENOUGH_CONTEXT_TOKENS} ..."
    if kind == "vllm":
        return f"vllm serve --max-model-len {ENOUGH_CONTEXT_TOKENS} ..."
    return "enlarge it in the server's settings"


async def cloud_check(http: Http, settings: Settings) -> Check:
    """Whether the cloud takes the key that is set; costs nothing."""
    key = settings.cloud_api_key
    if key is None and settings.cloud_url == CLOUD_URL:
        return Check("cloud", False, "no key", "export ANTHROPIC_API_KEY=sk-ant-...")
    headers = {
        "authorization": f"Bearer {secret(key) or 'none'}",
        "anthropic-version": claude.VERSION,
    }
    url = settings.cloud_url.rstrip("/").removesuffix("/v1")
    try:
        await http.get(f"{url}/v1/models", CLOUD_CHECK_S, headers)
    except BackendRejected as error:
        if error.status in (401, 403):
            return Check("cloud", False, "the key is refused", "make a new key at the console")
        return Check("cloud", True, f"{url} answers; it lists no models")
    except BackendError as error:
        return Check(
            "cloud", False, str(error).replace(f"{url}/v1/models", url), "check the network"
        )
    return Check("cloud", True, f"{settings.cloud_model} at {url}")


def _prices(settings: Settings) -> Check:
    name = settings.cloud_model
    prices = Prices(settings.cloud_prices)
    try:
        prices.check(name)
    except RouterError as error:
        fix = f'[cloud_prices] in router.toml: "{name}" = "claude-sonnet-5-5", or its own prices'
        return Check("prices", False, str(error), fix)
    rates = [f"${1e6 * usd:g}" for usd in (prices.usd(name, 1, 0), prices.usd(name, 0, 1))]
    return Check("prices", True, f"{name}: {' in, '.join(rates)} out, a million tokens")


def _model(settings: Settings) -> Check:
    try:
        found = serving(settings)
    except RouterError as error:
        return Check(
            "router's model", False, str(error), "pip install --force-reinstall hybrid-router"
        )
    return Check("router's model", True, found.version)


def _shared(settings: Settings) -> Iterator[Check]:
    """The models folder that is followed, where one is: whether it can be read in time."""
    if settings.models_url is None:
        return
    there, named = SharedModels(settings.models_url), Future[str]()

    def look() -> None:
        try:
            named.set_result(there.current)
        except RouterError as error:
            named.set_exception(error)

    # The end of the command waits for no such thread: fsspec may try for minutes.
    Thread(target=look, name="models-url", daemon=True).start()
    place, reach = shown(there.url), "set models_url to a folder that this machine can read"
    try:
        name = named.result(MODELS_CHECK_S)
    except TimeoutError:
        words = f"{place} did not answer within {MODELS_CHECK_S:g} seconds"
        yield Check("shared models", False, words, f"{reach}, or mend the way to it")
    except RouterError as error:
        fix = f"{reach}, or publish a version there: router models publish"
        yield Check("shared models", False, str(error), fix)
    else:
        yield Check("shared models", True, f"{name} is current at {place}")


async def _followed(settings: Settings) -> list[Check]:
    """The MLflow server whose champion is followed, where one is."""
    if settings.mlflow_url is None:
        return []
    url = settings.mlflow_url.rstrip("/")
    try:
        async with httpx.AsyncClient(timeout=MODELS_CHECK_S) as http:
            name = await champion(http, url)
    except RouterError as error:
        fix = "set mlflow_url to a server that this machine can reach, or start it: mlflow server"
        return [Check("MLflow", False, str(error), fix)]
    at = without_login(url)
    words = f"{name} is champion at {at}" if name else f"{at} answers; it has no champion yet"
    return [Check("MLflow", True, words)]


def _log(settings: Settings) -> Check:
    try:
        engine = engine_of(settings.log_url)
        reason = unready(engine)  # and no waiting for one that is locked
        engine.dispose()
    except RouterError as error:
        return Check("outcome log", False, str(error), "set log_url")
    if reason is not None:
        held = isinstance(reason, LogLocked)
        return Check("outcome log", False, str(reason), "wait for it" if held else "set log_url")
    return Check("outcome log", True, f"open, store = {settings.store}")


def _journal(settings: Settings) -> Check:
    """Whether the folder can be made or written, and has room."""
    try:
        folder = settings.journal_dir or journal_folder(settings.log_url)
    except RouterError as error:
        return Check("journal", False, str(error), "set log_url")
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    free = disk_usage(there).free
    words = f"{folder}, sync = {settings.journal_sync}, {free / 2**30:.1f} GB free"
    if not os.access(there, os.W_OK):
        return Check("journal", False, f"{there} cannot be written", "set journal_dir")
    room = free > SEGMENT_BYTES
    return Check(
        "journal", room, words, "" if room else "make room on the disk, or set journal_dir"
    )


def _wall(settings: Settings) -> Check:
    try:
        detectors_of(settings)
    except RouterError as error:
        return Check("privacy filter", False, str(error), "mend the setting it names")
    own = len(settings.private_words) + len(settings.private_patterns)
    return Check("privacy filter", True, f"up, with {own} words and patterns of your own")
