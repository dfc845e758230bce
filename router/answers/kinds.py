"""Kinds of evidence: what an answer is decides what its form and another's agreement say of it."""

from router.answers.final import EXACT
from router.answers.reading import Reading

EVIDENCE: tuple[str, ...] = (
    "final answer",
    "prose",
    "code",
    "data",
    "call",
    "beginning",
    "structured beginning",
)
_OF_FINAL = {**dict.fromkeys(EXACT, "final answer"), "data": "data", "call": "call", "code": "code"}
_AT = {name: i for i, name in enumerate(EVIDENCE)}
OPEN = frozenset(_AT[name] for name in ("prose", "code", "data"))  # no one right answer is there
BEGUN = frozenset(_AT[name] for name in ("beginning", "structured beginning"))
_FINAL_ASKED = ("number", "choice")


def kind_of_evidence(answer: Reading, asks: str) -> int:
    """Index in EVIDENCE of an answer to a request that `asks` for some kind of it.

    What is still being written is a beginning, whatever it will be; structured where it opens like
    data or may become a call. Where tools were offered an answer counts as a call also if it makes
    none, since that is what is judged, and so does an answer without its final answer where a
    number or a choice was asked for.
    """
    if answer.so_far:
        structured = answer.structured or answer.checks.any()
        return _AT["structured beginning" if structured else "beginning"]
    if answer.checks.any():
        return _AT["call"]
    kind = _OF_FINAL.get(answer.final.kind, "prose")
    if kind == "prose" and (asks in _FINAL_ASKED or not answer.known):
        return _AT["final answer"]
    return _AT[kind]
