"""A backend that misbehaves on command: what a test scripts is what it does, byte by byte."""

import asyncio
import contextlib
import json
import threading
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self


async def closed(server: asyncio.Server) -> None:
    """Close a server, once whoever it has just let in is connected.

    asyncio would leave such a connection open: a server that is closed is an assertion that fails
    while the connection's transport is made.
    """
    loop = asyncio.get_running_loop()
    for listening in server.sockets:
        loop.remove_reader(listening.fileno())
    for _ in range(8):  # turns of the loop; to let somebody in takes four
        await asyncio.sleep(0)
    server.close()


@dataclass
class Got:
    """A request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    raw: bytes
    gone: threading.Event = field(default_factory=threading.Event)

    @property
    def body(self) -> Any:
        return json.loads(self.raw)


class Connection:
    """One client; the script answers on it. `chunked`: streams end, and the connection goes on."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, chunked: bool = False
    ) -> None:
        self.reader, self.writer, self._chunked = reader, writer, chunked

    async def json(self, body: Any, status: int = 200, **headers: str) -> None:
        await self.raw(json.dumps(body).encode(), status, "application/json", **headers)

    async def raw(self, data: bytes, status: int, kind: str, **headers: str) -> None:
        lines = [f"HTTP/1.1 {status} X", f"content-type: {kind}", f"content-length: {len(data)}"]
        lines += [f"{k.replace('_', '-')}: {v}" for k, v in headers.items()]
        self.writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + data)
        await self.writer.drain()

    async def start_stream(self) -> None:
        how = b"transfer-encoding: chunked" if self._chunked else b"connection: close"
        kind = b"content-type: text/event-stream"
        self.writer.write(b"HTTP/1.1 200 OK\r\n" + kind + b"\r\n" + how + b"\r\n\r\n")
        await self.writer.drain()

    async def event(self, body: Any) -> None:
        said = body if isinstance(body, str) else json.dumps(body)
        data = f"data: {said}\n\n".encode()
        self.writer.write(b"%x\r\n%s\r\n" % (len(data), data) if self._chunked else data)
        await self.writer.drain()

    async def stream(self, events: Sequence[Any]) -> None:
        await self.start_stream()
        for event in events:
            await self.event(event)
        if self._chunked:
            self.writer.write(b"0\r\n\r\n")
        else:
            self.writer.close()

    def reset(self) -> None:
        self.writer.transport.abort()


Script = Callable[[Connection, Got], Awaitable[None]]


class Upstream:
    """A server on loopback in a thread of its own. `got` has every request it received."""

    chunked = False  # see Connection

    def __init__(self, script: Script) -> None:
        self.script = script
        self.got: list[Got] = []
        self.port = 0
        self._writers: list[asyncio.StreamWriter] = []
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def asked(self) -> list[Got]:
        """The requests for answers, discovery left out."""
        own = ("/api/chat", "/api/generate")  # the rest of Ollama's API is discovery
        posted = [g for g in self.got if g.method == "POST"]
        return [g for g in posted if g.path in own or not g.path.startswith("/api/")]

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *error: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        serving = asyncio.start_server(self._serve, "127.0.0.1", 0)
        server = self._loop.run_until_complete(serving)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(closed(server))
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        for writer in self._writers:
            writer.transport.abort()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.run_until_complete(asyncio.sleep(0))  # the aborted transports close

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        connection = Connection(reader, writer, self.chunked)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while not writer.is_closing():
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                first, *rest = head.strip().split("\r\n")
                headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in rest)}
                raw = await reader.readexactly(int(headers.get("content-length", 0)))
                method, path, _ = first.split(" ")
                got = Got(method, path, headers, raw)
                self.got.append(got)
                try:
                    await self.script(connection, got)
                except ConnectionError:
                    got.gone.set()
                    raise


def said(text: str = "Hello there.", model: str = "small", **usage: int) -> dict[str, Any]:
    """A chat completion."""
    usage = {"prompt_tokens": 9, "completion_tokens": 3, **usage}
    usage["total_tokens"] = usage["prompt_tokens"] + usage["completion_tokens"]
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {
        "id": "c1",
        "object": "chat.completion",
        "model": model,
        "choices": [choice],
        "usage": usage,
    }


def chunks(text: str = "Hello there.", model: str = "small") -> list[Any]:
    """The same as a stream, a word at a time."""

    def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return {"id": "c1", "object": "chat.completion.chunk", "model": model, "choices": [choice]}

    words = [chunk({"content": w}) for w in text.split(" ")]
    for word in words[1:]:
        word["choices"][0]["delta"]["content"] = " " + word["choices"][0]["delta"]["content"]
    usage = {
        "prompt_tokens": 9,
        "completion_tokens": len(words),
        "total_tokens": 9 + len(words),
    }
    last = {"id": "c1", "model": model, "choices": [], "usage": usage}
    return [chunk({"role": "assistant", "content": ""}), *words, chunk({}, "stop"), last, "[DONE]"]


def claude_said(text: str = "Hello from the cloud.", **more: Any) -> dict[str, Any]:
    """An Anthropic message."""
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-5-5",
        "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 10, "output_tokens": 5},
        **more,
    }


def claude_events(text: str = "Hello from the cloud.") -> list[Any]:
    """The same as a stream."""
    start = {**claude_said(), "content": [], "stop_reason": None}
    deltas = [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": w}}
        for w in text.replace(" ", "| ").split("|")
    ]
    return [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *deltas,
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"output_tokens": 5},
        },
        {"type": "message_stop"},
    ]


async def local(connection: Connection, got: Got) -> None:
    """A well-behaved local server that speaks OpenAI."""
    if got.path == "/v1/models":
        await connection.json({"object": "list", "data": [{"id": "small", "object": "model"}]})
    elif got.path != "/v1/chat/completions":
        await connection.json({"error": "not found"}, 404)
    elif got.body.get("stream"):
        await connection.stream(chunks())
    else:
        await connection.json(said())


async def slowly(connection: Connection, got: Got) -> None:
    """A stream of six words, slow enough for something to happen meanwhile."""
    await connection.start_stream()
    for event in chunks("one two three four five six"):
        await connection.event(event)
        await asyncio.sleep(0.15)
    connection.writer.close()


async def cloud(connection: Connection, got: Got) -> None:
    """A well-behaved Claude."""
    if got.path.endswith("/count_tokens"):
        await connection.json({"input_tokens": 42})
    elif not got.path.endswith("/v1/messages"):
        await connection.json({"data": []})
    elif got.body.get("stream"):
        await connection.stream(claude_events())
    else:
        await connection.json(claude_said())
