"""Ollama's own client before a local Ollama, and before llama.cpp with a real model."""

import json
import subprocess
from pathlib import Path

import pytest

from router.gateway.embedded import NAME
from tests.clients import clients
from tests.clients.clients import CLIENTS, PROGRAMS, PYTHON, Client
from tests.servers import ollama, upstream
from tests.servers.fixtures import Run

OLLAMAS = [client for client in CLIENTS if "ollama" in client.name]


def test_models_are_managed_through_the_gateway(run: Run, local: upstream.Upstream) -> None:
    clients.needed(PYTHON)
    local.script = ollama.Ollama()
    command = [str(PYTHON), str(PROGRAMS / "ollama_models.py"), run().url, "qwen3:4b"]
    told = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    names = [m["name"] for m in ollama.TAGS["models"]]
    assert told == {
        "listed": ["auto:latest", "claude-sonnet-5-5:latest", *names],
        "shown": ["completion", "tools", "thinking"],
        "loaded": [m["model"] for m in ollama.PS["models"]],
        "vectors": [[0.6, 0.8], [0.6, 0.8]],
        "vector": [0.6, 0.8],
        "pulled": ["pulling manifest", "pulling a", "success"],
        "copied": "success",
        "deleted": "success",
        "created": "success",
        "freed": "unload",
        "missing": [404, "model 'none' not found"],
    }


@pytest.mark.parametrize("client", OLLAMAS, ids=lambda client: client.name)
@pytest.mark.parametrize("what", ["text", "stream"])
def test_what_stays_with_ollama_comes_as_it_says_it(
    run: Run, local: upstream.Upstream, tmp_path: Path, client: Client, what: str
) -> None:
    local.script = ollama.Ollama()
    gateway = run(local_model="qwen3:4b")
    told = clients.run(client, gateway.url, "local", what, tmp_path / "home")
    assert told.text == "Hello there."
    assert all(got.path.startswith("/api/") for got in local.asked)


@pytest.mark.parametrize("client", OLLAMAS, ids=lambda client: client.name)
def test_a_real_model_of_llama_cpp_answers(
    run: Run, llama: str, tmp_path: Path, client: Client
) -> None:
    gateway = run(local_url=llama)
    assert clients.run(client, gateway.url, NAME, "text", tmp_path / "home").text
    assert clients.run(client, gateway.url, "local", "stream", tmp_path / "home").pieces > 1
