"""The address that clients are told is one that they can call."""

import re
import socket
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from router.errors import ConfigError
from router.gateway.listening import address_of, bound
from tests.servers.fixtures import started
from tests.servers.served import serving


def bound_there(host: str) -> socket.socket:
    try:
        return bound(host, 0)
    except ConfigError:
        pytest.skip(f"needs {host} on this machine")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0", "::1", "::"])
def test_whoever_calls_the_address_reaches_the_socket(host: str) -> None:
    with bound_there(host) as listening:
        listening.listen()
        port = listening.getsockname()[1]
        called = urlsplit(address_of(host, port))
        assert (called.scheme, called.port) == ("http", port)
        with (
            socket.create_connection((called.hostname, port), timeout=10),
            listening.accept()[0] as heard,
        ):
            assert heard.getsockname()[1] == port


@pytest.mark.servers
def test_a_gateway_on_ipv6_says_an_address_that_answers(tmp_path: Path) -> None:
    with bound_there("::1") as probe:
        port, log = probe.getsockname()[1], tmp_path / "log"
    command = serving(host="::1", port=port, log_url=f"sqlite:///{tmp_path}/o.db")
    for url in started(command, f"http://[::1]:{port}", log):
        said = re.findall(r"[ =](http://\S+)", log.read_text())
        assert said[-4:] == [url, f"{url}/v1", url, url]
        assert httpx.get(said[-1]).text == "Ollama is running"
