"""What the name of a model means: a tier, and which model answers on each side."""

from dataclasses import dataclass
from fnmatch import fnmatchcase

from router.backends.discovery import LocalServer
from router.engine.call import Call
from router.errors import RequestRefused
from router.settings import Settings
from router.types import Tier

_TIER_HEADER = "x-router-tier"
_SIDES = ("auto", "local", "cloud")


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """What was named. `tier`: None is auto. `local`, `cloud`: models of either side that were
    named themselves; None is the one that the settings name.
    """

    tier: Tier | None = None
    local: str | None = None
    cloud: str | None = None


def named(call: Call, settings: Settings, server: LocalServer) -> Named:
    """Resolve a call's model and its header x-router-tier, which goes before the name.

    A name that means auto still says which model: one of the cloud's own answers there under its
    own name, and one that is served here, here. Raises RequestRefused (400, 404).
    """
    tier = _tier(call)
    name, meaning = _meaning(call.model, settings)
    served = server.find(name) is not None
    own = is_clouds(name, settings)
    if meaning is None and own:
        return Named(tier=tier or "cloud", cloud=name)
    if meaning is None and (served or server.kind == "none"):
        return Named(tier=tier or "local", local=name)
    if meaning is None:
        known = dict.fromkeys(
            [*_SIDES, *server.models, settings.cloud_model, *exact_names(settings)]
        )
        raise RequestRefused(
            404, "model_not_found", f"There is no such model; there are {', '.join(known)}."
        )
    side: Tier | None = None
    if meaning != "auto":
        side = "local" if meaning == "local" else "cloud"
    return Named(tier=tier or side, local=name if served else None, cloud=name if own else None)


def is_clouds(name: str, settings: Settings) -> bool:
    """Whether a model is one of the cloud's own."""
    return name == settings.cloud_model or _fits(name, settings.clouds_own)


def exact_names(settings: Settings) -> list[str]:
    """Names that the settings give a meaning, patterns left out."""
    return [n for n in settings.model_names if not set("*?[") & set(n)]


def _tier(call: Call) -> Tier | None:
    """The tier asked for apart from the model's name."""
    given = call.tier or call.headers.get(_TIER_HEADER, "").strip().lower()
    if given not in ("", *_SIDES):
        raise RequestRefused(400, "invalid_tier", f"{_TIER_HEADER} must be auto, local or cloud.")
    return "local" if given == "local" else "cloud" if given == "cloud" else None


def _meaning(name: str, settings: Settings) -> tuple[str, str | None]:
    """The model meant, and auto, local or cloud if the name means one of these."""
    if name in _SIDES:
        return name, name
    table = settings.model_names
    fitting = [name] if name in table else [p for p in table if fnmatchcase(name, p)]
    if fitting:
        target = table[fitting[0]]
        if target in _SIDES:
            return name, target
        name = target
    return name, "auto" if _fits(name, settings.auto_models) else None


def _fits(name: str, patterns: list[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
