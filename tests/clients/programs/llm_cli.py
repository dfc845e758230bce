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
    env = {**os.environ, "LLM_USER_PATH": str(Path.home()), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout and process.stderr
        pieces = list(iter(lambda: os.read(process.stdout.fileno(), 65536), b""))  # as they come
        failure = process.stderr.read().decode().strip()
    told: dict[str, object] = {"text": b"".join(pieces).decode().strip(), "pieces": len(pieces)}
    print(json.dumps({"error": failure} if process.returncode else told))


if __name__ == "__main__":
    main(*sys.argv[1:])
