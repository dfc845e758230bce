"""Keys, hosts, web pages, and settings that change under way."""

import os
import re
from pathlib import Path

import pytest

from router.app import Service
from router.errors import ConfigError
from router.gateway.auth import hash_of
from router.gateway.listening import bound
from router.settings import load_settings
from tests import ROOT
from tests.servers import upstream
from tests.servers.fixtures import Run
from tests.servers.running import EASY, HARD, until


@pytest.mark.parametrize("header", [{"x-api-key": "rk-1"}, {"authorization": "Bearer rk-1"}])
def test_a_known_key_opens_by_either_header(run: Run, header: dict[str, str]) -> None:
    gateway = run(api_keys={"laptop": hash_of("rk-1")})
    assert gateway.chat(EASY, headers=header).status_code == 200
    assert gateway.rows()[0]["key"] == "laptop"
    assert gateway.client.get("/v1/models", headers=header).status_code == 200


@pytest.mark.parametrize("header", [{}, {"x-api-key": "no"}, {"authorization": "Basic rk-1"}])
def test_anything_else_is_a_401_in_the_apis_shape(run: Run, header: dict[str, str]) -> None:
    gateway = run(api_keys={"laptop": hash_of("rk-1")})
    answer = gateway.chat(EASY, headers=header)
    assert answer.status_code == 401
    assert answer.json()["error"]["type"] == "authentication_error"
    assert gateway.messages(EASY, headers=header).json()["type"] == "error"
    for path in ("/v1/models", "/metrics"):
        assert gateway.client.get(path, headers=header).status_code == 401
    assert gateway.rows() == []


def test_caps_of_one_key(run: Run) -> None:
    keys = {"a": hash_of("rk-a"), "b": hash_of("rk-b")}
    gateway = run(api_keys=keys, budget_key_day_usd=0.0)
    for key in ("rk-a", "rk-b"):
        answer = gateway.chat(HARD, headers={"x-api-key": key})
        assert answer.headers["x-router-rule"] == "budget"


@pytest.mark.parametrize(
    "headers", [{"host": "evil.example"}, {"origin": "https://evil.example"}, {"origin": "null"}]
)
def test_no_web_page_can_use_an_open_gateway(run: Run, headers: dict[str, str]) -> None:
    gateway = run()
    assert gateway.chat(EASY, headers=headers).status_code == 403
    assert gateway.chat(EASY, headers={"origin": "http://localhost:3000"}).status_code == 200


@pytest.mark.parametrize("origin", ["app://obsidian.md", "http://localhost:3000"])
def test_pages_of_this_machine_may_read_answers(run: Run, origin: str) -> None:
    client = run().client
    wanted = {"access-control-request-method": "POST", "access-control-request-headers": "x-a"}
    allowed = client.options("/api/chat", headers={"origin": origin, **wanted})
    assert allowed.status_code == 204
    assert allowed.headers["access-control-allow-headers"] == "x-a"
    body = {"model": "local", "messages": [{"role": "user", "content": EASY}]}
    answer = client.post("/api/chat", json=body, headers={"origin": origin})
    for one in (allowed, answer):
        assert one.headers["access-control-allow-origin"] == origin
    assert answer.status_code == 200


def test_pages_of_the_web_may_not(run: Run) -> None:
    client = run().client
    wanted = {"access-control-request-method": "POST", "origin": "https://obsidian.md"}
    assert "access-control-allow-origin" not in client.options("/api/chat", headers=wanted).headers
    told = client.get("/api/tags", headers={"origin": "https://obsidian.md"})
    assert told.status_code == 403
    assert told.json().keys() == {"error"}


def test_another_address_needs_keys_and_keys_need_hashes() -> None:
    with pytest.raises(ConfigError, match="router key"):
        load_settings(host="0.0.0.0")
    with pytest.raises(ConfigError, match="router key laptop"):
        load_settings(api_keys={"laptop": "rk-1"})
    assert load_settings(host="0.0.0.0", api_keys={"a": hash_of("x")}).host == "0.0.0.0"


def test_no_key_goes_to_a_cloud_that_it_is_not_meant_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-1")
    with pytest.raises(ConfigError, match="set ROUTER_CLOUD_API_KEY"):
        load_settings(cloud_api="openai")
    monkeypatch.setenv("ROUTER_CLOUD_API_KEY", "sk-other")
    key = load_settings(cloud_api="openai").cloud_api_key
    assert key is not None
    assert key.get_secret_value() == "sk-other"


def test_a_port_that_is_taken_is_a_sentence(run: Run) -> None:
    port = int(run().url.rsplit(":", 1)[1])
    with pytest.raises(ConfigError, match=f"127.0.0.1:{port} cannot be used"):
        bound("127.0.0.1", port)


def test_a_changed_file_is_taken_and_a_wrong_one_is_not(
    tmp_path: Path,
    local: upstream.Upstream,
    cloud: upstream.Upstream,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    import asyncio

    monkeypatch.chdir(tmp_path)
    base = (
        f'local_url = "{local.url}"\ncloud_url = "{cloud.url}"\n'
        f'log_url = "sqlite:///{tmp_path}/o.db"\n'
    )
    file = tmp_path / "router.toml"

    def write(more: str, age: int) -> None:
        file.write_text(base + more)
        os.utime(file, (age, age))  # another time, whatever the clock's grain

    async def main() -> list[str]:
        versions = []

        write("", 1_000_000_000)
        async with Service(load_settings()) as service:
            versions.append(service.policy.version)
            write("threshold = 0.9\n", 1_000_000_001)
            await asyncio.to_thread(until, lambda: service.policy.version != versions[0])
            versions.append(service.policy.version)
            write("threshold = = 1\n", 1_000_000_002)
            await asyncio.to_thread(until, lambda: "were not taken" in caplog.text)
            versions.append(service.policy.version)
            assert service.policy.settings.threshold == 0.9
        return versions

    first, second, third = asyncio.run(main())
    assert first != second == third
    assert "were not taken" in caplog.text


def test_the_example_names_every_setting_and_is_valid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tomllib

    from router.settings import Settings

    text = (ROOT / "router" / "router.example.toml").read_text()
    settings = re.compile(r"^#(?=\[|[a-z_]+ = )", re.MULTILINE)
    uncommented = settings.sub("", text)
    given = tomllib.loads(uncommented)
    assert set(given) == set(Settings.model_fields)
    # Only one of five may be set, and only one champion is followed.
    rules = ("cloud_share", "quality_share", "quality_floor", "value_usd", "models_url")
    for name in rules:
        del given[name]
    (tmp_path / "router.toml").write_text(text)
    monkeypatch.chdir(tmp_path)
    assert load_settings() == Settings()
    assert load_settings(**given).operating_point() is not None
