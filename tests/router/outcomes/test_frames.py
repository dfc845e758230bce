"""Frames: what was written is read, and what a crash or a bad disk did to it costs no other."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.outcomes.frames import HEAD_BYTES, MARK, framed, read

VALUES = st.one_of(st.text(), st.binary(), st.booleans(), st.floats(allow_nan=False))
ROWS = st.lists(st.dictionaries(st.text(), VALUES, max_size=4), max_size=5)


@given(ROWS)
def test_what_is_written_is_read(rows: list[dict[str, Any]]) -> None:
    data = b"".join(framed("decision", row) for row in rows)
    found = read(data + bytes(100))
    assert found.entries == [("decision", row) for row in rows]
    assert (found.end, found.damaged) == (len(data), 0)


@given(ROWS.filter(bool), st.data())
def test_a_torn_tail_costs_only_what_was_torn(rows: list[dict[str, Any]], data: Any) -> None:
    frames = [framed("decision", row) for row in rows]
    whole = b"".join(frames[:-1])
    torn = frames[-1][: data.draw(st.integers(0, len(frames[-1]) - 1))]
    found = read(whole + torn)
    assert [row for _, row in found.entries] == rows[:-1]
    assert (found.end, found.damaged) == (len(whole), 0)


@pytest.mark.parametrize("at", [0, 5, 9, HEAD_BYTES + 4], ids=["mark", "length", "sum", "row"])
def test_a_damaged_frame_costs_only_itself(at: int) -> None:
    frames = [bytearray(framed("decision", {"id": name, "key": MARK})) for name in "abc"]
    frames[1][at] ^= 0xFF
    found = read(b"".join(frames))
    assert [row["id"] for _, row in found.entries] == ["a", "c"]
    assert found.damaged == 1


def test_what_no_database_takes_is_noted_all_the_same() -> None:
    row = {"text": "half \ud83d", "tokens": 2**70, "p": np.float64(0.5), "none": None}
    assert read(framed("decision", row)).entries == [
        ("decision", {"text": "half ?", "tokens": None, "p": 0.5})
    ]
