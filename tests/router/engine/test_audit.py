"""The audit: drawn by lot, asked for, and labelled first."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select
from typer.testing import CliRunner

from router.cli.main import app
from router.decide.router import Router
from router.labelling import logged
from router.outcomes import queries
from router.outcomes.tables import decisions, feedback
from tests.servers.fixtures import Run
from tests.servers.running import EASY, until
from tests.training import logs


def test_what_is_drawn_is_logged_with_its_chance_and_asks_for_a_rating(run: Run) -> None:
    gateway = run(audit=1.0)
    said = gateway.chat(EASY)
    assert said.headers["x-router-audit"] == "1"
    (row,) = until(gateway.rows)
    assert row["audited"] and row["audit"] == 1.0


def test_without_an_audit_nothing_is_drawn(run: Run) -> None:
    gateway = run(audit=0.0)
    assert "x-router-audit" not in gateway.chat(EASY).headers
    (row,) = until(gateway.rows)
    assert not row["audited"] and row["audit"] is None


PRIVATE = "Draft a reply to jane.doe@example.org about the garden party."


@pytest.mark.parametrize(("learning", "chance"), [("off", None), ("features", 1.0)])
def test_private_requests_are_drawn_only_where_features_may_be_kept(
    learning: str, chance: float | None, run: Run
) -> None:
    gateway = run(audit=1.0, private_learning=learning)
    assert "x-router-audit" not in gateway.chat(PRIVATE).headers
    (row,) = until(gateway.rows)
    assert row["audit"] == chance and row["request"] is None


@pytest.fixture
def drawn(tmp_path: Path, router: Router) -> Any:
    """Three requests, the last of them audited."""
    engine = logs.log(tmp_path, router, logs.prompts(2), logs.contrary, rated=False)
    row = logs.decision(router, 2, "Say hello.", audited=True, audit=0.02)
    with engine.begin() as connection:
        connection.execute(insert(decisions), [row])
    return engine


def test_audited_requests_are_studied_first(drawn: Any, router: Router) -> None:
    waiting = logged.waiting(drawn, router, ())
    found = queries.with_words(drawn, waiting.first)
    assert [one.audited for one in found] == [True, False, False] and waiting.count == 3


def test_the_terminal_asks_for_ratings_of_the_audit(
    drawn: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROUTER_LOG_URL", f"sqlite:///{tmp_path / 'outcomes.db'}")
    said = CliRunner().invoke(app, ["rate"], input="y\n")
    assert said.exit_code == 0 and "Say hello." in said.output
    assert "1 rated, 0 of the audit are left" in said.output
    with drawn.connect() as connection:
        (row,) = connection.execute(select(feedback)).mappings().all()
    assert (row["decision_id"], row["score"], row["tier"]) == ("d00002", 1.0, "local")
    assert queries.left_to_rate(drawn) == 0
