"""The list of models, in a form that both SDKs read."""

from datetime import UTC, datetime

from router.backends.discovery import LocalServer
from router.engine.named import exact_names
from router.settings import Settings
from router.wire import Json

_SINCE = datetime(2026, 1, 1, tzinfo=UTC)


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
