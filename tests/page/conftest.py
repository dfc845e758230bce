"""A headless Chromium for the page's tests; where there is none they are skipped with a reason."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.servers.running import Gateway

_NAMES = ("chromium", "chromium-browser", "google-chrome-stable")
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# Where pictures of the page are put, to be looked at.
_PICTURES = os.environ.get("TEST_PICTURES")


class Tab:
    """One tab of the browser on a gateway's page, and what it complained of."""

    def __init__(self, page: Any, gateway: Gateway) -> None:
        self.page, self.gateway = page, gateway
        self.complaints: list[str] = []
        page.on("console", lambda m: m.type in ("error", "warning") and self._note(m.text))
        page.on("pageerror", lambda error: self._note(str(error)))
        self.asked: list[str] = []
        page.on("request", lambda request: self.asked.append(request.url))

    def _note(self, words: str) -> None:
        self.complaints.append(words)

    def ready(self) -> None:
        """The numbers are there, and the page listens."""
        self.page.wait_for_selector("html[data-ready]")
        self.page.wait_for_selector("#link[data-state=live]")

    def pictured(self, name: str) -> None:
        """Keep a picture where TEST_PICTURES names a folder."""
        if _PICTURES:
            self.page.screenshot(path=Path(_PICTURES) / f"{name}.png", full_page=True)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="needs the [browser] extra; `make test-page` installs it"
    )
    found = os.environ.get("TEST_CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        pytest.skip("Chromium is not installed; `apt-get install chromium`, or set TEST_CHROMIUM")
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=found, headless=True, args=list(_FLAGS))
        yield running
        running.close()


Open = Callable[..., Tab]


@pytest.fixture
def open_page(browser: Any) -> Iterator[Open]:
    """Open a gateway's page in a context of its own, and let go of it before the gateway ends."""
    contexts = []

    def open_(gateway: Gateway, **look: Any) -> Tab:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **look})
        context.set_default_timeout(15_000)
        contexts.append(context)
        tab = Tab(context.new_page(), gateway)
        tab.page.goto(gateway.url)
        return tab

    yield open_
    for context in contexts:
        context.close()
