"""Ollama's own API: https://github.com/ollama/ollama/blob/main/docs/api.md."""

from router.dialects import ollama_answer as answers
from router.dialects import ollama_request as requests
from router.dialects.base import Asked, Dialect, Writer
from router.wire import Json
from router.wire.ollama import Native


class OllamaChat(Dialect):
    """POST /api/chat; routed, sent to the cloud and kept as chat completions.

    A local server that is Ollama itself gets the request as the client wrote it.
    """

    name = "ollama-chat"
    path = "/api/chat"
    media_type = "application/x-ndjson"

    def asks(self, body: Json) -> bool:
        """See `Dialect`: without a message it loads a model, or lets it go."""
        return bool(body.get("messages"))

    def request(self, body: Json, earlier: list[Json]) -> Json:
        """See `Dialect`."""
        return requests.chat(body)

    def native(self, body: Json) -> Native | None:
        """See `Dialect`."""
        return requests.native(self.path, body)

    def answer(self, body: Json, asked: Asked) -> Json:
        """See `Dialect`."""
        return answers.whole(body, asked, answers.turn)

    def writer(self, asked: Asked) -> Writer:
        """See `Dialect`."""
        return answers.Lines(asked, answers.turn)

    def error(self, status: int, code: str, message: str) -> Json:
        """See `Dialect`."""
        return {"error": message}


class OllamaGenerate(OllamaChat):
    """POST /api/generate; the prompt is what the user says."""

    name = "ollama-generate"
    path = "/api/generate"

    def asks(self, body: Json) -> bool:
        """See `Dialect`."""
        return bool(body.get("prompt") or body.get("suffix") or body.get("images"))

    def request(self, body: Json, earlier: list[Json]) -> Json:
        """See `Dialect`."""
        return requests.generate(body)

    def answer(self, body: Json, asked: Asked) -> Json:
        """See `Dialect`."""
        return answers.whole(body, asked, answers.response)

    def writer(self, asked: Asked) -> Writer:
        """See `Dialect`."""
        return answers.Lines(asked, answers.response)
