"""The final answer within a text: its kind, its spelling, and when two are the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.answers.constants import MAX_FINAL_CHARS
from router.answers.final import EXACT, final_of
from router.answers.literals import CallLiteral, NotLiteral, canonical, parse
from router.answers.numbers import Quantity, quantity
from router.answers.same import same

EXTRACTED = [
    # (text, kind asked for, kind found, canonical spelling)
    ('{"reasoning": "We add.", "answer": "1,234"}', "text", "number", "1234"),
    ('```json\n{"reasoning": "a\nb", "answer": 0.50}\n```', "text", "number", "0.5"),
    ('{"reasoning": "it said "hi" there", "answer": "7"}', "text", "number", "7"),
    ('{"reasoning": "nothing is left", "answer": ""}', "text", "short", '""'),
    (r"Then \boxed{3} is wrong, so \boxed{\frac{-1}{2}}.", "text", "number", "-0.5"),
    ("3 + 4 is 7.\n#### 7", "text", "number", "7"),
    ("Long thoughts. " * 9 + "The answer is (C).", "text", "choice", "C"),
    ("Long thoughts. " * 9 + "Final answer: **12 km**", "text", "number", "12"),
    ("Long thoughts. " * 9 + "I pick **B)** in the end", "choice", "choice", "B"),
    ("Long thoughts. " * 9 + "so we have 6 x 7 = 42 apples", "number", "number", "42"),
    ("Long thoughts. " * 9, "text", "prose", ""),
    ("The output is then read again. " + "Long thoughts. " * 60, "text", "prose", ""),
    ("The result is what we all wanted from the start and more. " * 5, "text", "prose", ""),
    ("17 * 23 = 391", "text", "number", "391"),
    ("It is **391**.", "text", "number", "391"),
    ("No, it is not.", "text", "short", "no"),
    ("It was on 5 March 2024.", "text", "date", "2024-03-05"),
    ("March 5th, 2024", "text", "date", "2024-03-05"),
    ("2024-03-05", "text", "date", "2024-03-05"),
    ("Paris", "text", "short", "paris"),
    ("The sky looks blue to us all because of it.", "text", "prose", ""),
    ("['a', (1, 2.0), None]", "text", "data", '["a",[1,2],null]'),
    ('{"b": 1, "a": [true]}', "data", "data", "{a:[true],b:1}"),
    ('Here it is.\n```json\n{"a": 1}\n```\nAsk for more.', "data", "data", "{a:1}"),
    ("```python\n" + "x = 1\n" * 30 + "```", "code", "code", ""),
    ("", "text", "none", ""),
    (" \n\t ", "number", "none", ""),
]


@pytest.mark.parametrize(("text", "asks", "kind", "key"), EXTRACTED)
def test_final_answer_is_found_by_the_written_rules(
    text: str, asks: str, kind: str, key: str
) -> None:
    found = final_of(text, asks)
    assert (found.kind, found.key) == (kind, key)


CALLS = [
    '{"name": "add", "arguments": {"b": 2, "a": 1.0}}',
    '<tool_call>\n{"name": "add", "arguments": {"a": 1, "b": 2}}\n</tool_call>',
    '{"tool_calls": [{"function": {"name": "add", "arguments": "{\\"a\\": 1, \\"b\\": 2}"}}]}',
    "[add(a=1, b=2)]",
    'I will call it.\n```json\n{"name": "add", "arguments": {"a": 1, "b": 2}}\n```\nDone.',
    'Sure: {"name": "add", "arguments": {"a": 1, "b": 2}} is the call.',
    'Action: add\nAction Input: {"a": 1, "b": 2}\nObservation: 3',
    "add(b=2, a=1)",
    'Thought: sum\nAction: add\nAction Input: {"a": 1, "b": 2}',
    '[{"add": {"a": 1, "b": 2}}]',
    '```json\n{"name": "add", "parameters": {"a": 1, "b": 2}}\n```',
]


@pytest.mark.parametrize("text", CALLS)
def test_calls_are_one_whatever_their_spelling(text: str) -> None:
    found = final_of(text)
    assert found.kind == "call"
    assert found.value == (CallLiteral("add", {"a": 1.0, "b": 2.0}),)
    assert same(found, final_of(CALLS[0])) is True


def test_calls_keep_types_and_ignore_order_of_several() -> None:
    assert same(final_of('add(a="1")'), final_of("add(a=1)")) is False
    assert same(final_of("[f(x=1), g(y=2)]"), final_of("[g(y=2), f(x=1)]")) is True
    assert same(final_of("[f(x=1), g(y=2)]"), final_of("[f(x=1)]")) is False
    assert same(final_of("f(x=1); g(y=2)"), final_of("[f(x=1), g(y=2)]")) is True


QUANTITIES = [
    ("1,234.50", 1234.5, ""),
    ("1 234 567", 1234567, ""),
    ("$18", 18, "dollar"),
    ("18 dollars", 18, "dollar"),
    (r"\$18", 18, "dollar"),
    ("75%", 75, "%"),
    (r"75\%", 75, "%"),
    (r"$\frac{-1}{2}$", -0.5, ""),
    ("1 1/2 cups", 1.5, "cup"),
    ("7/8", 0.875, ""),
    ("1e3", 1000, ""),
    (r"1.2 \times 10^3", 1200, ""),
    ("−4", -4, ""),
    ("-$5", -5, "dollar"),
    (r"90^\circ", 90, "°"),
    ("5 km", 5, "km"),
    ("3.0", 3, ""),
]


@pytest.mark.parametrize(("text", "value", "unit"), QUANTITIES)
def test_numbers_are_read_as_people_write_them(text: str, value: float, unit: str) -> None:
    assert quantity(text) == Quantity(pytest.approx(value), unit)


@pytest.mark.parametrize("text", ["x", "12:30", "1.2.3", "2024-03-05", "5 3", "1/0", "", "a 1"])
def test_what_is_no_number_is_none(text: str) -> None:
    assert quantity(text) is None


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ("5 km", "5", True),
        ("5 km", "5 miles", False),
        ("1,000", "1000.0", True),
        ("Paris", "paris.", True),
        ("the Rhine", "Rhine", True),
        ("Paris", "The capital of France is Paris.", True),
        ("Rome", "The capital of France is Paris.", None),
        ("1989", "The Berlin Wall fell in 1989.", True),
        ("1989", "The Berlin Wall fell on 9 November 1989.", None),
        ("There are 14 provinces in all of it.", "There are 20 provinces in all of it.", False),
        ("There are 14 provinces in all of it.", "It has 14 provinces, one large.", None),
        ("(b)", "B", True),
        ("A", "B", False),
        ('{"a": 1, "b": [1, 2]}', "{'b': [1, 2.0], 'a': 1}", True),
        ("[1, 2]", "[2, 1]", False),
        ("yes", "no", False),
        ("7", "", None),
    ],
)
def test_sameness(a: str, b: str, expected: bool | None) -> None:
    assert same(final_of(a), final_of(b)) is expected
    assert same(final_of(b), final_of(a)) is expected


HOSTILE = [
    "[" * 100_000,
    '{"a":' * 5000,
    "{" * 50 + "1" + "}" * 50,
    "(" * 3000 + ")" * 3000,
    "a\x00b" * 50_000,
    "=" * 100_000,
    "\\boxed{" * 5000,
    "**" * 40_000,
    "9" * 50_000,
    "1e999999",
    '"' * 9999,
    "the answer is " * 9000,
    "```" * 9999,
    "\ud800",
    "答えは42です。",
]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("asks", ["text", "number", "choice", "data"])
def test_hostile_texts_have_a_final_answer_of_some_kind(text: str, asks: str) -> None:
    found = final_of(text, asks)
    assert found.kind in {*EXACT, "prose", "code", "none"}


@pytest.mark.slow
@given(st.text(max_size=300))
def test_any_text_is_the_same_as_itself_or_cannot_be_compared(text: str) -> None:
    found = final_of(text)
    assert same(found, found) is (True if found.kind in EXACT else None) or not found.text.strip(
        " {}$\\`*\"'!?.,;"
    )


@given(st.integers(-(10**9), 10**9), st.sampled_from(["{}", "{:,}", " {} ", "{}.0", "**{}**"]))
def test_formatting_does_not_change_a_number(number: int, form: str) -> None:
    assert same(final_of(form.format(number)), final_of(str(number))) is True


@given(
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.floats(-1e6, 1e6), st.text("ab cd'é", max_size=8)),
        lambda inner: st.one_of(
            st.lists(inner, max_size=4),
            st.dictionaries(st.text("abc", min_size=1, max_size=3), inner, max_size=4),
        ),
        max_leaves=20,
    )
)
def test_python_and_json_spellings_of_one_value_are_equal(value: object) -> None:
    import json

    assert canonical(parse(repr(value))) == canonical(parse(json.dumps(value)))


@pytest.mark.parametrize("text", ["", "f(", "[1,", "{1: 2, 3}", "__import__('os').system", "1 2"])
def test_what_is_no_literal_is_refused(text: str) -> None:
    with pytest.raises(NotLiteral):
        parse(text)


def test_a_literal_is_data_and_is_read_up_to_a_bound() -> None:
    assert parse("__import__(a='os')") == CallLiteral("__import__", {"a": "os"})
    with pytest.raises(NotLiteral):
        parse("[" + "1," * MAX_FINAL_CHARS + "]")
