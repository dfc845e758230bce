"""What the cloud's next answer is expected to cost, by what its prompt cache holds.

Prices: https://docs.claude.com/en/docs/build-with-claude/prompt-caching. Reading a prefix costs a
tenth of its tokens, writing it a quarter more; whoever leaves a tier may lose what was written.
"""

from dataclasses import dataclass

from router.engine.constants import CACHE_LIVES_S, OUTPUT_LIKE, PREAMBLE_ANSWERS, PREFIX_LOST
from router.errors import ConfigError
from router.prices import CHARS_PER_TOKEN, Prices
from router.wire.summary import Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefix:
    """What an answer of the cloud left in its cache, by the usage it reported.

    `cached`: tokens that may be read again; `tokens` and `size`: the whole input, in tokens and in
    bytes as sent; `rest`: input tokens that are neither read nor written; `output`: mean length of
    this conversation's answers over `answers`. `at`: Unix time in seconds.
    """

    model: str
    at: float
    cached: int
    tokens: int
    size: int
    rest: int
    writes: bool
    output: float
    answers: int

    @classmethod
    def left_by(
        cls, model: str, usage: Usage, size: int, at: float, before: "Prefix | None"
    ) -> "Prefix":
        """The prefix after an answer; `before`: after the last one."""
        answers = (before.answers if before else 0) + 1
        mean = before.output if before else 0.0
        cached = usage.cache_read + usage.cache_write
        return cls(
            model=model,
            at=at,
            cached=cached,
            tokens=usage.input_tokens,
            size=size,
            rest=max(usage.input_tokens - cached, 0),
            writes=usage.cache_write > 0 or (before is not None and before.writes),
            output=mean + (usage.output_tokens - mean) / answers,
            answers=answers,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Preamble:
    """What the cloud's answers had in common where tools and system text were the same.

    `size`: of these in bytes; `at`: when the cloud read or wrote it last, Unix time in
    seconds; `per_token`: bytes a token; `output`: mean length of the last answers, in tokens.
    """

    size: int
    at: float
    per_token: float
    output: float
    answers: int

    @classmethod
    def left_by(
        cls, length: int, usage: Usage, size: int, at: float, before: "Preamble | None"
    ) -> "Preamble":
        """What is known after an answer to a request of `size` bytes."""
        answers = min((before.answers if before else 0) + 1, PREAMBLE_ANSWERS)
        mean = before.output if before else 0.0
        cached = usage.cache_read + usage.cache_write > 0
        return cls(
            size=length,
            at=at if cached else before.at if before else 0.0,
            per_token=size / usage.input_tokens if usage.input_tokens else CHARS_PER_TOKEN,
            output=mean + (usage.output_tokens - mean) / answers,
            answers=answers,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a turn is expected to cost, in US dollars.

    `cloud_usd`: the cloud's answer now. `kept_usd`: the same if the cloud had answered all turns
    before. `leaving_usd`: what a local answer may cost later, since the prefix may be lost.
    """

    cloud_usd: float
    kept_usd: float
    leaving_usd: float = 0.0

    @property
    def switch_usd(self) -> float:
        """What coming to the cloud costs beyond having stayed there: the prefix written anew."""
        return max(self.cloud_usd - self.kept_usd, 0.0)


def expected(
    model: str,
    size: int,
    now: float,
    *,
    prices: Prices,
    prefix: Prefix | None,
    preamble: Preamble | None = None,
    caches: bool,
    before: tuple[int, float] = (0, 0.0),
    output_tokens: int,
) -> Expected:
    """The cost of a turn. Raises ConfigError for a model that the price list does not know.

    `size`: of the request in bytes; `preamble`: with this model, where it is known; `caches`:
    whether it asks the cloud to write a prefix; `before`: size and time of the conversation's last
    request, whoever answered; `output_tokens`: length of an answer where none is known.
    """
    per_token = preamble.per_token if preamble else CHARS_PER_TOKEN
    if prefix and prefix.tokens:
        per_token = prefix.size / prefix.tokens
    tokens = round(size / per_token)
    known = prefix if prefix and prefix.model == model else None
    rest = min(known.rest, tokens) if known else 0
    output = round(_output(prefix, preamble, output_tokens))
    writes = caches or (known is not None and known.writes)

    def cost(read: int) -> float:
        written = tokens - read - rest if writes else 0
        return prices.usd(model, tokens, output, read, max(written, 0), quick=True)

    alive = known is not None and now - known.at <= CACHE_LIVES_S
    read = own = min(known.cached, tokens - rest) if known and alive else 0
    if preamble is not None and now - preamble.at <= CACHE_LIVES_S:
        # Whichever conversation used it last.
        read = max(own, min(round(preamble.size / per_token), tokens - rest))
    sent, sent_at = before
    kept = read
    others = known is None or known.at < sent_at  # the cloud was not the last to answer
    if writes and others and now - sent_at <= CACHE_LIVES_S:
        kept = max(read, min(round(sent / per_token), tokens - rest))
    leaving = 0.0
    if own:
        anew = prices.usd(model, own, 0, 0, own if writes else 0, quick=True)
        leaving = PREFIX_LOST * (anew - prices.usd(model, own, 0, own, quick=True))
    now_usd = cost(read)
    return Expected(
        cloud_usd=now_usd,
        kept_usd=now_usd if kept == read else cost(kept),
        leaving_usd=max(leaving, 0.0),
    )


def _output(prefix: Prefix | None, preamble: Preamble | None, otherwise: int) -> float:
    """The expected length of an answer: a conversation's own mean, drawn to that of its like."""
    if preamble is None:
        return prefix.output if prefix else otherwise
    if prefix is None:
        return preamble.output
    weights = OUTPUT_LIKE, prefix.answers
    return (weights[0] * preamble.output + weights[1] * prefix.output) / sum(weights)


def cache_saved_usd(prices: Prices, model: str, usage: Usage | None) -> float:
    """What the cache saved on an answer, by its usage; below 0 where writing cost more."""
    if usage is None or not (usage.cache_read or usage.cache_write):
        return 0.0
    try:
        bare = prices.usd(model, usage.input_tokens, 0, quick=True)
        cached = (usage.cache_read, usage.cache_write)
        return bare - prices.usd(model, usage.input_tokens, 0, *cached, quick=True)
    except ConfigError:  # a model newer than the price list
        return 0.0
