"""Docstrings as the site shows them: doctests as code, which they are."""

import re
from typing import Any

import griffe

_EXAMPLE = re.compile(r"(?:^>>>.*\n?(?:(?!\n|>>>).+\n?)*)+", re.MULTILINE)


class Doctests(griffe.Extension):
    """Puts every doctest into a fence."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """See `griffe.Extension`."""
        if obj.docstring is not None:
            fenced = _EXAMPLE.sub(
                lambda found: f"\n```pycon\n{found[0].rstrip()}\n```\n", obj.docstring.value
            )
            obj.docstring.value = fenced
