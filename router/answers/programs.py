"""Programs in an answer: whether they can be read, what they define and call. Nothing is run.

Python is read by its own parser; of other languages the brackets must close.
"""

import ast
import re
from dataclasses import dataclass

from router.answers.constants import MAX_CODE_CHARS, MAX_PROGRAM_NAMES

PROGRAM: tuple[str, ...] = (
    "program",
    "program parses",
    "program does not parse",
    "brackets do not close",
)
_FENCED = re.compile(r"```([\w+#-]*)[^\n]*\n(.*?)(?:```|\Z)", re.DOTALL)
_PYTHON = ("python", "py", "python3")
_LOOKS_PYTHON = re.compile(r"(?m)^\s*(?:def \w+\(.*\).*:|import \w+|from \w+ import |class \w+.*:)")
_NOT_CODE = (
    "text",
    "markdown",
    "md",
    "json",
    "csv",
    "output",
    "console",
    "plaintext",
    "bash",
    "sh",
)
_DEFINES = re.compile(
    r"\b(?:def|function|func|fn|class|interface|struct)\s+(\w+)\s*\(?([^(){}\n]*)"
)
_CALLS = re.compile(r"\b([A-Za-z_]\w*)\s*\(")
_PARAMETER = re.compile(r"\w+")
_STRINGS = re.compile(
    r"\"\"\".*?\"\"\"|'''.*?'''|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.DOTALL
)
_ESCAPE = re.compile(r"\\([^\n'\"\\])|\\(.)", re.DOTALL)
_COMMENTS = re.compile(r"//[^\n]*|#[^\n]*|/\*.*?\*/", re.DOTALL)
_CLOSES = {")": "(", "]": "[", "}": "{"}


@dataclass(frozen=True, slots=True)
class Program:
    """What blocks of code define, each with its number of parameters, and what they call.

    `parses`: None where no parser of its language is at hand. `closes`: brackets close in order.
    """

    defines: frozenset[tuple[str, int]]
    calls: frozenset[str]
    parses: bool | None
    closes: bool


def program_in(text: str) -> Program | None:
    """The program in the fenced blocks of an answer; None where there is none. Never raises.

    >>> found = program_in("```python\\ndef double(x):\\n    return mul(x, 2)\\n```")
    >>> sorted(found.defines), sorted(found.calls), found.parses
    ([('double', 1)], ['mul'], True)
    """
    if "```" not in text:
        return None
    blocks = [(lang.lower(), code) for lang, code in _FENCED.findall(text)]
    blocks = [(lang, code) for lang, code in blocks if lang not in _NOT_CODE]
    code = "\n".join(code for _, code in blocks)[:MAX_CODE_CHARS]
    if not code.strip():
        return None
    python = [c for lang, c in blocks if lang in _PYTHON or (not lang and _LOOKS_PYTHON.search(c))]
    bare = _COMMENTS.sub("", _STRINGS.sub("''", code))
    defined = _DEFINES.findall(bare)[:MAX_PROGRAM_NAMES]
    names = {name for name, _ in defined}
    return Program(
        defines=frozenset((n, len(_PARAMETER.findall(p.split("->")[0]))) for n, p in defined),
        calls=frozenset(_CALLS.findall(bare)[:MAX_PROGRAM_NAMES]) - names,
        parses=all(map(_parses, python)) if python else None,
        closes=_closes(bare),
    )


def program_statistics(program: Program | None) -> dict[str, float]:
    """The numbers named in PROGRAM."""
    if program is None:
        return dict.fromkeys(PROGRAM, 0.0)
    return {
        "program": 1.0,
        "program parses": float(program.parses is True),
        "program does not parse": float(program.parses is False),
        "brackets do not close": float(not program.closes),
    }


def programs_in_common(a: Program, b: Program) -> tuple[float, float]:
    """Shares of definitions and of calls that two programs have in common (Jaccard), 0..1."""
    return _jaccard(a.defines, b.defines), _jaccard(a.calls, b.calls)


def _jaccard(a: frozenset[object], b: frozenset[object]) -> float:
    either = len(a | b)
    return len(a & b) / either if either else 1.0


def _parses(code: str) -> bool:
    # Escapes that Python does not know are a warning to it; none of them changes what parses.
    plain = _ESCAPE.sub(lambda m: f"/{m[1]}" if m[1] else m[0], code[:MAX_CODE_CHARS])
    try:
        ast.parse(plain)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _closes(code: str) -> bool:
    open_: list[str] = []
    for mark in re.findall(r"[()\[\]{}]", code):
        if mark not in _CLOSES:
            open_.append(mark)
        elif not open_ or open_.pop() != _CLOSES[mark]:
            return False
    return not open_
