"""The page in a real browser, before a whole gateway."""

import json
import sqlite3
from pathlib import Path
from time import time
from typing import Any

import pytest
from sqlalchemy import select, update

from router.gateway.auth import hash_of
from router.outcomes import transfer
from router.outcomes.database import open_database
from router.outcomes.tables import decisions, feedback
from router.registry import artifact as artifacts
from router.registry.artifact import Artifact
from router.registry.registry import Registry
from tests import ROOT
from tests.page.conftest import Open, Tab
from tests.router.monitor.test_watch import renamed
from tests.servers.fixtures import Run
from tests.servers.running import EASY, HARD, Gateway, until

HOSTILE = '"><img src=x onerror="window.hacked=1"><script>window.hacked=1</script> What is this?'
SECRET = "Mail ann@example.org that I shall be late."


def said(gateway: Gateway) -> list[tuple[float, str]]:
    connection = sqlite3.connect(gateway.database)
    try:
        return connection.execute("SELECT score, source FROM feedback ORDER BY id").fetchall()
    finally:
        connection.close()


def fill(folder: Path) -> None:
    """The bundled log, as if its requests had come in the last hours, one in four minutes."""
    engine = open_database(f"sqlite:///{folder / 'outcomes.db'}")
    transfer.load(ROOT / "data" / "traffic", engine)
    with engine.begin() as connection:
        names = connection.execute(select(decisions.c.id).order_by(decisions.c.at)).scalars().all()
        for back, name in enumerate(reversed(names), 1):
            mine = update(decisions).where(decisions.c.id == name)
            connection.execute(mine.values(at=time() - 240 * back))
        connection.execute(update(feedback).values(at=time()))
    engine.dispose()


