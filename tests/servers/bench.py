"""What the gateway adds to a call: python -m tests.servers.bench (part of `make bench`).

One run, one machine, loopback: the same requests, each another text, straight to a backend that
answers at once, then through the gateway with decision, privacy scan and outcome log. Load comes
from wrk (Debian's package).
"""

import asyncio
import http.client
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import httpx

from tests.servers.fixtures import free_port, wait_for
from tests.servers.served import serving

LUA = """
local n = 0
local words = {"river", "mountain", "capital", "planet", "engine", "garden", "doctor", "letter",
  "window", "market", "bridge", "forest", "number", "music", "teacher", "winter", "summer"}
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
function request()
  n = n + 1
  local parts = {}
  for i = 1, 24 do parts[i] = words[(n * 7 + i * i * 3 + (n % 13) * i) % #words + 1] end
  local text = "Question " .. n .. ": tell me about the " .. table.concat(parts, " and the ")
  return wrk.format(nil, "/v1/chat/completions", nil,
    '{"model":"auto","messages":[{"role":"user","content":"' .. text .. '."}]}')
end
"""
STREAMS_LUA = """
local threads = {}
ended, whole = 0, 0
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.path = "/v1/chat/completions"
wrk.body = '%s'
function setup(thread) table.insert(threads, thread) end
function response(status, headers, body)
  local _, words = body:gsub("word ", "")
  ended = ended + 1
  if words == %d then whole = whole + 1 end
end
function done(summary, latency, requests)
  local thread, errors = threads[1], summary.errors
  print(string.format("streams %%d %%d %%d %%.3f %%.3f", thread:get("ended"), thread:get("whole"),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(50) / 1e6, latency:percentile(99) / 1e6))
end
"""
JSON = {"Content-Type": "application/json"}
ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 0,
    "model": "small",
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": "Hello there, this is an answer."},
        }
    ],
    "usage": {"prompt_tokens": 30, "completion_tokens": 8, "total_tokens": 38},
}
CHUNKS = 100
SLOW_S = 0.05  # between the chunks of a slow stream
BODY = {"model": "local", "stream": True, "messages": [{"role": "user", "content": "Go on."}]}
# The dialects that clients speak, by address, with the field that holds what is asked.
DIALECTS = {
    "/v1/chat/completions": "messages",
    "/v1/messages": "messages",
    "/v1/responses": "input",
    "/v1/completions": "prompt",
    "/api/chat": "messages",
    "/api/generate": "prompt",
}


def response(body: bytes, status: str = "200 OK") -> bytes:
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


