"""Every real client before a cloud that somebody else wrote: llmock.

It refuses system turns inside `messages`, which Claude takes and Claude Code sends; that is the
stand-in's fault, and Claude Code then asks again without them.
"""

from pathlib import Path

import pytest

from tests.clients.clients import CLAUDE_CODE, CLIENTS, Client
from tests.clients.clients import run as drive
from tests.servers.fixtures import Run


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_it_is_answered_by_llmock(run: Run, llmock: str, tmp_path: Path, client: Client) -> None:
    gateway = run(cloud_url=f"{llmock}/anthropic")
    told = drive(client, gateway.url, "cloud", "text", tmp_path / "home")
    assert told.text, told.error
    *refused, answered = gateway.rows()
    assert (answered["tier"], answered["status"]) == ("cloud", 200)
    for row in refused:
        assert client == CLAUDE_CODE
        assert (row["status"], row["error"]) in ((422, "backend_rejected"), (200, None))