def faults(tab: Tab) -> list[str]:
    """What axe-core finds, whether it is serious or not."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    found = axe.run(tab.page).response["violations"]
    return [f"{one['id']}: {node['target']}" for one in found for node in one["nodes"]]


def test_a_request_just_made_appears_without_a_word_on_the_console(
    run: Run, open_page: Open
) -> None:
    gateway = run()
    tab = open_page(gateway)
    tab.ready()
    assert "Nothing was asked yet" in tab.page.inner_text("#decisions")
    tab.page.keyboard.press("Tab")
    assert tab.page.evaluate("document.activeElement.textContent") == "Skip to the numbers"
    tab.page.keyboard.press("Enter")
    assert tab.page.evaluate("document.activeElement.id") == "main"
    gateway.chat(HARD)
    tab.page.wait_for_selector(f"#decisions >> text={HARD}")
    row = tab.page.locator("#decisions > li").first
    assert row.locator(".tier").inner_text() == "cloud"
    row.locator("summary").click()
    row.locator("text=Proof").or_(row.locator(".trail")).first.wait_for()
    assert "No tier and no model was named." in row.inner_text()
    tab.page.wait_for_selector("#tiles >> text=in the last day")
    assert tab.complaints == []
    assert {url.split("/")[2] for url in tab.asked} == {gateway.url.split("/")[2]}


def test_the_box_shows_decision_look_and_answer(run: Run, open_page: Open) -> None:
    gateway = run(cascade="checks")
    tab = open_page(gateway)
    tab.ready()
    tab.page.fill("#prompt", EASY)
    tab.page.keyboard.press("Control+Enter")
    tab.page.wait_for_selector("#asked-rate button")
    assert tab.page.inner_text("#asked-answer") == "Hello there."
    assert "good with probability" in tab.page.inner_text("#asked-decision")
    assert "The local model answered" in tab.page.inner_text("#asked-look")
    tab.page.wait_for_selector(f"#decisions >> text={EASY}")
    tab.page.click("#asked-rate button >> text=Corrected")
    until(lambda: said(gateway) == [(0.2, "corrected")])
    assert tab.complaints == []


def test_a_prompt_that_fails_is_a_sentence(run: Run, open_page: Open) -> None:
    gateway = run(local_url="http://127.0.0.1:9", cloud_url="http://127.0.0.1:9")
    tab = open_page(gateway)
    tab.ready()
    tab.page.fill("#prompt", EASY)
    tab.page.check("#stay")
    tab.page.click("#send")
    tab.page.wait_for_selector("#asked-look .wrong")
    assert "local" in tab.page.inner_text("#asked-look .wrong")
    assert tab.page.is_enabled("#send")


def test_buttons_beside_an_answer_put_feedback_into_the_log(run: Run, open_page: Open) -> None:
    gateway = run()
    gateway.chat(EASY)
    tab = open_page(gateway)
    tab.ready()
    good = tab.page.locator("#decisions button >> text=Good")
    good.focus()
    tab.page.keyboard.press("Enter")
    until(lambda: said(gateway) == [(1.0, "user")])
    tab.page.wait_for_selector("#decisions button[aria-pressed=true] >> text=Good")
    tab.page.reload()
    tab.ready()
    tab.page.wait_for_selector("#decisions button[aria-pressed=true] >> text=Good")


def test_hostile_text_stays_text(run: Run, open_page: Open) -> None:
    gateway = run()
    gateway.chat(HOSTILE)
    gateway.chat(EASY, model="<img src=x onerror='window.hacked=1'>")
    tab = open_page(gateway)
    tab.ready()
    for row in tab.page.locator("#decisions > li summary").all():
        row.click()
    tab.page.wait_for_selector(".kept .words")
    assert HOSTILE in tab.page.inner_text("#decisions")
    assert tab.page.evaluate("window.hacked") is None
    assert tab.page.locator("#decisions img, #decisions script").count() == 0
    assert tab.complaints == []


def test_private_text_is_nowhere_on_the_page(run: Run, open_page: Open) -> None:
    gateway = run()
    gateway.chat(SECRET)
    tab = open_page(gateway)
    told: list[str] = []
    tab.page.on("response", lambda r: "/page/" in r.url and told.append(r.url))
    tab.ready()
    tab.page.wait_for_selector("#decisions >> text=Private: email")
    tab.page.locator("#decisions summary").click()
    tab.page.wait_for_selector("text=no word of it was kept")
    assert any("/page/decisions/" in url for url in told)
    for url in {u for u in told if "events" not in u}:
        assert "ann@example.org" not in gateway.client.get(url).text
    assert "ann@example.org" not in tab.page.content()
    assert "shall be late" not in tab.page.content()


def test_a_key_is_asked_for_and_stays_in_the_tab(run: Run, open_page: Open) -> None:
    gateway = run(api_keys={"laptop": hash_of("rk-1")})
    gateway.chat(EASY, headers={"x-api-key": "rk-1"})
    tab = open_page(gateway)
    tab.page.wait_for_selector("#key-box[open]")
    tab.pictured("key")
    tab.page.fill("#key", "wrong")
    tab.page.keyboard.press("Enter")
    tab.page.wait_for_selector("#key-wrong >> text=not known here")
    assert EASY not in tab.page.content()
    tab.page.fill("#key", "rk-1")
    tab.page.keyboard.press("Enter")
    tab.ready()
    tab.page.wait_for_selector(f"#decisions >> text={EASY}")
    gateway.chat(HARD, headers={"x-api-key": "rk-1"})  # events come with the key, too
    tab.page.wait_for_selector(f"#decisions >> text={HARD}")
    assert tab.page.evaluate("localStorage.length + document.cookie.length") == 0
    assert not any("rk-1" in url for url in tab.asked)
    tab.page.click("#forget")
    tab.page.wait_for_selector("#key-box[open]")


@pytest.fixture
def models(tmp_path: Path, shipped: Artifact) -> Path:
    folder = tmp_path / "models"
    artifacts.save(renamed(shipped, "first"), folder)
    artifacts.save(renamed(shipped, "second", base="first"), folder)
    Registry(folder).promote("first")
    Registry(folder).shadow("second")
    return folder


def test_a_version_is_promoted_and_rolled_back_only_after_a_yes(
    run: Run, open_page: Open, models: Path
) -> None:
    gateway = run(models_dir=models)
    tab = open_page(gateway)
    tab.ready()
    page = tab.page
    assert "0 of 100 requests decided" in page.inner_text("#model")
    page.click("#model button >> text=Promote")
    page.wait_for_selector("#sure-box[open]")
    page.keyboard.press("Escape")
    page.wait_for_selector("#sure-box", state="hidden")
    assert Registry(models).current == "first"
    page.click("#model button >> text=Promote")
    assert "second will decide every request" in page.inner_text("#sure-words")
    page.click("#sure-yes")
    page.wait_for_selector("#model >> text=first → second")
    assert Registry(models).current == "second"
    page.click("#model button >> text=Roll back to first")
    page.click("#sure-no")
    assert Registry(models).current == "second"
    page.click("#model button >> text=Roll back to first")
    page.click("#sure-yes")
    until(lambda: Registry(models).current == "first")
    assert tab.complaints == []


def test_a_full_log_is_alive_and_open_to_everybody(
    run: Run, open_page: Open, tmp_path: Path
) -> None:
    fill(tmp_path)
    gateway = run(budget_day_usd=2.0, cascade="checks")
    gateway.chat(EASY)
    tab = open_page(gateway)
    tab.ready()
    page = tab.page
    page.wait_for_selector("#curve svg .curve")
    page.locator("#decisions summary").first.click()
    page.wait_for_selector("#decisions .trail")
    before = page.inner_text("#cut-words")
    page.focus("#cut")
    for _ in range(5):
        page.keyboard.press("ArrowLeft")
    assert page.inner_text("#cut-words") != before
    assert "in force" not in page.inner_text("#cut-value")
    assert page.locator("#reliability circle").count() > 3
    assert page.locator("#traffic .fill-cloud").count() > 20
    for name, scheme, width in (
        ("light", "light", 1280),
        ("dark", "dark", 1280),
        ("phone", "light", 390),
    ):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 900})
        tab.pictured(f"full-{name}")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert faults(tab) == []
    page.click("#span >> text=Week")
    page.wait_for_selector("#tiles >> text=in the last week")
    assert tab.complaints == []


def test_an_empty_log_is_a_page_too(run: Run, open_page: Open) -> None:
    tab = open_page(run())
    tab.ready()
    tab.page.wait_for_selector("#curve >> text=once the model has decided")
    tab.pictured("empty")
    assert faults(tab) == []
    assert tab.complaints == []


def test_it_is_painted_before_any_number_is_asked_for(run: Run, open_page: Open) -> None:
    tab = open_page(run())
    tab.ready()
    marks: Any = json.loads(
        tab.page.evaluate(
            "JSON.stringify({paint: performance.getEntriesByName('first-contentful-paint')[0]"
            ".startTime, asked: performance.getEntriesByType('resource')"
            ".filter((r) => r.name.includes('/page/numbers'))[0].responseEnd})"
        )
    )
    assert marks["paint"] < marks["asked"]
