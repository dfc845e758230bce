"""Clients that mean harm, or are somebody else's page: over raw sockets, since SDKs are polite."""

import json
import resource
import socket
from collections.abc import Sequence
from contextlib import ExitStack

import pytest

from tests.router.privacy.test_privacy import SECRET
from tests.servers import upstream
from tests.servers.fixtures import Run
from tests.servers.running import EASY, HARD, Gateway

ASK = {"model": "auto", "messages": [{"role": "user", "content": EASY}]}
CHAT = "/v1/chat/completions"


def sent(
    gateway: Gateway,
    headers: Sequence[str],
    body: bytes,
    first: str = f"POST {CHAT} HTTP/1.1",
    host: str = "host: 127.0.0.1",
) -> tuple[int, bytes]:
    """Status of the first answer, and all bytes that came back until the gateway hung up."""
    lines = [first, host, "connection: close", *headers]
    with connected(gateway) as client:
        client.sendall("\r\n".join(line for line in lines if line).encode() + b"\r\n\r\n" + body)
        got = b""
        while piece := client.recv(65536):
            got += piece
    return (int(got.split(b" ", 2)[1]) if got else 0), got


def connected(gateway: Gateway) -> socket.socket:
    port = int(gateway.url.rsplit(":", 1)[1])
    return socket.create_connection(("127.0.0.1", port), timeout=30)


def length(body: bytes) -> str:
    return f"content-length: {len(body)}"


SMUGGLED = b"POST /v1/feedback HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 2\r\n\r\n{}"


@pytest.mark.parametrize(
    "headers",
    [
        ["content-length: 5", "content-length: 90"],
        ["content-length: 5, 90"],
        ["content-length: +5"],
        ["content-length: -5"],
        ["content-length: 0x5"],
        ["content-length: 5", "transfer-encoding: chunked"],
        ["transfer-encoding: chunked", "content-length: 5"],
        ["transfer-encoding: chunked, identity"],
        ["transfer-encoding: xchunked"],
        ["transfer-encoding : chunked"],
        ["x-a: b\r\n transfer-encoding: chunked"],
    ],
)
def test_no_request_is_smuggled_in_the_body_of_another(
    run: Run, local: upstream.Upstream, headers: list[str]
) -> None:
    """However the length is told: one refusal, or one answer to one request, never two."""
    gateway = run()
    body = b"0\r\n\r\n" + SMUGGLED
    status, got = sent(gateway, headers, body)
    assert status in (0, 400, 501)
    assert got.count(b"HTTP/1.1 ") <= 1
    assert b"decision_id" not in got  # which feedback would have asked for
    assert not local.asked


def test_chunks_are_put_together_and_broken_ones_are_refused(run: Run) -> None:
    gateway, data = run(), json.dumps(ASK).encode()
    chunked = ["transfer-encoding: chunked"]
    whole = b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data)
    assert sent(gateway, chunked, whole)[0] == 200
    for broken in (b"zz\r\n" + data, b"-1\r\n" + data, b"%x\r\n%bX0\r\n\r\n" % (len(data), data)):
        assert sent(gateway, chunked, broken)[0] in (0, 400)
    assert len(gateway.rows()) == 1


def test_of_two_headers_on_privacy_the_stricter_holds(run: Run, cloud: upstream.Upstream) -> None:
    gateway = run(threshold=-1.0)
    data = json.dumps({**ASK, "messages": [{"role": "user", "content": HARD}]}).encode()
    for given in (
        ["x-router-privacy: private", "x-router-privacy: no"],
        ["x-router-privacy: no", "x-router-privacy: private"],
        ["x-router-privacy: no, private"],
        ["X-Router-Privacy: PRIVATE"],
    ):
        status, got = sent(gateway, [length(data), *given], data)
        assert (status, b"x-router-tier: local" in got) == (200, True), given
    assert not cloud.asked
    assert sent(gateway, [length(data)], data)[1].count(b"x-router-tier: cloud") == 1


@pytest.mark.parametrize(
    "hosts",
    [
        ["host: 127.0.0.1", "host: evil.example"],
        ["host: evil.example", "host: 127.0.0.1"],
        ["host: 127.0.0.1.evil.example"],
        ["host: localhost.evil.example"],
        ["host: 127.0.0.1@evil.example"],
        ["host: evil.example#@127.0.0.1"],
        ["host: evil.example:127.0.0.1"],
        ["host: 0.0.0.0"],
        ["host: 2130706433"],
        ["host: [::ffff:9.9.9.9]"],
        ["host: "],
        ["host: [::1"],
    ],
)
def test_a_name_that_was_bound_anew_opens_nothing(run: Run, hosts: list[str]) -> None:
    """DNS rebinding: a page's own name with our address, by every way to write it."""
    data = json.dumps(ASK).encode()
    gateway = run()
    for first in (f"POST {CHAT} HTTP/1.1", "GET /v1/models HTTP/1.1", "GET /metrics HTTP/1.1"):
        status, got = sent(gateway, [*hosts, length(data)], data, first, host="")
        assert status in (400, 403), got
    assert gateway.rows() == []


@pytest.mark.parametrize("host", ["127.0.0.1:8787", "localhost:1", "[::1]:8787", "127.9.9.9"])
def test_names_of_this_machine_do(run: Run, host: str) -> None:
    data = json.dumps(ASK).encode()
    assert sent(run(), [length(data)], data, host=f"host: {host}")[0] == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
