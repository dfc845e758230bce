"""Kinds of evidence: what an answer is decides what its form and another's agreement say of it."""

from router.answers.final import EXACT
from router.answers.reading import Reading

EVIDENCE: tuple[str, ...] = ("final answer", "prose", "code", "data", "call", "beginning")
_OF_FINAL = {**dict.fromkeys(EXACT, "final answer"), "data": "data", "call": "call", "code": "code"}
_AT = {name: i for i, name in enumerate(EVIDENCE)}
OPEN = frozenset(_AT[name] for name in ("prose", "code", "data"))  # no one right answer is there


def kind_of_evidence(answer: Reading) -> int:
    """Index in EVIDENCE of an answer.

    What is still being written is a beginning, whatever it will be. Where tools were offered an
    answer counts as a call also if it makes none, since that is what is judged.
    """
    if answer.so_far:
        return _AT["beginning"]
    if answer.checks.any():
        return _AT["call"]
    return _AT[_OF_FINAL.get(answer.final.kind, "prose")]
