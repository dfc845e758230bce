"""The files of the first minute."""

import asyncio
import plistlib
import shlex
import stat
import subprocess
import tomllib
from functools import partial
from pathlib import Path

import pytest

from router.backends.discovery import LocalModel, LocalServer
from router.errors import ConfigError, InputError
from router.settings import load_settings
from router.setup.key_file import checked, keep
from router.setup.local import choices, looked, words
from router.setup.service import service_for
from router.setup.settings_file import commented
from tests.servers import upstream
from tests.servers.fixtures import free_port
from tests.servers.ollama import Ollama

KNOWN = {"small-1b": -1.0, "large-9b": 1.0, "xlam-1b-fc-r": 9.0}


def test_the_settings_file_sets_what_was_answered_and_is_taken_as_it_is() -> None:
    answers = {"local_model": 'a "b" \\ c', "budget_month_usd": 2.5, "auto_models": ["claude-*"]}
    text = commented(answers)
    assert tomllib.loads(text) == answers
    assert load_settings(**tomllib.loads(text)).budget_month_usd == 2.5
    assert text.count("#cloud_model = ") == 1  # the others stand there to be read
    with pytest.raises(ConfigError, match="no setting colour"):
        commented({"colour": "red"})


def test_the_key_s_file_is_its_owner_s_alone_even_where_one_was_open_to_all(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "env"
    path.parent.mkdir()
    path.write_text("ANTHROPIC_API_KEY=old\n")
    path.chmod(0o644)
    keep(" sk-new-key\n", path)
    assert path.read_text() == "ANTHROPIC_API_KEY=sk-new-key\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [p.name for p in path.parent.iterdir()] == ["env"]
    with pytest.raises(ConfigError, match="could not be written"):
        keep("sk-new-key", path / "below")


@pytest.mark.parametrize(
    "key", ["", "short", "two words here", "sk-$(reboot)", "sk-a'; b", "é" * 9]
)
def test_what_a_shell_could_read_otherwise_is_no_key(key: str) -> None:
    with pytest.raises(InputError) as said:
        checked(key)
    assert not key or key not in str(said.value)


def test_the_ablest_model_comes_first_and_what_was_made_for_tools_does_not_count() -> None:
    models = {name: LocalModel(name=name) for name in ("small:1b", "large:9b", "bge")}
    models["bge"] = LocalModel(name="bge", embeds=True)
    servers = {"http://a": LocalServer("ollama", models)}
    found = choices(servers, KNOWN, "small-1b")
    assert [one.model.name for one in found] == ["large:9b", "small:1b"]
    assert words(found[0], KNOWN).startswith("abler than 1 of 2 known models, as measured; window")


def test_all_servers_that_answer_are_found_and_what_is_silent_or_foreign_is_not(
    local: upstream.Upstream, cloud: upstream.Upstream
) -> None:
    async def foreign(connection: upstream.Connection, got: upstream.Got) -> None:
        await connection.raw(b"<html>my printer</html>", 200, "text/html")

    silent = f"http://127.0.0.1:{free_port()}"
    cloud.script = foreign
    with upstream.Upstream(Ollama()) as ollama:
        urls = (silent, cloud.url, local.url, ollama.url)
        found = asyncio.run(looked(urls))
    assert {url: one.kind for url, one in found.items()} == {
        local.url: "openai",
        ollama.url: "ollama",
    }


def test_systemd_reads_paths_with_blanks_and_percent_signs_as_they_are() -> None:
    made = service_for(
        "linux",
        ["/opt/my py/python", "-m", "router"],
        Path("/home/a b/50%"),
        Path("/k"),
        Path("/h"),
        1,
    )
    assert made is not None
    assert "WorkingDirectory=/home/a b/50%%\n" in made.text
    assert 'ExecStart="/opt/my py/python" "-m" "router"\n' in made.text
    assert "EnvironmentFile=-/k\n" in made.text
    assert made.enable[-1] == ("systemctl", "--user", "enable", "--now", "hybrid-router")


def test_launchd_gets_a_list_that_it_can_read_and_the_key_by_the_shell(tmp_path: Path) -> None:
    key = tmp_path / "k ey"
    made = service_for("darwin", ["printenv", "ANTHROPIC_API_KEY"], tmp_path, key, Path("/h"), 501)
    assert made is not None
    agent = plistlib.loads(made.text.encode())
    assert agent["WorkingDirectory"] == str(tmp_path)
    assert shlex.quote(str(key)) in agent["ProgramArguments"][2]
    run = partial(subprocess.run, agent["ProgramArguments"], capture_output=True, text=True)
    assert run().returncode == 1  # no key: it serves all the same, here it prints nothing
    keep("sk-ant-of-nobody", key)
    assert run().stdout == "sk-ant-of-nobody\n"
    assert made.enable == (("launchctl", "bootstrap", "gui/501", str(made.path)),)
    assert service_for("win32", [], tmp_path, key, Path("/h"), 0) is None
