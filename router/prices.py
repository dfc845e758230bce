"""What a cloud answer costs, from the library genai-prices."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

from router.errors import ConfigError

# Words per token differ by language and model; 4 characters is Anthropic's own rule of thumb
# (https://docs.claude.com/en/docs/about-claude/glossary#tokens).
CHARS_PER_TOKEN = 4.0
# Above this the price per token may be on a higher step, so the library is asked each time.
_FLAT_TOKENS = 20_000
_STEP_TOKENS = 10_000  # chosen: steps of price lists lie at multiples of it


@dataclass(frozen=True, slots=True)
class _Rates:
    """US dollars per token at ordinary lengths."""

    input_usd: float
    output_usd: float


@lru_cache(maxsize=64)
def _rates(model: str) -> _Rates:
    """Price per token of a cloud model.

    Raises ConfigError if the price list does not know `model`.

    >>> _rates("claude-sonnet-4-5").output_usd > _rates("claude-sonnet-4-5").input_usd > 0
    True
    """
    return _Rates(price_usd(model, 1000, 0) / 1000, price_usd(model, 0, 1000) / 1000)


@lru_cache(maxsize=1024)
def _rates_at(model: str, tokens: int) -> tuple[float, float, float, float]:
    """US dollars per token of input, output, read from a cache and written to one.

    `tokens`: length of the input that the steps of the price list go by. Raises ConfigError.
    """
    bare = price_usd(model, tokens, 0)
    return (
        bare / tokens,
        (price_usd(model, tokens, 1000) - bare) / 1000,
        price_usd(model, tokens, 0, cache_read=tokens) / tokens,
        price_usd(model, tokens, 0, cache_write=tokens) / tokens,
    )


def quick_price_usd(
    model: str, input_tokens: int, output_tokens: int, cache_read: int = 0, cache_write: int = 0
) -> float:
    """`price_usd` by remembered rates, in microseconds: for estimates.

    Exact but just below a step of the price list, whose price it takes a little early.

    >>> once = quick_price_usd("claude-sonnet-4-5", 9000, 100, 8000, 900)
    >>> abs(once - price_usd("claude-sonnet-4-5", 9000, 100, 8000, 900)) < 1e-12
    True
    """
    step = max(-(-input_tokens // _STEP_TOKENS), 1) * _STEP_TOKENS
    fresh, output, read, written = _rates_at(model, step)
    rest = input_tokens - cache_read - cache_write
    return rest * fresh + output_tokens * output + cache_read * read + cache_write * written


def price_usd(
    model: str, input_tokens: int, output_tokens: int, cache_read: int = 0, cache_write: int = 0
) -> float:
    """Exact price of one call, in US dollars, steps for long input included.

    `cache_read` and `cache_write` are the parts of `input_tokens` read from and written to a
    prompt cache, which have prices of their own.
    """
    # Here, as it is slow to load and `import router` needs no price.
    from genai_prices import Usage, calc_price

    usage: Any = Usage(
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cache_read_tokens=cache_read or None,
        cache_write_tokens=cache_write or None,
    )
    for name, provider in _listed(model):
        with suppress(LookupError):
            return float(calc_price(usage, model_ref=name, provider_id=provider).total_price)
    raise ConfigError(
        f"No price is known for the cloud model {model!r}; say in [cloud_prices] what it costs "
        "or which listed model it costs as much as, or set cloud_model to a listed one."
    )


def _listed(model: str) -> list[tuple[str, str | None]]:
    """Under which names, and whose, a model may stand in the list; None: whoever has it.

    A vendor before a slash is how OpenRouter names models, and many gateways after it.
    """
    if model.startswith("claude"):
        return [(model, "anthropic")]
    vendor, _, name = model.rpartition("/")
    return [(model, "openrouter"), *_listed(name)] if vendor else [(model, None)]


def estimate_usd(model: str, chars: int, output_tokens: int) -> float:
    """Estimated price of a cloud answer to a request of `chars` characters, in US dollars."""
    tokens = round(chars / CHARS_PER_TOKEN)
    if tokens > _FLAT_TOKENS:
        return price_usd(model, tokens, output_tokens)
    per_token = _rates(model)
    return tokens * per_token.input_usd + output_tokens * per_token.output_usd


@dataclass(frozen=True, slots=True)
class Price:
    """What a model costs, in US dollars per million tokens.

    `cache_read`, `cache_write`: None is the price of other input.
    """

    input: float
    output: float
    cache_read: float | None = None
    cache_write: float | None = None

    # Whoever reads settings with pydantic refuses other names and prices below 0.
    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        parts = (self.input, self.output, self.cache_read, self.cache_write)
        if any(part is not None and part < 0 for part in parts):
            raise ValueError("a price must not be below 0")

    def usd(
        self, input_tokens: int, output_tokens: int, cache_read: int = 0, cache_write: int = 0
    ) -> float:
        """The price of one call, in US dollars.

        >>> Price(3.0, 15.0, cache_read=0.3).usd(1_000_000, 0, 900_000)
        0.57
        """
        read = self.input if self.cache_read is None else self.cache_read
        written = self.input if self.cache_write is None else self.cache_write
        rest = input_tokens - cache_read - cache_write
        parts = (
            rest * self.input,
            output_tokens * self.output,
            cache_read * read,
            cache_write * written,
        )
        return sum(parts) / 1e6


class Prices:
    """The price list, and before it what the settings say of models that it may not know.

    `own`: a model's name to its price, or to the listed model that it costs as much as. All
    methods raise ConfigError for a model that neither knows.

    >>> Prices({"house": "claude-sonnet-4-5"}).usd("house", 1000, 0)
    0.003
    """

    def __init__(self, own: Mapping[str, str | Price] | None = None) -> None:
        self._own = dict(own or {})

    def usd(
        self,
        model: str,
        input_tokens: int,
        output_tokens: int,
        cache_read: int = 0,
        cache_write: int = 0,
        *,
        quick: bool = False,
    ) -> float:
        """The price of one call; see `price_usd`, and with `quick` `quick_price_usd`."""
        of = self._own.get(model, model)
        tokens = (input_tokens, output_tokens, cache_read, cache_write)
        if isinstance(of, Price):
            return of.usd(*tokens)
        return (quick_price_usd if quick else price_usd)(of, *tokens)

    def estimate_usd(self, model: str, chars: int, output_tokens: int) -> float:
        """The estimated price of an answer to `chars` characters; see `estimate_usd`."""
        of = self._own.get(model, model)
        if isinstance(of, Price):
            return of.usd(round(chars / CHARS_PER_TOKEN), output_tokens)
        return estimate_usd(of, chars, output_tokens)

    def check(self, model: str) -> None:
        """Raise ConfigError, in a sentence, if the price of `model` is not known."""
        self.usd(model, 1000, 0)
