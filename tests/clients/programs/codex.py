"""Codex, without a terminal: python codex.py URL MODEL WHAT [PROMPT]. It always streams."""

import json
import os
import subprocess
import sys
from pathlib import Path


def main(url: str, model: str, what: str, prompt: str = "Say hello.") -> None:
    home = Path.home()
    settings = {
        "model_provider": "router",
        "model_providers.router.name": "router",
        "model_providers.router.base_url": f"{url}/v1",
        "model_providers.router.env_key": "ROUTER_KEY",
        "model_providers.router.wire_api": "responses",
        "model_providers.router.request_max_retries": 0,
        "model_providers.router.stream_max_retries": 0,
    }
    given = [part for k, v in settings.items() for part in ("-c", f"{k}={json.dumps(v)}")]
    command = [f"{os.environ['CLIENTS_NPM']}/codex", "exec", "--json", "--skip-git-repo-check"]
    done = subprocess.run(
        [*command, "-m", model, *given, "Use your tool." if what == "tool" else prompt],
        env={**os.environ, "CODEX_HOME": str(home), "ROUTER_KEY": "none"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    told: dict[str, object] = {}
    for line in done.stdout.splitlines():
        event = json.loads(line)
        item = event.get("item", {})
        if item.get("type") == "agent_message":
            told["text"] = item["text"]
        elif event["type"] == "turn.failed":
            told["error"] = event["error"]["message"]
    told["pieces"] = done.stdout.count("\n")
    if not set(told) & {"text", "error"}:
        sys.exit(done.stderr)
    print(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