def event(delta: dict[str, str], finish: str | None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    chunk = {"id": "c", "object": "chat.completion.chunk", "model": "small", "choices": [choice]}
    data = f"data: {json.dumps(chunk)}\n\n".encode()
    return b"%x\r\n%s\r\n" % (len(data), data)


class Stub(asyncio.Protocol):
    """Answers at once, as bytes made beforehand; `pause_s` holds each chunk of a stream back."""

    whole = response(json.dumps(ANSWER).encode())
    models = response(b'{"object": "list", "data": [{"id": "small", "object": "model"}]}')
    missing = response(b"{}", "404 Not Found")
    head = (
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    word = event({"content": "word "}, None)
    end = event({}, "stop") + b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"
    pause_s = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport, self.rest = transport, b""

    def data_received(self, data: bytes) -> None:
        self.rest += data
        while (at := self.rest.find(b"\r\n\r\n")) >= 0:
            head = self.rest[:at].lower()
            length = re.search(rb"content-length: *(\d+)", head)
            end = at + 4 + (int(length[1]) if length else 0)
            if len(self.rest) < end:
                return
            body, self.rest = self.rest[at + 4 : end], self.rest[end:]
            self.answer(head, body)

    def answer(self, head: bytes, body: bytes) -> None:
        if head.startswith(b"get /v1/models"):
            self.transport.write(self.models)
        elif head.startswith(b"get"):
            self.transport.write(self.missing)
        elif re.search(rb'"stream": ?true', body):
            self.transport.write(self.head)
            self.streaming = asyncio.ensure_future(self.stream())
        else:
            self.transport.write(self.whole)

    async def stream(self) -> None:
        for _ in range(CHUNKS):
            self.transport.write(self.word)
            await asyncio.sleep(self.pause_s)
        self.transport.write(self.end)


def stub(port: str, pause_s: str) -> None:
    """Run the backend (in a process of its own)."""
    import uvloop

    Stub.pause_s = float(pause_s)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Stub, "127.0.0.1", int(port), backlog=2048)
        await server.serve_forever()

    uvloop.run(main())


STUB = [
    sys.executable,
    "-c",
    "import sys; from tests.servers.bench import stub; stub(*sys.argv[1:])",
]


def passing_to(backend: str, log_url: str, **settings: Any) -> list[str]:
    """The command of a gateway whose requests all go to `backend`, with nothing to wait for."""
    return serving(
        local_url=backend,
        cloud_url=backend,
        log_url=log_url,
        cascade="off",
        threshold=1.0,
        local_limits={"at_once": 1000},
        auto_probe=False,
        **settings,
    )


def load(url: str, clients: int, seconds: int, script: Path) -> tuple[float, float, float]:
    """p50 and p99 in ms, and requests per second."""
    command = ["wrk", "-t1", f"-c{clients}", f"-d{seconds}s", "--latency", "-s", str(script), url]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "Non-2xx" not in out, out
    found = [re.search(rf"{p}%\s+([\d.]+)(us|ms|s)", out) for p in (50, 99)]
    unit = {"us": 1e-3, "ms": 1.0, "s": 1e3}
    p50, p99 = (float(m[1]) * unit[m[2]] for m in found if m)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", out)
    return p50, p99, float(rate[1]) if rate else 0.0


def dialects(url: str, rounds: int, stream: bool) -> dict[str, float]:
    """Median ms to the last byte by dialect, asked in turns so that all meet the same machine."""
    took: dict[str, list[float]] = {path: [] for path in DIALECTS}
    with httpx.Client(base_url=url, timeout=120) as client:
        for number in range(rounds):
            turn = number % len(DIALECTS)  # who comes after whom makes a difference too
            for path, field in [*DIALECTS.items()][turn:] + [*DIALECTS.items()][:turn]:
                text = f"Question {number}: tell me about the river and the mountain of {path}."
                asked: object = [{"role": "user", "content": text}] if field == "messages" else text
                body = {"model": "local", "max_tokens": 99, "stream": stream, field: asked}
                began = time.perf_counter()
                assert client.post(path, json=body).status_code == 200
                took[path].append((time.perf_counter() - began) * 1e3)
    return {path: median(times) for path, times in took.items()}


def one_by_one(url: str, count: int) -> tuple[float, float]:
    """Medians over streams one after another: ms to the first byte, ms from there to the last.

    Asked by the standard library's client, which takes less of the machine than any other.
    """
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=120)
    found = []
    for _ in range(count):
        began = time.perf_counter()
        connection.request("POST", "/v1/chat/completions", json.dumps(BODY), JSON)
        answer = connection.getresponse()
        answer.read1(1)
        first = time.perf_counter()
        assert answer.read().count(b"word") >= CHUNKS - 1
        found.append((first - began, time.perf_counter() - first))
    connection.close()
    return median(f for f, _ in found) * 1e3, median(r for _, r in found) * 1e3


def at_once(url: str, clients: int, folder: Path) -> tuple[int, int, int, float, float]:
    """Slow streams by many clients: how many ended, whole, faults, and p50 and p99 in seconds."""
    script = folder / "streams.lua"
    script.write_text(STREAMS_LUA % (json.dumps(BODY), CHUNKS))
    long_s = f"{4 * CHUNKS * SLOW_S:.0f}s"
    command = ["wrk", "-t1", f"-c{clients}", f"-d{long_s}", "--timeout", long_s, "-s", str(script)]
    out = subprocess.run([*command, url], capture_output=True, text=True, check=True).stdout
    found = re.search(r"^streams (\d+) (\d+) (\d+) (\S+) (\S+)$", out, re.MULTILINE)
    assert found, out
    return int(found[1]), int(found[2]), int(found[3]), float(found[4]), float(found[5])


