"""When to look: the value of asking another local model, or of reading on, before deciding.

Value of information (Howard 1966): what a look shows moves the gain up or down; it is worth its
price when, over the moves to expect, the best decision afterwards beats the best decision now by
more than the look costs. In units of quality: 0.02 is two good answers more in a hundred.
"""

import numpy as np
from numpy.typing import NDArray

from router.answers.constants import MARKS
from router.decide.constants import BEGINNING_SHARES, LEAST_VARIANCE
from router.registry.artifact import GRID
from router.threshold import choose
from router.types import Act, FloatArray

# Tables: what reading the local answer beside a second opinion shows to one who knows the prompt
# alone, and what the second opinion shows to one who has read the local answer. Then what the
# beginnings of the answer (MARKS, in their order) and all of it show to one who knows the
# prompt alone.
FROM_PROMPT, FROM_ANSWER = 0, 1
TO_BEGINNING, TO_ANSWER = 2, 2 + len(MARKS)
_CELLS = np.array([0, 1, GRID, GRID + 1])  # a cell of a table laid flat, and its neighbours


def completed(look: FloatArray) -> FloatArray:
    """`look` with the tables of beginnings, shape (6, GRID, GRID, MOVES), made up if need be.

    Beliefs are a martingale, so the variances of what is learned step by step add up: the answer
    alone shows what it shows beside an opinion without what the opinion then adds. Its beginnings
    show BEGINNING_SHARES of that.
    """
    if len(look) > TO_BEGINNING:
        return look
    both, added = (float(np.mean(look[t] ** 2)) for t in (FROM_PROMPT, FROM_ANSWER))
    alone = look[FROM_PROMPT] * np.sqrt(max(1.0 - added / max(both, LEAST_VARIANCE), 0.0))
    shares = np.sqrt([*BEGINNING_SHARES, 1.0])
    return np.concatenate([look, shares[:, None, None, None] * alone])


def moves(table: FloatArray, p_local: FloatArray, p_cloud: FloatArray) -> FloatArray:
    """Equally likely moves of the gain at each (p_local, p_cloud), shape (n, MOVES), mean 0.

    `table` (GRID, GRID, MOVES) holds them at the centres of the cells; between these they are
    interpolated. Of several tables (t, GRID, GRID, MOVES): shape (t, n, MOVES).
    """
    x, y = (np.minimum(np.maximum(p * GRID - 0.5, 0.0), GRID - 1.0) for p in (p_local, p_cloud))
    i, j = (np.minimum(v.astype(np.int64), GRID - 2) for v in (x, y))
    a, b = x - i, y - j
    shares = np.array([(1 - a) * (1 - b), (1 - a) * b, a * (1 - b), a * b]).T  # of four cells
    cells = (i * GRID + j)[:, None] + _CELLS
    around = table.reshape(*table.shape[:-3], GRID * GRID, -1).take(cells, axis=-2)
    out: FloatArray = (shares[:, None, :] @ around)[..., 0, :]
    return out


def value_of(gain: FloatArray, move: FloatArray, threshold: FloatArray | float) -> FloatArray:
    """Expected improvement of the decision at `gain` (n,) by `move` (n, MOVES), shape (n,), >= 0.

    `threshold`: one for all, or (n,). Moves of several tables (t, n, MOVES) give (t, n).

    >>> even = np.linspace(-0.5, 0.5, 15)[None, :]
    >>> bool(value_of(np.array([0.2]), even, 0.2) > value_of(np.array([0.9]), even, 0.2))
    True
    """
    open_gain = gain - threshold
    after = np.maximum(open_gain[:, None] + move, 0.0).mean(axis=-1)
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


def values_of_reading_on(
    look: FloatArray, at: int, p_local: FloatArray, p_cloud: FloatArray, threshold: FloatArray
) -> FloatArray:
    """Expected improvement by reading on to each longer beginning, shape (3 - at, n).

    `look`: see `completed`; the other arrays are (n,). `at`: how many of MARKS were read
    already; of what a longer one shows only what those did not is new.
    """
    move = moves(look[TO_BEGINNING:TO_ANSWER], p_local, p_cloud)
    shown = np.mean(move**2, axis=-1, keepdims=True)  # variances: the mean is 0
    known = shown[at - 1] if at else 0.0
    new = np.maximum(1.0 - known / np.maximum(shown[at:], LEAST_VARIANCE), 0.0)
    return value_of(p_cloud - p_local, np.sqrt(new) * move[at:], threshold)


def pays_to_read_on(values: FloatArray, at: int, reach: float, price: float) -> NDArray[np.bool_]:
    """Whether holding streams is worth it, shape (n,), by `values_of_reading_on` (3 - at, n).

    `reach`: characters that come in the time that a person is willing to wait, which is the price
    of as much improvement as `price`; less of it costs less, and more is not to be had.
    """
    read = (0, *MARKS)[at]
    ahead = np.array(MARKS[at:])[:, None]
    prices = price * (ahead - read) / max(reach, 1.0)
    worth: NDArray[np.bool_] = np.any((values > prices) & (ahead <= reach), axis=0)
    return worth


def act_for(gain: float, threshold: float, value: float, price: float) -> Act:
    """`look` where its value exceeds its price, else the better tier."""
    if value > price:
        return "look"
    return choose(gain, threshold)
