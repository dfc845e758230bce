"""What the environment says of the way to the cloud, and what it must not say."""

from pathlib import Path

import pytest

from tests.servers import upstream
from tests.servers.fixtures import Run
from tests.servers.running import HARD


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def test_a_password_of_the_netrc_goes_nowhere_and_is_in_nobodys_way(
    run: Run, cloud: upstream.Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("default login ann password hunter2\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    answer = run().chat(HARD)
    assert answer.headers["x-router-tier"] == "cloud"
    assert cloud.asked[0].headers["authorization"].startswith("Bearer ")


def test_the_cloud_is_asked_through_the_proxy_of_the_environment(
    run: Run, cloud: upstream.Upstream, local: upstream.Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = run(cloud_url="http://cloud.example")  # whose client must not see it
    monkeypatch.setenv("http_proxy", cloud.url)
    assert gateway.chat(HARD).headers["x-router-tier"] == "cloud"
    assert cloud.asked[0].path == "http://cloud.example/v1/messages"
    assert all(got.path.startswith("/") for got in local.got)


def test_no_proxy_is_asked_for_what_it_is_not_for(
    run: Run, cloud: upstream.Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert run().chat(HARD).headers["x-router-tier"] == "cloud"
    assert cloud.asked[0].path == "/v1/messages"