def resident_mb(process: "subprocess.Popen[bytes]") -> float:
    status = Path(f"/proc/{process.pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+)", status)
    return int(found[1]) / 1024 if found else 0.0


def main() -> None:
    """Measure and print a table."""
    if shutil.which("wrk") is None:
        raise SystemExit("The bench needs wrk: apt-get install wrk.")
    folder = Path(tempfile.mkdtemp())
    script = folder / "load.lua"
    script.write_text(LUA)
    ports = [free_port() for _ in range(3)]
    direct, slow, url = (f"http://127.0.0.1:{p}" for p in ports)
    running = [
        subprocess.Popen([*STUB, str(ports[0]), "0"]),
        subprocess.Popen([*STUB, str(ports[1]), str(SLOW_S)]),
    ]
    log = folder / "log"
    try:
        for backend, process in zip((direct, slow), running, strict=True):
            wait_for(f"{backend}/v1/models", process, log)
        measure(folder, log, script, direct, slow, url, running)
    finally:
        for process in running:
            process.kill()
        shutil.rmtree(folder)


def measure(
    folder: Path,
    log: Path,
    script: Path,
    direct: str,
    slow: str,
    url: str,
    running: list["subprocess.Popen[bytes]"],
) -> None:
    """All of it; gateways that are started are added to `running`."""

    def gateway(backend: str) -> "subprocess.Popen[bytes]":
        port = int(url.rsplit(":", 1)[1])
        command = passing_to(backend, f"sqlite:///{folder}/o.db", port=port)
        with log.open("ab") as out:
            process = subprocess.Popen(command, stdout=out, stderr=out)
        running.append(process)
        wait_for(f"{url}/healthz", process, log)
        return process

    through = gateway(direct)
    load(url, 32, 3, script)
    alone, with_us = load(direct, 1, 6, script), load(url, 1, 6, script)
    print(f"one client      direct p50 {alone[0]:.2f} ms, p99 {alone[1]:.2f} ms")
    print(f"                gateway p50 {with_us[0]:.2f} ms, p99 {with_us[1]:.2f} ms")
    print(f"                added p50 {with_us[0] - alone[0]:.2f} ms, p99 {with_us[1]:.2f} ms")
    for stream in (False, True):
        by_dialect = dialects(url, 500, stream)
        for path, ms in by_dialect.items():
            more = ms / by_dialect["/v1/chat/completions"] - 1
            kind = f"{CHUNKS} chunks" if stream else "whole"
            print(f"{path:21}{kind:11} p50 {ms:.2f} ms ({more:+.0%} of chat completions)")
    many, ours = load(direct, 32, 4, script), load(url, 32, 8, script)
    print(f"32 clients      direct {many[2]:.0f}/s, gateway {ours[2]:.0f}/s")
    before, asked = resident_mb(through), 0
    while asked < 10_000:
        asked += round(load(url, 8, 5, script)[2] * 5)
    print(f"memory          {resident_mb(through) - before:+.1f} MB over {asked} requests")
    first, rest = one_by_one(direct, 500)
    our_first, our_rest = one_by_one(url, 500)
    print(
        f"streams         first byte +{our_first - first:.2f} ms, "
        f"each chunk +{(our_rest - rest) / CHUNKS * 1e3:.0f} us"
    )
    through.terminate()
    through.wait(20)
    gateway(slow)
    for name, place in (("direct", slow), ("gateway", url)):
        ended, whole, faults, p50, p99 = at_once(place, 500, folder)
        print(
            f"500 at once     {name}: {ended} streams, {whole} whole, {faults} faults, "
            f"p50 {p50:.2f} s, p99 {p99:.2f} s for {CHUNKS * SLOW_S:.1f} s of words"
        )


if __name__ == "__main__":
    main()
