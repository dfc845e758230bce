"""What a local server serves, and the truth about its context windows.

Ollama: https://github.com/ollama/ollama/blob/main/docs/api.md (/api/version, tags, show, ps);
llama.cpp: its server's README (/props); vLLM: `max_model_len` in /v1/models; LM Studio: /api/v0.
"""

import asyncio
import re
from dataclasses import dataclass, field
from typing import Any

from router.backends.base import Timeouts
from router.backends.constants import DISCOVERY_S, OLLAMA_CONTEXT_TOKENS
from router.backends.http import Http
from router.errors import BackendError
from router.wire import Json
from router.wire.summary import count, mapping, sequence

_NUM_CTX = re.compile(r"^num_ctx\s+(\d+)", re.MULTILINE)
_EMBEDS = re.compile(r"embed|bge-|minilm|nomic|e5-", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalModel:
    """A model as it is served.

    `context`: its window in tokens, None if the server does not say. `trained_context`: what the
    model itself could take. `tools`, `images`: None where unknown. `digest` names its weights.
    """

    name: str
    context: int | None = None
    trained_context: int | None = None
    tools: bool | None = None
    images: bool | None = None
    embeds: bool = False
    loaded: bool = True
    digest: str = ""


@dataclass(frozen=True, slots=True)
class LocalServer:
    """A server and its models by name.

    `kind`: ollama, llama.cpp, lmstudio, vllm, openai (another one) or none, with its `problem`.
    """

    kind: str
    models: dict[str, LocalModel] = field(default_factory=dict)
    problem: str = ""

    def find(self, name: str) -> LocalModel | None:
        """The model of that name; Ollama's `:latest` may be left out."""
        return self.models.get(name) or self.models.get(f"{name}:latest")

    def chat_models(self) -> list[LocalModel]:
        """Those that answer, embedding models left out."""
        return [m for m in self.models.values() if not m.embeds]


def digest_of(model: LocalModel) -> str:
    """What binds a measurement to a model's weights; its name where the server tells no digest."""
    return model.digest or f"name:{model.name}"


async def discover(http: Http, base_url: str, api_key: str | None = None) -> LocalServer:
    """Ask a server what it is and has. Never raises: `problem` says what went wrong."""
    url = base_url.rstrip("/")
    headers = {"authorization": f"Bearer {api_key}"} if api_key else {}
    try:
        listed = await http.get(f"{url}/v1/models", DISCOVERY_S, headers)
    except BackendError as error:
        return LocalServer("none", problem=str(error).replace(f"{url}/v1/models", url))
    ollama, props, studio = await asyncio.gather(
        *(_maybe(http, f"{url}{path}") for path in ("/api/version", "/props", "/api/v0/models"))
    )
    if "version" in ollama:
        return await _ollama(http, url)
    if "default_generation_settings" in props:
        return LocalServer("llama.cpp", _llama_cpp(listed, props))
    if sequence(studio.get("data")):
        return LocalServer("lmstudio", _studio(studio))
    models = {m.name: m for m in (_plain(entry) for entry in sequence(listed.get("data")))}
    known = any("max_model_len" in mapping(e) for e in sequence(listed.get("data")))
    return LocalServer("vllm" if known else "openai", models)


async def _ollama(http: Http, url: str) -> LocalServer:
    tags, running = await asyncio.gather(
        _maybe(http, f"{url}/api/tags"), _maybe(http, f"{url}/api/ps")
    )
    loaded = {str(mapping(m).get("name")): mapping(m) for m in sequence(running.get("models")) if m}
    # Ollama also lists models of its makers' cloud; what these are asked leaves the machine.
    listed = [
        m for tag in sequence(tags.get("models")) if not (m := mapping(tag)).get("remote_host")
    ]
    shown = await asyncio.gather(*(_show(http, url, str(m.get("name"))) for m in listed))
    models = {
        str(m.get("name")): _ollama_model(m, show, loaded.get(str(m.get("name"))))
        for m, show in zip(listed, shown, strict=True)
    }
    return LocalServer("ollama", models)


def _ollama_model(tag: Json, show: Json, running: Json | None) -> LocalModel:
    """A model of Ollama's from its entries in /api/tags, /api/show and /api/ps.

    A running model says its window; one that is not will get what its Modelfile sets, or the
    default, and never more than it was trained for.
    """
    info = mapping(show.get("model_info"))
    trained = count(info.get(f"{info.get('general.architecture')}.context_length")) or None
    set_to = _NUM_CTX.search(str(show.get("parameters") or ""))
    served = count(mapping(running).get("context_length"))
    served = served or (int(set_to[1]) if set_to else OLLAMA_CONTEXT_TOKENS)
    can = show.get("capabilities")
    name = str(tag.get("name"))
    return LocalModel(
        name=name,
        context=min(served, trained or served),
        trained_context=trained,
        tools="tools" in can if isinstance(can, list) else None,
        images="vision" in can if isinstance(can, list) else None,
        embeds="embedding" in can if isinstance(can, list) else bool(_EMBEDS.search(name)),
        loaded=running is not None,
        digest=str(tag.get("digest") or ""),
    )


def _llama_cpp(listed: Json, props: Json) -> dict[str, LocalModel]:
    context = count(mapping(props.get("default_generation_settings")).get("n_ctx")) or None
    caps = mapping(props.get("chat_template_caps"))
    out = {}
    for entry in (mapping(e) for e in sequence(listed.get("data"))):
        meta = mapping(entry.get("meta"))
        name = str(entry.get("id"))
        out[name] = LocalModel(
            name=name,
            context=context or count(meta.get("n_ctx")) or None,
            trained_context=count(meta.get("n_ctx_train")) or None,
            tools=caps.get("supports_tools"),
            images=mapping(props.get("modalities")).get("vision"),
            digest=f"{props.get('model_ftype')}-{meta.get('n_params')}-{meta.get('size')}",
        )
    return out


def _studio(listed: Json) -> dict[str, LocalModel]:
    out = {}
    for entry in (mapping(e) for e in sequence(listed.get("data"))):
        name, can = str(entry.get("id")), entry.get("capabilities")
        trained = count(entry.get("max_context_length")) or None
        out[name] = LocalModel(
            name=name,
            context=count(entry.get("loaded_context_length")) or trained,
            trained_context=trained,
            tools="tool_use" in can if isinstance(can, list) else None,
            images=entry.get("type") == "vlm",
            embeds=entry.get("type") == "embeddings",
            loaded=entry.get("state") == "loaded",
        )
    return out


def _plain(entry: Any) -> LocalModel:
    known = mapping(entry)
    name = str(known.get("id"))
    context = count(known.get("max_model_len")) or None
    return LocalModel(
        name=name, context=context, trained_context=context, embeds=bool(_EMBEDS.search(name))
    )


async def _show(http: Http, url: str, name: str) -> Json:
    loop = asyncio.get_running_loop()
    try:
        return await http.post(
            f"{url}/api/show",
            {"model": name},
            {},
            "Ollama",
            Timeouts(connect_s=DISCOVERY_S),
            loop.time() + DISCOVERY_S,
        )
    except BackendError:
        return {}


async def _maybe(http: Http, url: str) -> Json:
    try:
        return await http.get(url, DISCOVERY_S)
    except BackendError:
        return {}
