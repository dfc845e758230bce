"""What every command offers: its arguments, options, defaults and words."""

import json
from pathlib import Path
from typing import Any

import typer

GOLDEN = Path(__file__).with_name("golden_helps.json")


def helps(name: str, command: Any) -> dict[str, Any]:
    """Command -> its help and parameters, subcommands included."""
    out = {
        name: {
            "help": command.help,
            "epilog": command.epilog,
            "parameters": {
                p.name: [list(p.opts), p.required, getattr(p, "help", None)]
                for p in command.params
                if not {"--install-completion", "--show-completion"} & set(p.opts)
            },
        }
    }
    for sub, inner in sorted(getattr(command, "commands", {}).items()):
        out |= helps(f"{name} {sub}", inner)
    return out


if __name__ == "__main__":
    from router.cli.main import app as router_app
    from training.cli.main import app as training_app

    apps = {"router": router_app, "training": training_app}
    found = {n: helps(n, typer.main.get_command(a)) for n, a in apps.items()}
    GOLDEN.write_text(json.dumps(found, indent=1) + "\n")
