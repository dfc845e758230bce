"""Continue without an editor: python continue_cli.py URL MODEL WHAT [PROMPT].

It always streams, and is set up by ~/.continue/config.yaml.
"""

import json
import os
import subprocess
import sys
from pathlib import Path


def main(url: str, model: str, what: str, prompt: str = "Say hello.") -> None:
    config = str(Path.home() / ".continue" / "config.yaml")
    command = [f"{os.environ['CLIENTS_NPM']}/cn", "-p", "--auto", "--config", config]
    done = subprocess.run(
        [*command, "Use your tool." if what == "tool" else prompt],
        env={**os.environ, "CONTINUE_TELEMETRY_ENABLED": "0"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        print(json.dumps({"error": done.stderr or done.stdout}))
    else:
        print(json.dumps({"text": done.stdout.strip()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
