"""What Ollama's client does beside asking: python ollama_models.py URL MODEL."""

import json
import sys

import ollama


def main(url: str, model: str) -> None:
    client = ollama.Client(url)
    told = {
        "listed": [m.model for m in client.list().models],
        "shown": client.show(model).capabilities,
        "loaded": [m.model for m in client.ps().models],
        "vectors": [list(v) for v in client.embed("nomic-embed-text", ["a", "b"]).embeddings],
        "vector": list(client.embeddings("nomic-embed-text", "a").embedding),
        "pulled": [step.status for step in client.pull(model, stream=True)],
        "copied": client.copy(model, "mine").status,
        "deleted": client.delete(model).status,
        "created": client.create("mine", from_=model, system="Be brief.").status,
        "freed": client.generate(model, keep_alive=0).done_reason,
    }
    try:
        client.show("none")
    except ollama.ResponseError as error:
        told["missing"] = [error.status_code, error.error]
    print(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
