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


@dataclass(frozen=True, slots=True)
class Offer:
    """The tools that a request offers, as their definitions came, in either dialect.

    `prompt`: all that was said before the answer, where that is one turn of the user; None where
    more was said, or nothing is known of it.
    """

    tools: Sequence[Any]
    prompt: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What routing may know of a request: its text and the structure around it.

    `text` is the routing text (last user turn, extended backwards while short);
    the counts describe the whole request. `chars` counts all message text. `offer`: its tools,
    None where it offers none.
    """

    text: str
    chars: int
    turns: int = 1
    tools: int = 0
    tool_results: int = 0
    images: int = 0
    json_schema: bool = False
    offer: Offer | None = field(default=None, repr=False, compare=False)


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
