"""What the pages of `docs/clients` tell people to set: the tests set just that."""

import re

from tests import ROOT

PAGES = ROOT / "docs" / "clients"
PINS = ("requirements.txt", "npm.txt", "aider.txt")  # of the clients that are run
ADDRESS = "http://127.0.0.1:8787"  # where the pages say that the gateway is
_BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)


def blocks(page: str, language: str) -> list[str]:
    """The blocks of a page that are written in `language`."""
    text = (PAGES / f"{page}.md").read_text(encoding="utf-8")
    return [body for _, spoken, body in _BLOCK.findall(text) if spoken == language]


def configured(page: str, language: str, url: str, model: str) -> str:
    """The first such block, for a gateway at `url` and `model` instead of `auto`."""
    text = blocks(page, language)[0].replace(ADDRESS, url)
    return re.sub(r"\bauto\b", model, text)
