"""Sends requests with Ollama's own client: python ollama_sends.py URL chat|generate < REQUESTS."""

import json
import sys

import ollama


def main(url: str, method: str) -> None:
    send = getattr(ollama.Client(url), method)
    for request in json.load(sys.stdin):
        made = send(model="auto", **request)
        _ = list(made) if request.get("stream") else None


if __name__ == "__main__":
    main(*sys.argv[1:])
