"""Kinds of evidence: what an answer is decides what its form and another's agreement say of it."""

from router.answers.final import EXACT
from router.answers.reading import Reading

EVIDENCE: tuple[str, ...] = (
    "final answer",
    "prose",
    "code",
    "data",
    "call",
    "no call",
    "beginning",
    "exact beginning",
)
_OF_FINAL = {**dict.fromkeys(EXACT, "final answer"), "data": "data", "call": "call", "code": "code"}
_AT = {name: i for i, name in enumerate(EVIDENCE)}
OPEN = frozenset(_AT[name] for name in ("prose", "code", "data"))  # no one right answer is there
BEGUN = frozenset(_AT[name] for name in ("beginning", "exact beginning"))
_FINAL_ASKED = ("number", "choice")


def kind_of_evidence(answer: Reading, asks: str) -> int:
    """Index in EVIDENCE of an answer to a request that `asks` for some kind of it.

    What is still being written is a beginning, whatever it will be: an exact one where it opens
    like data, may become a call, or where a number or a choice was asked for. Where tools were
    offered an answer is a call, or none, which is judged by whether any tool fits. An answer
    without its final answer where a number or a choice was asked for counts as final answer.
    """
    exact = asks in _FINAL_ASKED
    offered = answer.checks.any()
    if answer.so_far:
        return _AT["exact beginning" if exact or offered or answer.structured else "beginning"]
    if offered:
        return _AT["call" if answer.final.calls else "no call"]
    kind = _OF_FINAL.get(answer.final.kind, "prose")
    if kind == "prose" and (exact or not answer.known):
        return _AT["final answer"]
    return _AT[kind]
