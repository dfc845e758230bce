"""Every real client before a cloud that somebody else wrote: llmock."""

from pathlib import Path

import pytest

from tests.clients.clients import CLIENTS, Client
from tests.clients.clients import run as drive
from tests.servers.fixtures import Run


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_it_is_answered_by_llmock(run: Run, llmock: str, tmp_path: Path, client: Client) -> None:
    gateway = run(cloud_url=f"{llmock}/anthropic")
    told = drive(client, gateway.url, "cloud", "text", tmp_path / "home")
    assert told.text, told.error
    assert gateway.rows()[0]["tier"] == "cloud"
