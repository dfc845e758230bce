"""Codex, without a terminal: python codex.py URL MODEL WHAT [PROMPT].

It always streams, and is set up by ~/.codex/config.toml.
"""

import json
import os
import subprocess
import sys


def main(url: str, model: str, what: str, prompt: str = "Say hello.") -> None:
    retries = ("request_max_retries=0", "stream_max_retries=0")  # a test waits for none
    given = [part for r in retries for part in ("-c", f"model_providers.router.{r}")]
    command = [f"{os.environ['CLIENTS_NPM']}/codex", "exec", "--json", "--skip-git-repo-check"]
    done = subprocess.run(
        [*command, "-m", model, *given, "Use your tool." if what == "tool" else prompt],
        env={**os.environ, "ROUTER_KEY": "none"},
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
