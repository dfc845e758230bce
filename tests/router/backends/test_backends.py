"""What local servers tell of themselves, and what the doctor makes of it."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from router.backends.discovery import LocalServer, discover
from router.backends.http import Http
from router.gateway.doctor import examine
from tests.servers import upstream
from tests.servers.fixtures import Run, free_port
from tests.servers.ollama import PS, TAGS, Ollama
from tests.servers.running import EASY
from tests.servers.upstream import Connection, Got


def found(url: str) -> LocalServer:
    async def main() -> LocalServer:
        http = Http()
        try:
            return await discover(http, url)
        finally:
            await http.close()

    return asyncio.run(main())


def test_models_of_ollamas_own_cloud_are_not_local(
    local: upstream.Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = {"name": "gpt-oss:120b-cloud", "remote_host": "https://ollama.com:443", "digest": "1"}
    monkeypatch.setitem(TAGS, "models", [*TAGS["models"], away])
    local.script = Ollama()
    server = found(local.url)
    assert server.find("gpt-oss:120b-cloud") is None
    assert server.find("llama3.1:8b") is not None


def test_ollama_tells_the_truth_about_its_windows(local: upstream.Upstream) -> None:
    local.script = Ollama()
    server = found(local.url)
    assert server.kind == "ollama"
    known = {
        n: (m.context, m.tools, m.images, m.embeds, m.loaded) for n, m in server.models.items()
    }
    assert known == {
        "llama3.1:8b": (8192, True, False, False, True),  # as it runs
        "qwen3:4b": (16384, True, False, False, False),  # as its Modelfile says
        "llava:7b": (2048, False, True, False, False),  # the default is more than it knows
        "nomic-embed-text:latest": (2048, False, False, True, False),
    }
    assert server.models["llama3.1:8b"].digest == "46e0c10c039e"
    assert server.find("nomic-embed-text") is not None


def test_vllm_and_lm_studio(local: upstream.Upstream) -> None:
    async def vllm(connection: Connection, got: Got) -> None:
        if got.path == "/v1/models":
            await connection.json({"data": [{"id": "qwen", "max_model_len": 32768}]})
        else:
            await connection.json({"detail": "Not Found"}, 404)

    async def studio(connection: Connection, got: Got) -> None:
        entry = {
            "id": "gemma",
            "type": "vlm",
            "state": "loaded",
            "max_context_length": 131072,
            "loaded_context_length": 4096,
            "capabilities": ["tool_use"],
        }
        if got.path in ("/v1/models", "/api/v0/models"):
            await connection.json({"data": [entry]})
        else:
            await connection.json({"error": f"Unexpected endpoint {got.path}"}, 404)

    local.script = vllm
    server = found(local.url)
    assert (server.kind, server.models["qwen"].context) == ("vllm", 32768)
    local.script = studio
    server = found(local.url)
    model = server.models["gemma"]
    assert (server.kind, model.context, model.images, model.tools) == ("lmstudio", 4096, True, True)


def test_a_server_that_is_not_there_is_no_error() -> None:
    server = found(f"http://127.0.0.1:{free_port()}")
    assert server.kind == "none"
    assert server.problem


def test_a_cold_load_does_not_trip_the_breaker(run: Run, local: upstream.Upstream) -> None:
    ollama = local.script = Ollama()
    ollama.loaded, ollama.pause_s = {"models": []}, 2.0
    limits = {"retries": 0, "failures": 1, "first_token_s": 0.3, "whole_s": 0.3}
    gateway = run(local_limits=limits, failover=False)
    for _ in range(2):
        assert gateway.chat(EASY, model="local").status_code == 504
        assert gateway.chat(EASY, model="local", stream=True).status_code == 504
    assert not gateway.service.breakers["local"].open
    ollama.loaded = PS
    assert gateway.chat(EASY, model="local").status_code == 504
    assert gateway.service.breakers["local"].open


def test_the_doctor_names_the_fix(
    local: upstream.Upstream, cloud: upstream.Upstream, tmp_path: Path
) -> None:
    from router.settings import load_settings

    def fixes(**settings: Any) -> dict[str, str]:
        settings = {"log_url": f"sqlite:///{tmp_path}/o.db", **settings}
        checks = asyncio.run(examine(load_settings(**settings)))
        return {c.part: c.fix for c in checks if not c.good}

    gone = f"http://127.0.0.1:{free_port()}"
    assert "start it" in fixes(local_url=gone, cloud_url=cloud.url)["local server"]
    assert "ANTHROPIC_API_KEY" in fixes(local_url=gone)["cloud"]
    local.script = Ollama()
    known = {"local_url": local.url, "cloud_url": cloud.url, "cloud_api_key": "k"}
    assert fixes(**known) == {
        "context window": "OLLAMA_CONTEXT_LENGTH=16384 ollama serve   (it serves 4096)"
    }
    assert '"acme/x" = "claude-sonnet-5-5"' in fixes(**known, cloud_model="acme/x")["prices"]
    missing = fixes(**known, local_model="mistral:7b")
    assert missing["local model"] == "ollama pull mistral:7b"
    second = fixes(**known, cascade="second_opinion", second_model="phi4")
    assert second["second model"] == "ollama pull phi4"

    async def refuse(connection: Connection, got: Got) -> None:
        error = {"type": "authentication_error", "message": "invalid x-api-key"}
        await connection.json({"type": "error", "error": error}, 401)

    cloud.script = refuse
    assert "new key" in fixes(**known)["cloud"]
