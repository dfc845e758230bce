"""Programs in answers: read, compared, never run."""

import pytest

from router.answers.programs import PROGRAM, program_in, program_statistics, programs_in_common

PYTHON = "```python\ndef area(width, height):\n    return multiply(width, height)\n```"


@pytest.mark.parametrize(
    ("code", "parses", "closes"),
    [
        (PYTHON, True, True),
        (PYTHON.replace("):", "["), False, False),
        ("```\nimport os\nprint(os.name)\n```", True, True),
        ("```js\nfunction add(a, b) { return '}' + a + b; } // )\n```", None, True),
        ("```rust\nfn main() { run(1);\n```", None, False),
        ("```python\n" + "(" * 5000 + "\n```", False, False),
        ("```python\nx = '\\d'\n```", True, True),
        ("```python\nx = 1\x00\n```", False, True),
    ],
)
def test_a_program_parses_or_at_least_closes(code: str, parses: bool | None, closes: bool) -> None:
    found = program_in(f"Like this:\n\n{code}\nThat is all.")
    assert found is not None
    assert (found.parses, found.closes) == (parses, closes)
    numbers = program_statistics(found)
    assert (
        numbers["program parses"] - numbers["program does not parse"]
        == {
            True: 1,
            False: -1,
            None: 0,
        }[parses]
    )


@pytest.mark.parametrize(
    "text", ["", "No code.", "```text\nwords (\n```", "```json\n{}\n```", "```"]
)
def test_what_is_no_program_has_none(text: str) -> None:
    assert program_in(text) is None
    assert program_statistics(None) == dict.fromkeys(PROGRAM, 0.0)


def test_programs_agree_by_what_they_define_and_call() -> None:
    one = program_in(PYTHON)
    renamed = program_in(PYTHON.replace("area", "size"))
    other = program_in("```python\ndef area(side):\n    return multiply(side, side)\n```")
    assert one and renamed and other
    assert programs_in_common(one, one) == (1.0, 1.0)
    assert programs_in_common(one, renamed) == (0.0, 1.0)
    assert programs_in_common(one, other) == (0.0, 1.0)
