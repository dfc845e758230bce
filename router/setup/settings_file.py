"""`router.toml` as `router init` writes it: the example, with what was answered switched on."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import router
from router.errors import ConfigError

_HEAD = """\
# Settings of hybrid-router, written by `router init`. A line without # is yours; the others show
# what else there is, each with its default. The environment goes before this file
# (ROUTER_LOCAL_MODEL, ROUTER_LOCAL_LIMITS__RETRIES). Keys belong there, not here. A running gateway
# takes a changed file within a second, and keeps the old one if it is wrong.
"""


def commented(answers: Mapping[str, str | float | list[str]]) -> str:
    """The text of the file. Raises ConfigError for a setting that the example does not have.

    >>> "\\nlocal_model = \\"qwen2.5:3b\\"\\n" in commented({"local_model": "qwen2.5:3b"})
    True
    """
    example = Path(router.__file__).with_name("router.example.toml").read_text(encoding="utf-8")
    text = _HEAD + "\n" + example.split("\n\n", 1)[1]
    for name, value in answers.items():
        place = re.search(rf"^#{name} = .*$", text, re.MULTILINE)
        if place is None:
            raise ConfigError(f"There is no setting {name} in router.example.toml.")
        line = f"{name} = {json.dumps(value, ensure_ascii=False)}"
        text = text[: place.start()] + line + text[place.end() :]
    return text