@pytest.mark.parametrize("path", [CHAT, "/v1/messages", "/v1/feedback", "/api/generate"])
def test_a_page_elsewhere_cannot_post_without_asking(run: Run, kind: str, path: str) -> None:
    """What browsers send without a preflight: plain text and forms, from a foreign origin."""
    gateway = run()
    data = json.dumps({**ASK, "prompt": EASY}).encode()
    for origin in ("https://evil.example", "null", "http://127.0.0.1.evil.example", "http://[::1"):
        headers = [f"origin: {origin}", f"content-type: {kind}", length(data)]
        status, got = sent(gateway, headers, data, f"POST {path} HTTP/1.1")
        assert status == 403
        assert b"access-control-allow-origin" not in got.lower()
    two = ["origin: http://localhost", "origin: https://evil.example", length(data)]
    assert sent(gateway, two, data, f"POST {path} HTTP/1.1")[0] in (400, 403)
    assert gateway.rows() == []


def test_a_hundred_megabytes_are_refused_before_they_are_there(run: Run) -> None:
    gateway = run(max_request_mb=4)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with connected(gateway) as client:
        head = f"POST {CHAT} HTTP/1.1\r\nhost: 127.0.0.1\r\ntransfer-encoding: chunked\r\n\r\n"
        client.sendall(head.encode())
        chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
        try:
            for _ in range(1600):  # 100 MB
                client.sendall(chunk)
            got = client.recv(65536)
        except (BrokenPipeError, ConnectionResetError):
            got = b" 413 "  # it hung up meanwhile
    assert b" 413 " in got
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 60 * 1024  # of the 100 MB, in kB
    assert gateway.chat(EASY).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 50_000,
        b'{"messages":' + b"[" * 50_000 + b"]" * 50_000 + b"}",
        b'{"messages":' + b'{"a":' * 50_000 + b"1" + b"}" * 50_000 + b"}",
        b'{"messages": [{"role": "user", "content": ' + b"[" * 300 + b"]" * 300 + b"}]}",
        b'{"messages": [], "a": ' + b"9" * 5000 + b"}",
        b'{"messages": [{"role": "user", "content": "hi"}], "top_p": 1e999}',
    ],
    ids=["open", "lists", "objects", "a few hundred", "a long number", "beyond floats"],
)
@pytest.mark.parametrize(
    "path", [CHAT, "/v1/messages", "/v1/responses", "/v1/completions", "/api/chat", "/v1/feedback"]
)
def test_nesting_and_numbers_beyond_reason_are_one_sentence(
    run: Run, path: str, body: bytes
) -> None:
    answer = run().client.post(path, content=body)
    assert answer.status_code in (200, 400), answer.text
    assert "Traceback" not in answer.text


def test_five_hundred_slow_clients_keep_nobody_waiting(run: Run) -> None:
    """Each holds a connection with half a request; others are answered, and then they are, too."""
    gateway, data = run(), json.dumps(ASK).encode()
    head = f"POST {CHAT} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: {len(data)}\r\n"
    with ExitStack() as stack:
        slow = [stack.enter_context(connected(gateway)) for _ in range(500)]
        for number, client in enumerate(slow):
            whole = head.encode() + b"connection: close\r\n\r\n" + data
            client.sendall(whole[: len(whole) * (number % 9 + 1) // 10])
        for _ in range(20):
            assert gateway.chat(EASY).status_code == 200
        for number, client in list(enumerate(slow))[::25]:
            whole = head.encode() + b"connection: close\r\n\r\n" + data
            client.sendall(whole[len(whole) * (number % 9 + 1) // 10 :])
            assert b" 200 " in client.recv(65536)


def test_who_takes_too_long_is_told_so(run: Run) -> None:
    gateway = run(request_s=0.2)
    with connected(gateway) as client:
        client.sendall(
            f"POST {CHAT} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 90\r\n\r\n{{".encode()
        )
        assert b" 408 " in client.recv(65536)


@pytest.mark.parametrize("size", [1_000_000, 5_000_000])
def test_headers_without_end_are_refused(run: Run, size: int) -> None:
    gateway, data = run(), json.dumps(ASK).encode()
    try:
        status, _ = sent(gateway, [f"x-a: {'a' * size}", length(data)], data)
    except (BrokenPipeError, ConnectionResetError):
        status = 0
    assert status in (0, 431)
    assert gateway.chat(EASY).status_code == 200


def test_a_head_that_does_not_end_in_time_ends_its_connection(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("router.gateway.heads.HEAD_S", 0.2)
    gateway = run()
    with connected(gateway) as silent, connected(gateway) as slow:
        slow.sendall(b"POST / HTTP/1.1\r\nhost: 127")
        assert silent.recv(1) == slow.recv(1) == b""


def test_a_secret_in_a_header_or_an_address_is_not_sent_on(
    run: Run, cloud: upstream.Upstream
) -> None:
    gateway = run(threshold=-1.0)
    data = json.dumps({**ASK, "messages": [{"role": "user", "content": HARD}]}).encode()
    headers = [f"x-note: {SECRET}", f"cookie: a={SECRET}", f"user-agent: {SECRET}", length(data)]
    status, _ = sent(gateway, headers, data, f"POST {CHAT}?mail={SECRET} HTTP/1.1")
    assert status == 200
    assert len(cloud.asked) == 1
    assert SECRET not in str(cloud.asked[0].headers) + cloud.asked[0].path
    assert SECRET.encode() not in cloud.asked[0].raw
