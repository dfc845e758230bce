"""What kind of answer a request asks for."""

from hypothesis import given, settings
from hypothesis import strategies as st

from router.text.asks import _CODE, _MAKE, _NUMBER, _RECKON


@settings(max_examples=200, deadline=None)
@given(code=st.from_regex(_CODE), number=st.from_regex(_NUMBER))
def test_no_gate_hides_what_its_pattern_would_find(code: str, number: str) -> None:
    assert any(word in code for word in _MAKE)
    assert any(words in number for words in _RECKON)
