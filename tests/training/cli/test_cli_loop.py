"""The commands of the loop as a user types them, in a folder of his own."""

import json
from pathlib import Path

import pytest

from router.cli.loop import seconds
from router.decide.router import Router
from router.errors import InputError
from router.labelling.probes import load_probes
from router.registry import artifact as artifacts
from router.registry.artifact import Artifact
from router.registry.registry import Registry
from tests.commands import command
from tests.servers import upstream
from tests.servers.upstream import Connection, Got, Upstream
from tests.training import logs

pytestmark = pytest.mark.servers

SOLUTIONS = {p.prompt: p.solution for p in load_probes()}


class Shell:
    """A folder with settings, models and a log; commands run in it."""

    def __init__(self, folder: Path, shipped: Artifact, **settings: object) -> None:
        self.folder, self.models = folder, folder / "models"
        artifacts.save(shipped, self.models)
        Registry(self.models).promote(shipped.version)
        self.log = f"sqlite:///{folder / 'outcomes.db'}"
        given = {"models_dir": str(self.models), "log_url": self.log, **settings}
        lines = [f"{k} = {json.dumps(v)}" for k, v in given.items()]
        (folder / "router.toml").write_text("\n".join(lines) + "\n")

    def good(self, *words: str) -> str:
        code, out, err = command("router", *words, cwd=self.folder)
        assert code == 0, err
        return out

    def bad(self, *words: str) -> str:
        code, _, err = command("router", *words, cwd=self.folder)
        assert code != 0 and "Traceback" not in err
        return err


async def half_right(connection: Connection, got: Got) -> None:
    """Solves every second probe of a list; elsewhere says the same as ever."""
    if got.path == "/v1/models":
        return await connection.json({"data": [{"id": "small", "object": "model"}]})
    if got.path != "/v1/chat/completions":
        return await connection.json({"error": "not found"}, 404)
    prompt = got.body["messages"][-1]["content"]
    right = len(prompt) % 2 == 0 and prompt in SOLUTIONS
    return await connection.json(upstream.said(SOLUTIONS[prompt] if right else "Perhaps."))


@pytest.fixture
def home(tmp_path: Path, shipped: Artifact, local: Upstream) -> Shell:
    local.script = half_right
    return Shell(tmp_path, shipped, local_url=local.url, local_model="small")


def test_probe_measures_binds_and_resumes(home: Shell, local: Upstream) -> None:
    said = home.good("probe", "--kinds", "dates", "--kinds", "logic")
    wanted = [p for p in load_probes() if p.kind in ("dates", "logic")]
    passed = sum(len(p.prompt) % 2 == 0 for p in wanted)
    assert f"small passes {passed / len(wanted):.0%} of {len(wanted)} probes" in said
    version = artifacts.load(artifacts.resolve(home.models))
    assert version.manifest["measured"]["small"]["digest"] == "name:small"
    assert version.manifest["models"]["local"]["small"] < 0
    asked = len(local.asked)
    home.good("probe", "--kinds", "dates", "--kinds", "logic")
    assert len(local.asked) == asked  # all were answered before
    assert "of 20 probes" in home.good("probe", "--count", "20", "--kinds", "dates")
    listed = home.good("models")
    assert "current" in listed and "previous" in listed


def test_without_a_sandbox_probes_that_run_code_are_left_out_and_it_is_said(
    home: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("router.labelling.probes.sandbox.missing", lambda: "There is none.")
    asked = ("probe", "--kinds", "code", "--kinds", "dates")
    code, out, err = command("router", *asked, cwd=home.folder)
    assert (code, err.strip()) == (0, "44 probes that run code are left out. There is none.")
    assert "of 35 probes" in out
    assert "There is none." in home.bad("probe", "--kinds", "code")


def test_a_real_small_model_is_measured(tmp_path: Path, shipped: Artifact, llama: str) -> None:
    home = Shell(tmp_path, shipped, local_url=llama)
    said = home.good("probe", "--kinds", "not_inventing", "--count", "20")
    assert "probes. Its ability moves from" in said
    measured = artifacts.load(artifacts.resolve(home.models)).manifest["measured"]
    (found,) = measured.values()
    assert found["probes"] == 20 and 0 <= found["passed"] < 0.8


def test_study_then_learn_then_back(home: Shell, router: Router, local: Upstream) -> None:
    texts = logs.prompts(120)
    engine = logs.log(home.folder, router, texts, logs.contrary, studied=True)
    engine.dispose()
    assert "0 second opinions" in home.good("study", "--budget", "60s")
    said = home.good("learn", "--now", "--json", "lesson.json")
    assert "second local opinions, free" in said and "Brier score" in said
    lesson = json.loads((home.folder / "lesson.json").read_text())
    assert lesson["labels"]["agreement"] == 120
    assert ("promoted" in said) == (lesson["status"] == "promoted")
    assert (home.folder / "mlflow.db").exists()
    if lesson["status"] == "promoted":
        assert "default-2" in home.good("models", "rollback")
        assert "by hand" in home.good("models")
    assert "nothing to tidy up" in home.good("models", "tidy")


def test_what_cannot_be_done_is_said_in_a_sentence(home: Shell) -> None:
    assert "holds no request that can be learned from" in home.bad("learn")
    assert "records no earlier promotion" in home.bad("models", "rollback")
    assert "is no duration; write 90s, 30m or 2h" in home.bad("study", "--budget", "soon")
    assert "no probe of that kind" in home.bad("probe", "--kinds", "juggling")
    assert "has no model huge; it has small" in home.bad("probe", "--model", "huge")
    assert "nowhere holds no dump" in home.bad("log", "load", "nowhere")


def test_judging_without_anything_to_judge_says_so(home: Shell) -> None:
    assert "Nothing was judged" in home.good("judge", "--yes")


def test_a_log_moves_as_text(home: Shell, router: Router, tmp_path: Path) -> None:
    logs.log(home.folder, router, logs.prompts(30), logs.contrary, studied=True).dispose()
    assert "30 requests in" in home.good("log", "dump", "backup")
    (home.folder / "outcomes.db").unlink()
    assert "30 requests loaded" in home.good("log", "load", "backup")
    assert "holds requests already" in home.bad("log", "load", "backup")
    home.good("log", "dump", "again")
    for path in (home.folder / "backup").iterdir():
        assert path.read_text() == (home.folder / "again" / path.name).read_text()
    (home.folder / "backup" / "decisions.jsonl").write_text('{"prompt": 1}\n')
    (home.folder / "outcomes.db").unlink()
    assert "is no dump of the table decisions" in home.bad("log", "load", "backup")


@pytest.mark.parametrize("text", ["", "2", "h", "2 days", "-1h"])
def test_durations_are_checked(text: str) -> None:
    with pytest.raises(InputError, match="is no duration"):
        seconds(text)
