"""From probabilities to a tier: five ways to set the threshold on the gain.

A request goes to the cloud when its gain is *greater* than the threshold.
Nothing here reads a clock, a file or a random number.
"""

from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from router.errors import ConfigError, NoPromise
from router.promise import FLOOR_CONFIDENCE, Known, labels_needed, threshold_for_floor
from router.types import FloatArray, Tier

_ALWAYS_LOCAL = 2.0  # no gain exceeds it
_ALWAYS_CLOUD = -2.0
CONFIDENCE = 0.8  # chosen: with which an unmeasured local model must be worse (models/BENCHMARK.md)
STREAM_WAIT_S = 2.0  # chosen: one everyday stream in nine is held (models/BENCHMARK.md)
LOOK_PRICE = 0.02  # a second opinion is asked where it makes two answers in a hundred better


_NOTHING_KNOWN = Known.nothing("No outcomes of both tiers are known")


@dataclass(frozen=True, slots=True)
class Reference:
    """Traffic on which shares are turned into thresholds.

    `gain` (n,), and per request how good each tier's answer is expected (or known) to be,
    `local` and `cloud` (n,), in 0..1. `known`: requests with outcomes, on which promises rest.
    """

    gain: FloatArray
    local: FloatArray
    cloud: FloatArray
    known: Known = _NOTHING_KNOWN


class OperatingPoint(Protocol):
    """A way to set the threshold.

    `depends_on_price`: whether the threshold differs from request to request by its price; where
    it does not, it is computed once for all.
    """

    @property
    def depends_on_price(self) -> bool:
        """See above."""
        ...

    def threshold(self, reference: Reference, cost_usd: float) -> float:
        """The threshold on the gain for a request whose cloud answer costs `cost_usd`."""
        ...

    def words(self) -> str:
        """The operating point in a few words, for the reason."""
        ...


@dataclass(frozen=True, slots=True)
class Cut:
    """A fixed cut on the gain, -1..1; `name` is what reasons call it."""

    gain: float
    name: str = "the set cut"

    depends_on_price: ClassVar[bool] = False

    def __post_init__(self) -> None:
        _within("threshold", self.gain, -1.0, 1.0)

    def threshold(self, reference: Reference, cost_usd: float) -> float:
        """See `OperatingPoint`."""
        return self.gain

    def words(self) -> str:
        """See `OperatingPoint`."""
        return self.name


@dataclass(frozen=True, slots=True)
class CloudShare:
    """At most this share of the reference traffic goes to the cloud, 0..1."""

    share: float

    depends_on_price: ClassVar[bool] = False

    def __post_init__(self) -> None:
        _within("share", self.share, 0.0, 1.0)

    def threshold(self, reference: Reference, cost_usd: float) -> float:
        """See `OperatingPoint`."""
        return threshold_for_share(reference.gain, self.share)

    def words(self) -> str:
        """See `OperatingPoint`."""
        return f"a cloud share of {self.share:.0%}"


@dataclass(frozen=True, slots=True)
class QualityShare:
    """Recover this share of the quality gap between local and cloud, 0..1."""

    share: float

    depends_on_price: ClassVar[bool] = False

    def __post_init__(self) -> None:
        _within("share", self.share, 0.0, 1.0)

    def threshold(self, reference: Reference, cost_usd: float) -> float:
        """See `OperatingPoint`."""
        return threshold_for_quality(reference, self.share)

    def words(self) -> str:
        """See `OperatingPoint`."""
        return f"recovering {self.share:.0%} of the quality gap"


