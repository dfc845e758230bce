"""Both command lines as a user runs them; in this process, where a process proves no more."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands import command
from tests.conftest import ROOT
from training.data.dataset import Dataset
from training.data.readers import read


def process(*arguments: str, cwd: Path = ROOT, stdin: str | None = None) -> tuple[int, str, str]:
    """The same of `python -m`."""
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        input=stdin,
        timeout=300,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "160"},
    )
    return done.returncode, done.stdout, done.stderr


def test_predict_json(tmp_path: Path) -> None:
    code, out, _ = command("router", "predict", "Say hello.", "--json", cwd=tmp_path)
    assert code == 0
    assert json.loads(out)["tier"] == "local"


@pytest.mark.servers
def test_predict_reads_standard_input(tmp_path: Path) -> None:
    code, out, _ = process("router", "predict", "-", cwd=tmp_path, stdin="Prove Zorn's lemma.")
    assert code == 0
    assert out.startswith("cloud")


def test_explain(tmp_path: Path) -> None:
    code, out, _ = command("router", "explain", "Prove Zorn's lemma.", "--local-model", "x:3b")
    assert code == 0
    assert "the word 'prove'" in out
    assert "Note: The local model x:3b has no outcomes yet" in out


def test_after(tmp_path: Path) -> None:
    asked = ("router", "after", "How many days do seven weeks have?", "It is 49.")
    code, out, _ = command(*asked, "--other", "56 days", cwd=tmp_path)
    assert code == 0
    assert "answers otherwise" in out and "agreement: equal" in out
    code, out, _ = command(*asked, "--other", "49", "--json", cwd=tmp_path)
    assert code == 0
    assert json.loads(out)["decision"]["act"] == "local"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("router", "predict", "  "), "empty"),
        (("router", "predict", "hi", "--model", "/nowhere/x"), "is not there"),
        (("router", "predict", "hi", "--threshold", "7"), "between -1 and 1"),
        (("router", "predict", "hi", "--cloud-model", "nope"), "No price"),
        (("training", "fit", "--data", "/nowhere", "--base", "none", "--out", "/tmp/x"), "exist"),
        (("training", "fit", "--data", "x", "--base", "/nowhere", "--out", "/tmp/x"), "no model"),
        (("training", "evaluate", "--data", "data/everyday", "--model", "data"), "manifest.json"),
    ],
)
def test_failures_are_one_sentence(arguments: tuple[str, ...], says: str) -> None:
    code, _, err = command(*arguments)
    assert code == 1
    assert err.startswith("Error: ")
    assert says in err
    assert "Traceback" not in err
    assert err.strip().count("\n") == 0


@pytest.mark.servers
def test_a_failing_process_says_it_in_one_sentence_too(tmp_path: Path) -> None:
    arguments = ("evaluate", "--data", str(tmp_path), "--model", "nowhere")
    code, out, err = process("training", *arguments, cwd=tmp_path)
    assert (code, out) == (1, "")
    assert err.startswith("Error: ") and err.strip().count("\n") == 0


@pytest.mark.parametrize(
    "words",
    [("router", c) for c in ("predict", "explain")]
    + [
        ("training", c) for c in ("fit", "evaluate", "bench", "promote", "encoder", "speed", "demo")
    ],
)
def test_help_has_an_example(words: tuple[str, str]) -> None:
    code, out, _ = command(*words, "--help")
    assert code == 0
    assert "Example:" in out


@pytest.mark.slow
def test_fit_evaluate_promote_and_rollback(tmp_path: Path, small: Dataset) -> None:
    data, models = tmp_path / "data.parquet", tmp_path / "models"
    some = small.rows["prompt_id"].isin(small.prompts["prompt_id"].head(150))
    small.rows[some].drop(columns="created_at").to_parquet(data)
    base = str(ROOT / "models" / "current")
    for name in ("first", "second"):
        code, out, err = command(
            "training",
            "fit",
            "--data",
            str(data),
            "--base",
            base,
            "--out",
            str(models),
            "--name",
            name,
            "--json",
            str(tmp_path / f"{name}.json"),
            cwd=tmp_path,
        )
        assert code == 0, err
        assert "Mean grade against cost" in out
    manifest = json.loads((tmp_path / "first.json").read_text())
    assert manifest["data"]["sha256"] == read(data).digest
    code, _, err = command(
        "training",
        "fit",
        "--data",
        str(data),
        "--base",
        base,
        "--out",
        str(models),
        "--name",
        "first",
        "--no-track",
        cwd=tmp_path,
    )
    assert code == 1
    assert "exists" in err

    report = tmp_path / "report.json"
    code, _, err = command(
        "training",
        "evaluate",
        "--model",
        str(models / "first"),
        "--data",
        str(data),
        "--json",
        str(report),
        cwd=tmp_path,
    )
    assert code == 0, err
    assert 0 <= json.loads(report.read_text())["overall"]["apgr"]["value"] <= 2

    (models / "current").write_text("first\n")
    promote = ("training", "promote", "--models", str(models))
    code, _, err = command(*promote, "--data", str(data), cwd=tmp_path)
    assert code == 1
    assert "rows are new to both models" in err
    everyday = str(ROOT / "data" / "everyday")
    code, out, err = command(*promote, "--data", everyday, cwd=tmp_path)
    assert code == 0, err
    assert "second is now current and champion" in out.replace("\n", " ")
    assert (models / "current").read_text() == "second\n"
    code, out, err = command(*promote, "--rollback", cwd=tmp_path)
    assert code == 0, err
    assert (models / "current").read_text() == "first\n"


@pytest.mark.slow
def test_skip_bad_counts(tmp_path: Path, small: Dataset) -> None:
    rows = small.rows.drop(columns="created_at").copy()
    rows.loc[3, "score"] = 7.0
    data = tmp_path / "data.csv"
    rows.to_csv(data, index=False)
    base = str(ROOT / "models" / "current")
    arguments = ("training", "fit", "--data", str(data), "--base", base, "--no-track")
    code, _, err = command(*arguments, "--out", str(tmp_path / "m"), cwd=tmp_path)
    assert code == 1
    assert "row 4, column score" in err
    code, out, err = command(*arguments, "--out", str(tmp_path / "m"), "--skip-bad", cwd=tmp_path)
    assert code == 0, err
    assert "Left out 1 row: score must be a number from 0 to 1." in out


def test_the_version_and_the_completion_are_there(tmp_path: Path) -> None:
    code, out, _ = command("router", "--version", cwd=tmp_path)
    assert code == 0 and out.startswith("hybrid-router ")
    code, out, _ = command("router", "--help", cwd=tmp_path)
    assert code == 0 and "--install-completion" in out


@pytest.mark.servers
def test_what_training_brings_is_found_without_loading_it(tmp_path: Path) -> None:
    code = (
        "import sys; sys.argv = ['router', '--help']\n"
        "from router.cli.main import app, main\n"
        "print(sorted(c.name or c.callback.__name__ for c in app.registered_commands))\n"
        "print([m for m in ('pandas', 'mlflow', 'sklearn', 'torch') if m in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    names, heavy = done.stdout.splitlines()
    assert "learn" in names and "what-if" in names
    assert heavy == "[]"
