"""How far two lists of tool calls agree, argument by argument, by value."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from router.answers.literals import CallLiteral, canonical, tool_name
from router.types import FloatArray

IN_COMMON: tuple[str, ...] = (
    "both call",
    "both call nothing",
    "one calls nothing",
    "same functions",
    "functions in common",
    "same number of calls",
    "arguments in common",
    "arguments equal where both give them",
    "same functions, other values",
    "equal calls",
)


def calls_in_common(a: Sequence[CallLiteral], b: Sequence[CallLiteral]) -> FloatArray:
    """The measures named in IN_COMMON, each 0..1, shape (len(IN_COMMON),). Symmetric.

    Calls of one function are matched so that as many arguments as possible are equal, greedily
    from the most alike.
    """
    out = np.zeros(len(IN_COMMON))
    if not a or not b:
        out[2 if a or b else 1] = 1.0
        return out
    mine, theirs = _by_name(a), _by_name(b)
    matched = equal = either = both = 0
    for name in mine.keys() & theirs.keys():
        for same, given, shared in _matched(mine[name], theirs[name]):
            matched += 1
            equal, either, both = equal + same, either + given, both + shared
    names = mine.keys() == theirs.keys()
    counts = len(a) == len(b)
    same_calls = names and counts and matched == len(a)
    out[0] = 1.0
    out[3] = float(same_calls)
    out[4] = matched / max(len(a), len(b))
    out[5] = float(counts)
    out[6] = (equal / either if either else 1.0) * out[4]
    out[7] = (equal / both if both else 1.0) * out[4]
    out[9] = float(same_calls and equal == either)
    out[8] = float(same_calls and equal < either)
    return out


_Parts = dict[str, str]


def _by_name(calls: Sequence[CallLiteral]) -> dict[str, list[_Parts]]:
    """The calls' arguments in one spelling, by the function called."""
    out: dict[str, list[_Parts]] = defaultdict(list)
    for call in calls:
        arguments = {str(k).casefold(): canonical(v) for k, v in call.arguments.items()}
        out[tool_name(call.name)].append(arguments)
    return dict(out)


def _matched(mine: list[_Parts], theirs: list[_Parts]) -> list[tuple[int, int, int]]:
    """Pairs of calls: equal arguments, arguments that either gives, arguments that both give."""
    pairs = []
    for i, one in enumerate(mine):
        for j, two in enumerate(theirs):
            shared = one.keys() & two.keys()
            same = sum(one[k] == two[k] for k in shared)
            pairs.append((same, len(one.keys() | two.keys()), len(shared), i, j))
    out, left, right = [], set(range(len(mine))), set(range(len(theirs)))
    for same, either, both, i, j in sorted(pairs, key=lambda p: (p[1] - p[0], p[3], p[4])):
        if i in left and j in right:
            left.discard(i)
            right.discard(j)
            out.append((same, either, both))
    return out
