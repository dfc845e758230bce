"""The models: listed in a form that both SDKs read, and as Ollama's API tells of them."""

from datetime import UTC, datetime
from hashlib import sha256

from router.backends.discovery import LocalModel, LocalServer, digest_of
from router.engine.named import exact_names
from router.settings import Settings
from router.wire import Json

_SINCE = datetime(2026, 1, 1, tzinfo=UTC)
_KEPT_S = 86400.0  # a server that is no Ollama lets no model go by itself


def listed(server: LocalServer, settings: Settings) -> Json:
    """auto, local and cloud, every model by its own name, and names that the settings give.

    `context_window` in tokens, where the server tells.
    """
    names = settings.model_names
    entries = [
        _entry("auto", "router", "Answered locally unless the cloud pays"),
        _entry("local", "router", "The local model"),
        _entry("cloud", "router", "The cloud model"),
        *(_entry(m.name, server.kind, m.name, m.context) for m in server.models.values()),
        _entry(settings.cloud_model, settings.cloud_api, settings.cloud_model),
        *(_entry(n, "router", f"Means {names[n]}") for n in exact_names(settings)),
    ]
    return {
        "object": "list",
        "data": entries,
        "has_more": False,
        "first_id": entries[0]["id"],
        "last_id": entries[-1]["id"],
    }


def _entry(name: str, owner: str, words: str, context: int | None = None) -> Json:
    entry: Json = {
        "id": name,
        "object": "model",
        "type": "model",
        "created": int(_SINCE.timestamp()),
        "created_at": _SINCE.isoformat(),
        "owned_by": owner,
        "display_name": words,
    }
    return entry | ({"context_window": context} if context else {})


def tags(server: LocalServer) -> list[Json]:
    """The models of a server that is no Ollama, as /api/tags lists them."""
    return [_tag(m.name, digest_of(m), server.kind) for m in server.models.values()]


def routed(settings: Settings, cloud: bool) -> list[Json]:
    """What is chosen here, in the same form: auto, the cloud's model and names of the settings.

    `cloud`: whether there is one.
    """
    names = ["auto", *((settings.cloud_model,) if cloud else ()), *exact_names(settings)]
    return [_tag(name if ":" in name else f"{name}:latest", name, "router") for name in names]


def running(server: LocalServer, now: float) -> list[Json]:
    """The models in memory, as /api/ps lists them; `now`: Unix time in seconds."""
    until = datetime.fromtimestamp(now + _KEPT_S, UTC).isoformat()
    return [
        {
            **_tag(m.name, digest_of(m), server.kind),
            "expires_at": until,
            "size_vram": 0,
            "context_length": m.context or 0,
        }
        for m in server.models.values()
        if m.loaded
    ]


def shown(model: LocalModel | None, server: LocalServer, cloud: bool) -> Json:
    """What /api/show says of a local model, and of auto: it can too what the cloud can."""
    can = [
        *((["completion"]) if cloud or model is None or not model.embeds else ["embedding"]),
        *(["tools"] if cloud or (model and model.tools) else []),
        *(["vision"] if cloud or (model and model.images) else []),
    ]
    info: Json = {"general.architecture": "router"}
    if model is not None and model.context:
        info["router.context_length"] = model.context
    return {
        "modelfile": "",
        "parameters": "",
        "template": "",
        "details": _details(server.kind),
        "model_info": info,
        "capabilities": can,
        "modified_at": _SINCE.isoformat(),
    }


def _tag(name: str, weights: str, kind: str) -> Json:
    """`weights`: what tells them from others; Ollama's own client wants a hash."""
    return {
        "name": name,
        "model": name,
        "modified_at": _SINCE.isoformat(),
        "size": 0,
        "digest": sha256(weights.encode()).hexdigest(),
        "details": _details(kind),
    }


def _details(kind: str) -> Json:
    return {
        "parent_model": "",
        "format": "gguf" if kind == "llama.cpp" else "",
        "family": kind,
        "families": [kind],
        "parameter_size": "",
        "quantization_level": "",
    }
