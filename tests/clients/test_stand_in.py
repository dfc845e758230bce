"""Every real client before a cloud that somebody else wrote: llmock.

It refuses system turns inside `messages`, which Claude takes and Claude Code sends; that is the
stand-in's fault, and Claude Code then asks again without them. To whom offers tools it may make up
a call, and the client then asks again with what came of it.
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
    *earlier, answered = gateway.rows()
    assert (answered["tier"], answered["status"]) == ("cloud", 200)
    for row in earlier:
        refused = (row["status"], row["error"]) == (422, "backend_rejected")
        assert (refused and client == CLAUDE_CODE) or (row["status"], row["error"]) == (200, None)
