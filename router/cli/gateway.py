"""`router serve`, `doctor`, `ask`, `savings`, `key` and `log export`."""

import asyncio
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import time
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from router.cli.asking import asked
from router.cli.console import extra
from router.cli.progress import progress_of
from router.errors import ConfigError, InputError

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from router.settings import Settings

log_app = typer.Typer(no_args_is_help=True, help="The outcome log.")
Url = Annotated[str | None, typer.Option(help="Address of the local server.")]
_DAY_S = 86_400


def register(app: typer.Typer) -> None:
    """Add these commands to `app`."""
    app.command(epilog="Example: router serve --port 8787")(serve)
    app.command(epilog="Example: router doctor")(doctor)
    app.command(epilog='Example: router ask "Why is the sky blue?"')(ask)
    app.command(epilog="Example: router savings --days 30")(savings)
    app.command(epilog="Example: router key laptop")(key)
    app.add_typer(log_app, name="log")


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port; 0 takes a free one.")] = None,
    local_url: Url = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes that answer at the one address.")
    ] = None,
    embedded: Annotated[
        bool, typer.Option("--embedded", help="Run a small model inside; weak, but real.")
    ] = False,
) -> None:
    """Serve every tool on this machine: one address for the local model and Claude."""
    with extra("gateway"):
        from router.gateway.serving import serve as run
        from router.gateway.worker import Worker

        given: dict[str, object] = {"host": host, "port": port, "local_url": local_url}
        given["workers"] = workers
        if embedded and Worker.told() is None:  # one model for all workers
            from router.gateway.embedded import NAME, Embedded

            inside = Embedded()
            given |= {"local_url": inside.url, "local_model": NAME}
        run(given)


def doctor() -> None:
    """Check each part and say how to mend it."""
    from router.settings import load_settings

    with extra("gateway"):
        from router.gateway.doctor import examine

        checks = asyncio.run(examine(load_settings()))
    console = Console(highlight=False, soft_wrap=True)
    for check in checks:
        mark = "[green]ok  [/]" if check.good else "[red]bad [/]"
        console.print(f"{mark} {check.part}: {escape(check.words)}")
        if check.fix:
            console.print(f"       fix: {escape(check.fix)}")
    if not all(c.good for c in checks):
        raise SystemExit(1)


def ask(
    prompt: Annotated[str, typer.Argument(help="The question, or - to read it from stdin.")],
    tier: Annotated[str, typer.Option(help="auto, local or cloud.")] = "auto",
    model: Annotated[str | None, typer.Option(help="One model by its name.")] = None,
    private: Annotated[bool, typer.Option("--private", help="Keep it on this machine.")] = False,
) -> None:
    """Ask and stream the answer; who answered and why goes to stderr."""
    if tier not in ("auto", "local", "cloud"):
        raise InputError("--tier must be auto, local or cloud.")
    from router.settings import load_settings

    text = sys.stdin.buffer.read().decode("utf-8", "replace") if prompt == "-" else prompt
    with extra("gateway"):
        asyncio.run(asked(load_settings(), text, tier, model, private))


def savings(
    days: Annotated[int, typer.Option(min=1, help="How many days back.")] = 30,
) -> None:
    """What was spent, against everything to the cloud and everything local."""
    from router.settings import load_settings

    with extra("gateway"):
        from router.outcomes.savings import savings as sums

        with opened_log(load_settings()) as engine:
            found = sums(engine, time() - days * _DAY_S)
    table = Table(box=None, show_header=False)
    table.add_row("requests", f"{found.requests} in {days} days")
    table.add_row("answered locally", f"{found.local}, {found.private} of them private")
    if found.background:
        table.add_row("in the background", f"{found.background}, by clients for themselves")
    table.add_row("answered by the cloud", f"{found.cloud}, {found.escalated} after a look")
    table.add_row("without an answer", str(found.refused))
    table.add_row("spent", f"${found.spent_usd:.4f}, exploring ${found.exploration_usd:.4f} of it")
    table.add_row(
        "all to the cloud", f"${found.all_cloud_usd:.4f}, {found.estimated:.0%} of it estimated"
    )
    table.add_row("all local", "$0")
    if found.cache_usd or found.switch_usd:
        saved, paid = f"${found.cache_usd:.4f}", f"${found.switch_usd:.4f}"
        table.add_row("the cloud's cache", f"saved {saved}, {paid} paid to write it anew")
    table.add_row("saved", f"${found.saved_usd:.4f} against all to the cloud")
    Console(highlight=False).print(table)


