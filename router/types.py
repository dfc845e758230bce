"""The values that cross module borders: frozen, without behaviour."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Tier = Literal["local", "cloud"]
Act = Literal["local", "cloud", "look"]
FloatArray = NDArray[np.floating[Any]]
IntArray = NDArray[np.integer[Any]]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Offer:
    """The tools that a request offers, as their definitions came, in either dialect.

    `prompt`: all that was said before the answer, where that is one turn of the user; None where
    more was said, or nothing is known of it.
    """

    tools: Sequence[Any]
    prompt: str | None = None


@dataclass(frozen=True, slots=True)
class Loop:
    """What a request says of the tool loop that it is a step of.

    `steps`: turns with calls since the person's request that opened it, at least 1. In a row at its
    end: `failed`: results that are errors; `repeats`: turns that call the same with the same
    arguments once more; `malformed`: calls that no tool could take.
    """

    steps: int
    failed: int = 0
    repeats: int = 0
    malformed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What routing may know of a request: its text and the structure around it.

    `text` is the routing text (the person's last words, extended backwards while short); `chars`,
    `turns` and `tools` describe the conversation up to there, without what `client`, where one is
    known, puts around it. `unjudged_chars`: all other message text. `offer`: its tools, None where
    it offers none.

    `background`: what the client wants for itself ("title", "compaction", ...), '' for a person's
    request. `loop`: None unless it brings results of tools. `cloud_usd`: expected price of a cloud
    answer, where more is known of it than its length; `leaving_usd`: what a local answer may cost
    later. `cloud_model`: that would answer, where another was named than the router's own.
    `opening`: how the conversation began, for whoever tells conversations apart.
    """

    text: str
    chars: int
    turns: int = 1
    tools: int = 0
    tool_results: int = 0
    images: int = 0
    json_schema: bool = False
    offer: Offer | None = field(default=None, repr=False, compare=False)
    client: str = ""
    unjudged_chars: int = 0
    background: str = ""
    loop: Loop | None = None
    cloud_usd: float | None = None
    leaving_usd: float = 0.0
    cloud_model: str | None = None
    opening: str = field(default="", repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Where a request should go, and why.

    `p_local`, `p_cloud`: calibrated probabilities in 0..1 that the tier's answer is good.
    `gain` = p_cloud - p_local. The request goes to the cloud when `gain` exceeds `threshold`.
    `est_cost_usd`: estimated price of a cloud answer to this request, in US dollars.
    `act` is `tier`, or `look`: answer locally, ask a second local model and decide then (see
    `Router.predict_after`). `look_value`: what looking is expected to improve, in gain units.
    `asks`: the kind of answer that the request asks for, one of `router.text.asks.ASKS`.
    `offer`: the tools that the request offers; they stay out of `repr` and `as_dict`.
    """

    tier: Tier
    p_local: float
    p_cloud: float
    gain: float
    threshold: float
    reason: str
    model_version: str
    est_cost_usd: float
    act: Act
    look_value: float = 0.0
    asks: str = "text"
    offer: Offer | None = field(default=None, repr=False, compare=False)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "offer"}


@dataclass(frozen=True, slots=True)
class BatchPrediction:
    """Probabilities for many requests; each array has shape (n,), float64, in 0..1."""

    p_local: FloatArray
    p_cloud: FloatArray

    @property
    def gain(self) -> FloatArray:
        """`p_cloud - p_local`, shape (n,), in -1..1."""
        return self.p_cloud - self.p_local


@dataclass(frozen=True, slots=True)
class Contribution:
    """One feature's contribution to the gain, in logits of (cloud good) minus (local good)."""

    feature: str
    logits: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision with what pushed it, strongest first, and notes on assumptions made."""

    decision: Decision
    contributions: tuple[Contribution, ...]
    notes: tuple[str, ...]
