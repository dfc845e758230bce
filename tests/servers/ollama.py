"""A faithful fake of Ollama: its own API, and OpenAI's beside it.

Reference: https://github.com/ollama/ollama/blob/main/docs/api.md
"""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

from tests.servers import upstream
from tests.servers.upstream import Connection, Got

TAGS = {
    "models": [
        {
            "name": name,
            "model": name,
            "modified_at": "2026-10-01T10:00:00Z",
            "size": size,
            "digest": digest,
            "details": {"format": "gguf", "family": "llama"},
        }
        for name, size, digest in (
            ("llama3.1:8b", 4_920_753_328, "46e0c10c039e"),
            ("qwen3:4b", 2_497_293_931, "359d7dd4"),
            ("llava:7b", 4_733_363_377, "8dd30f6b"),
            ("nomic-embed-text:latest", 274_302_450, "0a1"),
        )
    ]
}
SHOW = {
    "llama3.1:8b": {
        "parameters": 'stop                           "<|eot_id|>"',
        "model_info": {"general.architecture": "llama", "llama.context_length": 131072},
        "capabilities": ["completion", "tools"],
    },
    "qwen3:4b": {
        "parameters": "num_ctx                        16384\ntop_k                          20",
        "model_info": {"general.architecture": "qwen3", "qwen3.context_length": 40960},
        "capabilities": ["completion", "tools", "thinking"],
    },
    "llava:7b": {
        "model_info": {"general.architecture": "llama", "llama.context_length": 2048},
        "capabilities": ["completion", "vision"],
    },
    "nomic-embed-text:latest": {
        "model_info": {"general.architecture": "nomic-bert", "nomic-bert.context_length": 2048},
        "capabilities": ["embedding"],
    },
}
PS = {
    "models": [
        {
            "name": "llama3.1:8b",
            "model": "llama3.1:8b",
            "size": 6_654_289_920,
            "digest": "46e0c10c039e",
            "expires_at": "2026-11-01T10:05:00Z",
            "size_vram": 6_654_289_920,
            "context_length": 8192,
        }
    ]
}

WORDS = ("Hello ", "there", ".")
# Nanoseconds, as the last line of an answer tells them.
DURATIONS = {
    "total_duration": 5_000_000_000,
    "load_duration": 1_000_000_000,
    "prompt_eval_count": 26,
    "prompt_eval_duration": 130_000_000,
    "eval_count": 3,
    "eval_duration": 3_000_000_000,
}


class Ollama:
    """The fake. `loaded`: what /api/ps tells; `words`, `thought`, `calls`: what the model says;
    `status`: of answers; `breaks`: whether a stream ends with an error after its first word.
    """

    def __init__(self) -> None:
        self.loaded: dict[str, Any] = PS
        self.pause_s = 0.0
        self.words: Sequence[str] = WORDS
        self.thought, self.calls = "", list[Any]()
        self.done_reason, self.status, self.breaks = "stop", 200, False

    async def __call__(self, connection: Connection, got: Got) -> None:
        path = got.path
        if path == "/api/version":
            await connection.json({"version": "0.12.6"})
        elif path == "/api/tags":
            await connection.json(TAGS)
        elif path == "/api/ps":
            await connection.json(self.loaded)
        elif path == "/api/show":
            await connection.json(SHOW[got.body["model"]])
        elif path == "/v1/models":
            listed = [{"id": m["name"], "object": "model"} for m in TAGS["models"]]
            await connection.json({"object": "list", "data": listed})
        elif path == "/v1/chat/completions":
            await asyncio.sleep(self.pause_s)
            if got.body.get("stream"):
                await connection.stream(upstream.chunks())
            else:
                await connection.json(upstream.said())
        elif path in ("/api/chat", "/api/generate"):
            await self._answer(connection, got)
        elif path == "/api/embed":
            texts = got.body["input"]
            vectors = [[0.6, 0.8]] * (1 if isinstance(texts, str) else len(texts))
            counts = {"total_duration": 14_143_917, "load_duration": 1_019_500}
            told = {"model": got.body["model"], "embeddings": vectors, **counts}
            await connection.json({**told, "prompt_eval_count": 8})
        elif path == "/api/embeddings":
            await connection.json({"embedding": [0.6, 0.8]})
        elif path == "/api/pull" and got.body.get("stream") is not False:
            whole = {"total": 2, "digest": "sha256:a"}
            steps = [{"status": "pulling manifest"}, {"status": "pulling a", **whole}]
            await lines(connection, [*steps, {"status": "success"}])
        elif path in ("/api/pull", "/api/create", "/api/push"):
            await connection.json({"status": "success"})
        elif path in ("/api/copy", "/api/delete"):
            known = got.body.get("source") or got.body.get("model")
            if known in SHOW:
                await connection.raw(b"", 200, "text/plain")
            else:
                await connection.json({"error": f"model '{known}' not found"}, 404)
        elif path.startswith("/api/blobs/"):
            await connection.raw(b"", 404 if got.method == "HEAD" else 201, "text/plain")
        else:
            await connection.raw(b"404 page not found", 404, "text/plain")

    async def _answer(self, connection: Connection, got: Got) -> None:
        body, chat = got.body, got.path == "/api/chat"
        common = {"model": body["model"], "created_at": "2026-11-01T10:00:00.123456789Z"}

        def line(text: str, done: bool = False, **more: Any) -> dict[str, Any]:
            turn = {"role": "assistant", "content": text, **more}
            said = {"message": turn} if chat else {"response": text, **more}
            return {**common, **said, "done": done}

        if self.status != 200:
            await connection.json({"error": "the model ran out of memory"}, self.status)
        elif not (body.get("messages") if chat else body.get("prompt") or body.get("suffix")):
            reason = "unload" if body.get("keep_alive") == 0 else "load"
            await connection.json({**line("", True), "done_reason": reason})
        elif body.get("stream") is False:
            more = {"thinking": self.thought} if self.thought else {}
            more |= {"tool_calls": self.calls} if self.calls else {}
            end = {"done_reason": self.done_reason, **DURATIONS}
            await connection.json({**line("".join(self.words), True, **more), **end})
        else:
            thoughts = [line("", thinking=self.thought)] if self.thought else []
            calls = [line("", tool_calls=[call]) for call in self.calls]
            said = [*thoughts, *map(line, self.words), *calls]
            end = {**line("", True), "done_reason": self.done_reason, **DURATIONS}
            last = {"error": "the model ran out of memory"} if self.breaks else end
            await lines(connection, [*said, last])


async def lines(connection: Connection, bodies: Sequence[Any]) -> None:
    """A stream of JSON objects, one a line."""
    head = "HTTP/1.1 200 OK", "content-type: application/x-ndjson", "connection: close"
    connection.writer.write("\r\n".join(head).encode() + b"\r\n\r\n")
    for body in bodies:
        connection.writer.write(json.dumps(body).encode() + b"\n")
        await connection.writer.drain()
    connection.writer.close()