def key(
    name: Annotated[str, typer.Argument(help="Whose key it is.")],
    in_log: Annotated[
        bool, typer.Option("--log", help="Put it into the log, for all gateways that share it.")
    ] = False,
    revoke: Annotated[
        bool, typer.Option("--revoke", help="Take one back that was put into the log.")
    ] = False,
) -> None:
    """Make an API key; only its hash goes into router.toml, or into the log."""
    with extra("gateway"):
        from router.gateway.auth import hash_of
    made = "rk-" + secrets.token_urlsafe(32)
    if revoke:
        _tell_key(name, "")
        print(f"The key of {name} in the log counts no longer, within seconds.")
    elif in_log:
        _tell_key(name, hash_of(made))
        print(f"The key of {name}, shown once:\n  {made}")
        print("It counts within seconds on every gateway that shares the log and has api_keys.")
    else:
        print(f"The key of {name}, shown once:\n  {made}\nAdd to router.toml:")
        print(f'  [api_keys]\n  {name} = "{hash_of(made)}"')


def _tell_key(name: str, digest: str) -> None:
    """Put a key's hash into the log; an empty one takes it back. Raises ConfigError."""
    from router.outcomes.database import is_server
    from router.outcomes.shared import KEY, Note, tell
    from router.settings import load_settings

    settings = load_settings()
    if not is_server(settings.log_url):
        raise ConfigError("Gateways share keys through a log on PostgreSQL; see log_url.")
    with opened_log(settings) as engine:
        tell(engine, Note(KEY, name, digest))


@log_app.command(epilog="Example: router log export --out outcomes.parquet")
def export(
    out: Annotated[Path, typer.Option(help="A .jsonl, .csv or .parquet file.")],
    what: Annotated[
        str, typer.Option(help="outcomes (rated answers) or answers (of local models).")
    ] = "outcomes",
) -> None:
    """Write the log in the form that training reads."""
    from router.settings import load_settings

    if what not in ("outcomes", "answers"):
        raise InputError("--what must be outcomes or answers.")
    with extra("gateway"):
        from router.outcomes import export as exports

        read = exports.outcomes if what == "outcomes" else exports.answers
        with opened_log(load_settings()) as engine, progress_of("reading requests") as progress:
            count = exports.write(read(engine, progress), out)
    print(f"{count} rows in {out}.")


@log_app.command(epilog="Example: router log dump log-backup")
def dump(folder: Annotated[Path, typer.Argument(help="Folder to write to.")]) -> None:
    """Write the whole log as text, to keep it or to load it elsewhere."""
    from router.settings import load_settings

    with extra("gateway"):
        from router.outcomes import transfer

        with opened_log(load_settings()) as engine, progress_of("writing rows") as progress:
            counts = transfer.dump(engine, folder, progress)
    print(f"{counts['decisions']} requests in {folder}.")


@log_app.command(epilog="Example: router log load log-backup")
def load(folder: Annotated[Path, typer.Argument(help="Folder that dump wrote.")]) -> None:
    """Load a dump into an empty log."""
    from router.settings import load_settings

    with extra("gateway"):
        from router.outcomes import transfer

        with opened_log(load_settings()) as engine, progress_of("loading rows") as progress:
            counts = transfer.load(folder, engine, progress)
    print(f"{counts['decisions']} requests loaded.")


@contextmanager
def opened_log(settings: "Settings") -> Iterator["Engine"]:
    """The outcome log's database for the length of a block. Raises LogError."""
    from router.outcomes.database import open_database

    engine = open_database(settings.log_url)
    try:
        yield engine
    finally:
        engine.dispose()
