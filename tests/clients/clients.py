"""Which real clients are driven, and how one is run.

A client is a program in `programs/` and a line in `CLIENTS`. The program is run by the clients' own
Python as `python PROGRAM [ARGUMENT...] URL MODEL WHAT`, where URL is the gateway's root and WHAT is

- `text`: ask "Say hello.";
- `stream`: the same as a stream;
- `tool`: ask "Use your tool.", let the model call it, carry it out, and bring its result back.

It prints one JSON object: `text` is what a person would read at the end, `pieces` how many parts of
a stream came (0: it does not tell), `error` what the client tells of a failure. It raises nothing
and needs no network. The models of `upstreams.py` call the first tool whose name stands there in
`ARGUMENTS`.
"""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import ROOT
from tests.clients.pages import configured

PYTHON = Path(os.environ.get("TEST_CLIENTS", ROOT / ".venv-clients")) / "bin" / "python"
NPM = Path(os.environ.get("TEST_CLIENTS_NPM", ROOT / ".npm-clients")) / "node_modules" / ".bin"
AIDER = Path(os.environ.get("TEST_CLIENTS_AIDER", ROOT / ".venv-aider")) / "bin" / "aider"
PROGRAMS = ROOT / "tests" / "clients" / "programs"
PATIENCE_S = 120
RESULT = "from-the-tool"  # what every tool answers, for the model to repeat


@dataclass(frozen=True)
class Client:
    """One way in which somebody talks to the gateway.

    `command`: a program and its arguments. `tools`, `streams`: whether it has any. `npm`: the
    command of the npm part that it runs, if it is one. `reads`: a file below its home that it is
    set up by, with the page and the language of what `docs/clients` tells to write there.
    """

    name: str
    command: tuple[str, ...]
    tools: bool = True
    streams: bool = True
    npm: str = ""
    reads: tuple[str, str, str] | None = None


_LLM = ("extra-openai-models.yaml", "llm", "yaml")
CLAUDE_CODE = Client(
    "claude-code",
    ("claude_code.py",),
    npm="claude",
    reads=(".claude/settings.json", "claude-code", "json"),
)
CODEX = Client("codex", ("codex.py",), npm="codex", reads=(".codex/config.toml", "codex", "toml"))
CONTINUE = Client(
    "continue",
    ("continue_cli.py",),
    npm="cn",
    reads=(".continue/config.yaml", "continue", "yaml"),
)
AIDER_ONCE = Client(
    "aider",
    ("aider_once.py",),
    tools=False,
    streams=False,
    reads=(".aider.conf.yml", "aider", "yaml"),
)
CLIENTS = (
    Client("openai-chat", ("openai_sdk.py", "chat")),
    Client("openai-responses", ("openai_sdk.py", "responses")),
    Client("openai-completions", ("openai_sdk.py", "completions"), tools=False),
    Client("ollama-chat", ("ollama_sdk.py", "chat")),
    Client("ollama-generate", ("ollama_sdk.py", "generate"), tools=False),
    Client("anthropic-sdk", ("anthropic_sdk.py",)),
    Client("langchain-openai", ("langchain_chat.py", "openai")),
    Client("langchain-anthropic", ("langchain_chat.py", "anthropic")),
    Client("langchain-ollama", ("langchain_chat.py", "ollama")),
    Client("pydantic-ai-chat", ("pydantic_agent.py", "chat")),
    Client("pydantic-ai-responses", ("pydantic_agent.py", "responses")),
    Client("pydantic-ai-anthropic", ("pydantic_agent.py", "anthropic")),
    Client("litellm-openai", ("litellm_sdk.py", "openai")),
    Client("litellm-anthropic", ("litellm_sdk.py", "anthropic")),
    Client("litellm-ollama", ("litellm_sdk.py", "ollama_chat")),
    Client("llm-chat", ("llm_cli.py", "router"), reads=_LLM),
    Client("llm-responses", ("llm_cli.py", "router-responses"), reads=_LLM),
    CODEX,
    CLAUDE_CODE,
    CONTINUE,
    AIDER_ONCE,
)


@dataclass(frozen=True)
class Told:
    """What a client said."""

    text: str = ""
    pieces: int = 0
    error: str = ""


def run(client: Client, url: str, model: str, what: str, home: Path, *prompt: str) -> Told:
    """Run a client once. `home`: a folder that it may take for its user's; `prompt`: what to ask
    instead of "Say hello.", where the program takes it.
    """
    needed(PYTHON)
    if client.name == "aider":
        needed(AIDER)
    if client.npm:
        needed(NPM / client.npm)
    program, *arguments = client.command
    command = [str(PYTHON), str(PROGRAMS / program), *arguments, url, model, what, *prompt]
    home.mkdir(exist_ok=True)
    if client.reads:
        where, page, language = client.reads
        (home / where).parent.mkdir(exist_ok=True)
        (home / where).write_text(configured(page, language, url, model), encoding="utf-8")
    kept = {k: v for k, v in os.environ.items() if k in ("PATH", "LANG", "TMPDIR")}
    env = {**kept, "HOME": str(home), "CLIENTS_NPM": str(NPM), "NO_PROXY": "127.0.0.1"}
    env["CLIENTS_AIDER"] = str(AIDER)
    done = subprocess.run(
        command,
        env=env,
        cwd=home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return Told(**json.loads(done.stdout.splitlines()[-1]))


def needed(path: Path) -> None:
    """Skip where a client is not installed; fail where it must be."""
    if path.exists():
        return
    words = f"{path} is not there; `make test-clients` installs it"
    if os.environ.get("CI"):
        pytest.fail(words)
    pytest.skip(words)
