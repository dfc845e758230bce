"""aider, for one message about sums.py: python aider_once.py URL MODEL WHAT [PROMPT].

It is set up by ~/.aider.conf.yml. What fails it tries again for a minute; it is not waited for.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

QUIET = (
    *("--yes-always", "--no-check-update", "--no-show-release-notes", "--no-analytics"),
    *("--no-pretty", "--no-git", "--no-stream"),
)


def main(url: str, model: str, what: str, prompt: str = "Say hello.") -> None:
    Path("sums.py").write_text("def add(a, b):\n    return a - b\n")
    command = [os.environ["CLIENTS_AIDER"], *QUIET, "--file", "sums.py", "--message", prompt]
    lines: list[str] = []
    with subprocess.Popen(
        command,
        env={**os.environ, "PYTHONUNBUFFERED": "1", "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        for line in process.stdout:
            if line.startswith("Retrying in"):
                process.kill()
                break
            lines.append(line)
    said, answered, _ = "".join(lines).partition("to the chat.\n")[2].partition("\nTokens:")
    print(json.dumps({"text" if answered else "error": " ".join(said.split())}))


if __name__ == "__main__":
    main(*sys.argv[1:])
