"""When to look: the value of asking another local model before deciding.

Value of information (Howard 1966): what a look shows moves the gain up or down; it is worth asking
when, over the moves to expect, the best decision afterwards beats the best decision now by more
than the look costs. In units of quality: 0.02 is two good answers more in a hundred.
"""

import numpy as np

from router.registry.artifact import GRID
from router.threshold import choose
from router.types import Act, FloatArray

# Tables: what reading the local answer beside a second opinion shows to one who knows the prompt
# alone, and what the second opinion shows to one who has read the local answer.
FROM_PROMPT, FROM_ANSWER = 0, 1


def moves(table: FloatArray, p_local: FloatArray, p_cloud: FloatArray) -> FloatArray:
    """Equally likely moves of the gain at each (p_local, p_cloud), shape (n, MOVES), mean 0.

    `table` (GRID, GRID, MOVES) holds them at the centres of the cells; between these they are
    interpolated.
    """
    x, y = (np.minimum(np.maximum(p * GRID - 0.5, 0.0), GRID - 1.0) for p in (p_local, p_cloud))
    i, j = (np.minimum(v.astype(np.int64), GRID - 2) for v in (x, y))
    a, b = (x - i)[:, None], (y - j)[:, None]
    low = (1 - b) * table[i, j] + b * table[i, j + 1]
    high = (1 - b) * table[i + 1, j] + b * table[i + 1, j + 1]
    out: FloatArray = (1 - a) * low + a * high
    return out


def value_of(gain: FloatArray, move: FloatArray, threshold: FloatArray | float) -> FloatArray:
    """Expected improvement of the decision at `gain` (n,) by `move` (n, MOVES), shape (n,), >= 0.

    `threshold`: one for all, or (n,).

    >>> even = np.linspace(-0.5, 0.5, 15)[None, :]
    >>> bool(value_of(np.array([0.2]), even, 0.2) > value_of(np.array([0.9]), even, 0.2))
    True
    """
    open_gain = gain - threshold
    after = np.maximum(open_gain[:, None] + move, 0.0).mean(axis=1)
    value: FloatArray = np.maximum(after - np.maximum(open_gain, 0.0), 0.0)
    return value


def values_of_looking(
    table: FloatArray, p_local: FloatArray, p_cloud: FloatArray, threshold: FloatArray
) -> FloatArray:
    """`value_of` for requests, all arrays (n,), and the table of a stage."""
    return value_of(p_cloud - p_local, moves(table, p_local, p_cloud), threshold)


def value_of_looking(table: FloatArray, p_local: float, p_cloud: float, threshold: float) -> float:
    """`value_of` for one request and the table of a stage."""
    one = (np.array([p]) for p in (p_local, p_cloud, threshold))
    return float(values_of_looking(table, *one)[0])


def act_for(gain: float, threshold: float, value: float, price: float) -> Act:
    """`look` where its value exceeds its price, else the better tier."""
    if value > price:
        return "look"
    return choose(gain, threshold)