@dataclass(frozen=True, slots=True)
class QualityFloor:
    """Answers at least `floor` times as good as always asking the cloud, 0.5 up to below 1.

    It holds with `confidence`, on requests like those of known outcome (`router.promise`), for
    what the gain decides: what privacy, budget, health, exploration or a name in the request keep
    from the cloud is not promised. `threshold` raises NoPromise where outcomes are too few.
    """

    floor: float
    confidence: float = FLOOR_CONFIDENCE

    depends_on_price: ClassVar[bool] = False

    def __post_init__(self) -> None:
        _within("quality_floor", self.floor, 0.5, 0.999)
        _within("confidence", self.confidence, 0.5, 0.999)

    def threshold(self, reference: Reference, cost_usd: float) -> float:
        """See `OperatingPoint`."""
        known = reference.known
        found = threshold_for_floor(known, self.floor, self.confidence)
        if found is not None:
            return found
        need = labels_needed(known.cloud, self.floor, self.confidence)
        if not len(known):
            there = f"{known.words}; at least {need} requests with both outcomes are needed"
        elif len(known) < need:
            there = f"There are {len(known)} ({known.words}), at least {need} are needed"
        else:
            there = (
                f"Of {len(known)} ({known.words}) even those with the smallest gain are not "
                "answered well enough to be sure; add more"
            )
        raise NoPromise(
            f"A quality floor of {self.floor:g} cannot be promised. {there}: collect them with "
            "router judge --random, learn with router learn, and until then set another operating "
            "point."
        )

    def words(self) -> str:
        """See `OperatingPoint`."""
        return f"a quality floor of {self.floor:.0%} of the cloud's"


@dataclass(frozen=True, slots=True)
class Money:
    """Escalate when gain x `value_usd` (what a good answer is worth) exceeds the price.

    `look_usd`: what waiting for and computing a second local answer costs; 0 leaves the price of
    looking to the router's own setting.
    """

    value_usd: float
    look_usd: float = 0.0

    depends_on_price: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not self.value_usd > 0:
            raise ConfigError("value_usd, the worth of a good answer, must be above 0 dollars.")
        if self.look_usd < 0:
            raise ConfigError("look_usd, the price of a second opinion, must not be below 0.")

    def threshold(self, reference: Reference, cost_usd: float) -> float:
        """See `OperatingPoint`."""
        return cost_usd / self.value_usd

    def words(self) -> str:
        """See `OperatingPoint`."""
        return f"the price against a good answer worth ${self.value_usd:g}"


def choose(gain: float, threshold: float) -> Tier:
    """The tier for one gain."""
    return "cloud" if gain > threshold else "local"


def threshold_for_share(gain: FloatArray, share: float) -> float:
    """Smallest threshold that sends at most `share` of the traffic to the cloud.

    Requests of equal gain go together, so the share is met exactly when no tie straddles it.

    >>> import numpy as np
    >>> threshold_for_share(np.array([0.1, 0.4, 0.3, 0.2]), 0.5)
    0.2
    """
    falling = np.sort(np.asarray(gain, dtype=np.float64))[::-1]
    allowed = int(np.floor(share * len(falling) + 1e-9))
    if allowed >= len(falling):
        return _ALWAYS_CLOUD
    return float(falling[allowed])


def threshold_for_quality(reference: Reference, share: float) -> float:
    """Largest threshold whose routing recovers at least `share` of the quality gap.

    The gap is mean(cloud) - mean(local). With no gap to recover, everything stays local.

    >>> import numpy as np
    >>> r = Reference(np.array([.9, .1]), np.array([0., 1.]), np.array([1., 1.]))
    >>> threshold_for_quality(r, 1.0)
    0.1
    """
    order = np.argsort(-reference.gain, kind="stable")
    gain = reference.gain[order]
    improvement = np.cumsum((reference.cloud - reference.local)[order])
    if not len(gain) or improvement[-1] <= 0 or share <= 0:
        return _ALWAYS_LOCAL
    ends = np.append(gain[1:] < gain[:-1], True)  # a threshold cannot split equal gains
    enough = np.flatnonzero(ends & (improvement >= share * improvement[-1] - 1e-12))
    last = int(enough[0])
    return float(gain[last + 1]) if last + 1 < len(gain) else _ALWAYS_CLOUD


def _within(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ConfigError(f"{name} is {value}, but must lie between {low:g} and {high:g}.")
