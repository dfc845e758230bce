"""Claude Code, without a terminal: python claude_code.py URL MODEL WHAT [PROMPT].

It always streams, and is set up by ~/.claude/settings.json. Its wrapper is run by node, as not
every npm lets a package make its command.
"""

import json
import os
import subprocess
import sys
from pathlib import Path


def main(url: str, model: str, what: str, prompt: str = "Say hello.") -> None:
    package = Path(os.environ["CLIENTS_NPM"]).parent / "@anthropic-ai" / "claude-code"
    command = ["node", str(package / "cli-wrapper.cjs"), "-p", "--model", model]
    output = ["--output-format", "stream-json", "--verbose", "--include-partial-messages"]
    given = {
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "CLAUDE_CODE_MAX_RETRIES": "0",
        "DISABLE_AUTOUPDATER": "1",
    }
    done = subprocess.run(
        [*command, *output, "--allowedTools", "Bash"],
        env={**os.environ, **given},
        input="Use your tool." if what == "tool" else prompt,
        capture_output=True,
        text=True,
        check=False,
    )
    told: dict[str, object] = {}
    for line in done.stdout.splitlines():
        event = json.loads(line)
        if event["type"] == "result":
            told["error" if event["is_error"] else "text"] = event.get("result", "")
    told["pieces"] = done.stdout.count("text_delta")
    if not set(told) & {"text", "error"}:
        sys.exit(done.stderr)
    print(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
