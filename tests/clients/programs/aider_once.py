"""aider, for one message: python aider_once.py URL MODEL WHAT [PROMPT]. Its file is sums.py."""

import json
import os
import subprocess
import sys
from pathlib import Path


def main(url: str, model: str, what: str, prompt: str = "Say hello.") -> None:
    Path("sums.py").write_text("def add(a, b):\n    return a - b\n")
    quiet = ["--yes-always", "--no-check-update", "--no-analytics", "--no-pretty", "--no-git"]
    done = subprocess.run(
        [
            os.environ["CLIENTS_AIDER"],
            *quiet,
            *("--no-show-model-warnings", "--no-stream", "--model", f"openai/{model}"),
            *("--file", "sums.py", "--message", prompt),
        ],
        env={**os.environ, "OPENAI_API_BASE": f"{url}/v1", "OPENAI_API_KEY": "none"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    print(json.dumps({"text": done.stdout[-2000:], "pieces": 1}))


if __name__ == "__main__":
    main(*sys.argv[1:])
