"""Real models behind the two dialects that the gateway asks, their answers kept on disk."""

import asyncio
import hashlib
import json
from pathlib import Path
from typing import Any

import httpx

from tests.servers.upstream import Connection, Got, claude_said, said

MAX_TOKENS = 200
_TOKENS = (("input", "prompt"), ("output", "completion"))


class Models:
    """Real models behind one local server and one that speaks Anthropic; answers are kept."""

    def __init__(self, urls: dict[str, str], strong: str, path: Path) -> None:
        self.urls, self.strong, self._path = urls, strong, path
        self._known: dict[str, Any] = {}
        if path.exists():
            for line in path.read_text().splitlines():
                row = json.loads(line)
                self._known[row["key"]] = row["answer"]
        self._http = httpx.Client(timeout=600)

    def ask(self, model: str, messages: list[Any], temperature: float) -> dict[str, Any]:
        """A chat completion, greedy or sampled once."""
        messages = [{"role": m["role"], "content": plain(m["content"])} for m in messages]
        body = {
            "messages": messages,
            "temperature": temperature,
            "max_tokens": MAX_TOKENS,
            "seed": 1,
        }
        key = hashlib.sha256(json.dumps([model, body], sort_keys=True).encode()).hexdigest()
        if key not in self._known:
            url = f"{self.urls[model]}/v1/chat/completions"
            answer = self._http.post(url, json={**body, "model": model}).raise_for_status().json()
            kept = {
                "text": answer["choices"][0]["message"]["content"] or "",
                "finish": answer["choices"][0]["finish_reason"],
                "usage": answer["usage"],
            }
            self._known[key] = kept
            with self._path.open("a") as out:
                out.write(json.dumps({"key": key, "model": model, "answer": kept}) + "\n")
        found: dict[str, Any] = self._known[key]
        return found

    async def local(self, connection: Connection, got: Got) -> None:
        """One local server with the small models."""
        names = [m for m in self.urls if m != self.strong]
        if got.path == "/v1/models":
            return await connection.json({"data": [{"id": m, "object": "model"} for m in names]})
        if got.path != "/v1/chat/completions":
            return await connection.json({"error": "not found"}, 404)
        body = got.body
        found = await asyncio.to_thread(
            self.ask, body["model"], body["messages"], body.get("temperature", 0)
        )
        usage = found["usage"]
        answer = said(
            found["text"],
            body["model"],
            prompt_tokens=usage["prompt_tokens"],
            completion_tokens=usage["completion_tokens"],
        )
        answer["choices"][0]["finish_reason"] = found["finish"]
        return await connection.json(answer)

    async def cloud(self, connection: Connection, got: Got) -> None:
        """The strong model, as Claude is asked."""
        if not got.path.endswith("/v1/messages"):
            return await connection.json({"data": []})
        found = await asyncio.to_thread(self.ask, self.strong, got.body["messages"], 0)
        usage = found["usage"]
        spent = {f"{n}_tokens": usage[f"{m}_tokens"] for n, m in _TOKENS}
        return await connection.json(claude_said(found["text"], usage=spent))


def plain(content: Any) -> str:
    """Text of a message, whichever dialect it is written in."""
    return content if isinstance(content, str) else "".join(block["text"] for block in content)
