"""`predict_tier` and `predict_after`: the shipped default, loaded at the first call."""

import threading
from collections.abc import Mapping, Sequence
from typing import Any

from router.decide.after import AnswerLike
from router.decide.router import Router
from router.types import Decision


def predict_tier(
    prompt: str | None = None,
    *,
    messages: Sequence[Mapping[str, Any]] | None = None,
    tools: Sequence[Any] | None = None,
    response_format: Mapping[str, Any] | None = None,
) -> Decision:
    """Decide with the default model and settings; loaded at the first call, then kept.

    Raises InputError for what cannot be routed.

    >>> predict_tier("Translate 'good morning' into French.").tier
    'local'
    """
    router = default_router()
    return router.predict(prompt, messages=messages, tools=tools, response_format=response_format)


def predict_after(
    decision: Decision | None,
    answer: AnswerLike,
    others: Sequence[AnswerLike] = (),
    *,
    logprobs: Sequence[float] | None = None,
    tools: Sequence[Any] | None = None,
) -> Decision:
    """Decide again with the default model, knowing the local answer; see `Router.predict_after`.

    >>> before = predict_tier("In which year did the Berlin Wall fall?")
    >>> predict_after(before, "In 1989.", ["1989"]).tier
    'local'
    """
    router = default_router()
    return router.predict_after(decision, answer, others, logprobs=logprobs, tools=tools)


_default: Router | None = None
_lock = threading.Lock()


def default_router() -> Router:
    """The router behind `predict_tier`."""
    global _default
    if _default is None:
        with _lock:
            if _default is None:
                _default = Router.load()
    return _default
