"""llm on the command line: python llm_cli.py MODEL_ID URL MODEL WHAT.

MODEL_ID is the one that extra-openai-models.yaml, in its home, gives to the gateway's MODEL.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

LOOK = 'def look(where: str) -> str:\n    "Looks around."\n    return "from-the-tool"'


def main(name: str, url: str, model: str, what: str) -> None:
    command = [str(Path(sys.executable).with_name("llm")), "-m", name, "--no-log"]
    if what == "text":
        command.append("--no-stream")
    if what == "tool":
        command += ["--functions", LOOK]
    command.append("Use your tool." if what == "tool" else "Say hello.")
    done = subprocess.run(
        command,
        env={**os.environ, "LLM_USER_PATH": str(Path.home())},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    told = {"error": done.stderr} if done.returncode else {"text": done.stdout}
    print(json.dumps({name: words.strip() for name, words in told.items()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
