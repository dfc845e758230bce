"""`router study`, `probe`, `rate`, `judge` and `models`: what asks for labels, and the versions."""

import asyncio
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from router.cli.console import extra, stoppable
from router.cli.gateway import opened_log
from router.cli.progress import progress_of, shown
from router.errors import ArtifactError, ConfigError, InputError, NoSandbox
from router.registry import artifact as artifacts

if TYPE_CHECKING:
    from router.labelling.probes import Probe
    from router.settings import Settings

models_app = typer.Typer(invoke_without_command=True, help="The versions of the model.")
_VERDICTS = {"y": 1.0, "n": 0.0}
_ASKED = "What was answered is in the log; the same command goes on with the rest."
_JUDGED = "Verdicts so far are in the log; the same command goes on with other requests."
_UNKEPT = "Nothing of this comparison is kept; it begins anew."
_UNITS = {"s": 1, "m": 60, "h": 3600}
Budget = Annotated[str, typer.Option(help="How long at most: 90s, 30m, 2h.")]


def register(app: typer.Typer) -> None:
    """Add these commands to `app`."""
    app.command(epilog="Example: router study --model qwen2.5:3b --budget 2h --only-idle")(study)
    app.command(epilog="Example: router probe --model qwen3:8b")(probe)
    app.command(epilog="Example: router rate --count 10")(rate)
    app.command(epilog="Example: router judge --sample 50 --max-usd 0.50")(judge)
    app.add_typer(models_app, name="models")


def seconds(text: str) -> float:
    """A duration such as 90s, 30m or 2h in seconds. Raises InputError.

    >>> seconds("1.5h")
    5400.0
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", text.strip())
    if found is None:
        raise InputError(f"{text!r} is no duration; write 90s, 30m or 2h.")
    return float(found[1]) * _UNITS[found[2]]


def study(
    model: Annotated[
        str | None, typer.Option(help="The second local model; default: second_model, or the same.")
    ] = None,
    budget: Budget = "2h",
    only_idle: Annotated[
        bool, typer.Option("--only-idle", help="Wait while the gateway is in use.")
    ] = False,
    load: Annotated[
        float, typer.Option(min=0.05, max=1, help="Share of the time that the model may work.")
    ] = 1.0,
) -> None:
    """Ask a second local model about logged requests: labels that cost nothing."""
    ends = monotonic() + seconds(budget)  # what comes before the first question counts as well
    with extra("gateway"):
        from router.decide.router import Router
        from router.labelling.local import Local
        from router.labelling.second_opinions import study as work
        from router.settings import load_settings

        settings = load_settings()

        async def run() -> Any:
            async with Local(settings) as local:
                first = local.chosen(settings)
                second = local.model(model or settings.second_model or first).name
                router = Router.from_settings(settings, local_model=first)
                with opened_log(settings) as engine, progress_of("asking", ends) as progress:
                    return await work(
                        engine,
                        router,
                        local,
                        second=second,
                        budget_s=ends - monotonic(),
                        only_idle=only_idle,
                        load=load,
                        progress=progress,
                    )

        with stoppable(_ASKED):
            done = asyncio.run(run())
    print(
        f"{done.stored} second opinions in {done.seconds:.0f} s, {done.skipped} skipped, "
        f"{done.left} requests left. Next: router learn"
    )


def probe(
    model: Annotated[
        str | None, typer.Option(help="The local model; default: the one set.")
    ] = None,
    kinds: Annotated[list[str] | None, typer.Option(help="Only these kinds of probe.")] = None,
    count: Annotated[
        int | None, typer.Option(min=20, help="Only so many, of every kind alike; default: all.")
    ] = None,
    probes: Annotated[Path | None, typer.Option(help="Folder of probes of your own.")] = None,
    second: Annotated[
        str | None,
        typer.Option(help="Instead: how far this local model repeats the first one's mistakes."),
    ] = None,
) -> None:
    """Measure what a local model can do, without the cloud, and tell the router."""
    with extra("gateway"):
        from router.labelling.local import Local
        from router.labelling.probes import load_probes, sandbox
        from router.labelling.probes.checks import runs_code
        from router.labelling.probes.load import some
        from router.labelling.probes.measure import answer_probes, learned_version
        from router.registry.registry import Registry
        from router.registry.serving import writable
        from router.settings import load_settings

        settings = load_settings()
        chosen = [p for p in load_probes(probes) if not kinds or p.kind in kinds]
        if not chosen:
            raise InputError("There is no probe of that kind; leave --kinds out to use all.")
        code = [p for p in chosen if runs_code(p.check)]
        if code and (reason := sandbox.missing()):
            chosen = [p for p in chosen if p not in code]
            print(f"{len(code)} probes that run code are left out. {reason}", file=sys.stderr)
            if not chosen:
                raise NoSandbox(reason)
        if count is not None:
            chosen = some(chosen, count)

        if second is not None:
            _copied(settings, chosen, model, second)
            return

        async def run() -> Any:
            async with Local(settings) as local:
                found = local.model(model or local.chosen(settings))
                with opened_log(settings) as engine, progress_of("probing") as progress:
                    return found, await answer_probes(
                        engine, local, found, chosen, progress=progress
                    )

        with stoppable(_ASKED):
            served, good = asyncio.run(run())
        registry = Registry(writable(settings))
        measured, version = learned_version(registry, served, chosen, good)
    table = Table("kind", "passed", box=None)
    for kind, share in measured.kinds.items():
        table.add_row(kind, f"{share:.0%}")
    console = Console(highlight=False, soft_wrap=True)
    console.print(table)
    console.print(
        f"{measured.model} passes {measured.passed:.0%} of {measured.probes} probes. Its ability "
        f"moves from {measured.before:+.2f} to {measured.ability:+.2f} logits, the calibration "
        f"error of p_local on probes from {measured.ece_before:.3f} to {measured.ece:.3f}.\n"
        f"{version} is current and bound to these weights ({measured.digest[:19]}); "
        "back: router models rollback"
    )


def _copied(settings: "Settings", probes: "list[Probe]", model: str | None, second: str) -> None:
    """Measure what two local models copy, and tell the router."""
    import scipy.stats  # noqa: F401  # told at once if it is missing, not after all probes

    from router.decide.router import Router
    from router.labelling.local import Local
    from router.labelling.probes.pairs import copied_on, version_knowing
    from router.registry.registry import Registry
    from router.registry.serving import writable

    async def run() -> Any:
        async with Local(settings) as local:
            first = local.model(model or local.chosen(settings)).name
            other = local.model(second).name
            router = Router.from_settings(settings, local_model=first)
            with progress_of("probing") as progress:
                return await copied_on(local, router, first, other, probes, progress=progress)

    with stoppable(_UNKEPT):
        found = asyncio.run(run())
    version = version_knowing(Registry(writable(settings)), found)
    print(
        f"{found.first} fails {found.wrong} of {found.probes} probes. That {found.second} agrees "
        f"with it counts as if it repeated {found.share:.0%} of such mistakes; their names let "
        f"expect {found.expected:.0%}. {version} is current; back: router models rollback"
    )


def rate(
    count: Annotated[int, typer.Option(min=1, help="How many answers at most.")] = 10,
) -> None:
    """Rate answers that were drawn by lot: what promotion and rollback rest on."""
    with extra("gateway"):
        from router.outcomes import queries
        from router.settings import load_settings

        rated = 0
        with opened_log(load_settings()) as engine:
            waiting = queries.left_to_rate(engine)
            for one in queries.to_rate(engine, count):
                tier, answer = ("local", one.local) if one.local else ("cloud", one.cloud)
                print(f"\n--- request\n{one.request.text}\n--- answer\n{answer}\n---")
                said = typer.prompt("Good enough? y, n, s to skip, q to end", default="s")
                if said == "q":
                    break
                if said in _VERDICTS:
                    queries.add_verdict(engine, one.id, "user", {tier: _VERDICTS[said]})
                    rated += 1
        print(f"{rated} rated, {waiting - rated} of the audit are left. Next: router learn")


def judge(
    sample: Annotated[int, typer.Option(min=1, help="How many requests.")] = 50,
    max_usd: Annotated[
        float | None, typer.Option(min=0, help="Most to spend; default: judge_usd.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before spending.")] = False,
    at_random: Annotated[
        bool, typer.Option("--random", help="Choose all at random, as a quality floor needs.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Seed of the random half.")] = 0,
) -> None:
    """Let the cloud model say, blind, whether logged local answers were good enough."""
    with extra("gateway"):
        from router.app import Service
        from router.labelling import judge as judging
        from router.settings import load_settings

        settings = load_settings()
        cap = settings.judge_usd if max_usd is None else max_usd
        most = float("inf") if cap is None else cap

        async def run() -> Any:
            async with Service(settings) as service:
                engine = service.log.engine
                router = service.policy.router
                with shown(lambda: "choosing what to judge, from the whole log"):
                    found = judging.chosen(engine, router, sample, seed, at_random=at_random)
                usd = judging.estimated_usd(
                    found, router.prices, settings.cloud_model, settings.output_tokens
                )
                if not found:
                    return None
                print(
                    f"{len(found)} requests, about ${usd:.4f}; at most ${most:.2f} is spent. "
                    f"Requests and both answers go to {settings.cloud_model}."
                )
                if not yes and not typer.confirm("Go on?"):
                    return None
                with progress_of("judging") as progress:
                    return await judging.judge(
                        engine,
                        service.aside,
                        found,
                        settings.cloud_model,
                        max_usd=most,
                        output_tokens=settings.output_tokens,
                        progress=progress,
                    )

        with stoppable(_JUDGED):
            done = asyncio.run(run())
    if done is None:
        print("Nothing was judged.")
    else:
        print(
            f"{done.stored} verdicts for ${done.usd:.4f}, {done.skipped} skipped. "
            "Next: router learn"
        )


@models_app.callback()
def models(context: typer.Context) -> None:
    """List the versions, and what was said of them."""
    if context.invoked_subcommand is not None:
        return
    from router.registry.registry import Registry
    from router.settings import load_settings

    settings = load_settings()
    table = Table("version", "role", "made", "from", "said of it", box=None)
    for one in Registry(settings.models_dir).versions():
        table.add_row(one.name, one.role, one.created_at[:16], one.base, one.words)
    console = Console(highlight=False, soft_wrap=True)
    console.print(table)
    for sentence in _promises(settings):
        console.print(sentence)
    with extra("gateway"), opened_log(settings) as engine:
        from router.outcomes.events import recent

        for event in recent(engine):
            when = datetime.fromtimestamp(event.at, UTC)
            console.print(f"{when:%Y-%m-%d %H:%M}  {event.kind}: {event.words}")


def _promises(settings: "Settings") -> list[str]:
    """What the version in use can promise; of one that cannot be loaded, why."""
    from router.decide.promises import promises
    from router.decide.router import Router

    try:
        return promises(Router.from_settings(settings))
    except (ArtifactError, ConfigError) as error:
        return [str(error)]


@models_app.command(epilog="Example: router models rollback")
def rollback() -> None:
    """Go back to the version before the last promotion."""
    from router.registry.registry import Registry
    from router.settings import load_settings

    settings = load_settings()
    with extra("gateway"), opened_log(settings) as engine:
        from router.outcomes.events import listener
        from router.registry.shared import publishers

        models = settings.models_dir
        registry = Registry(models, listener(engine), *publishers(settings.models_url, models))
        version = registry.roll_back("by hand.")
    print(f"{version} is current; a running gateway takes it within seconds.")


@models_app.command(epilog="Example: router models publish learned-402fa339fe-0")
def publish(
    version: Annotated[
        str, typer.Argument(help="The version; default: the one in use here.")
    ] = artifacts.POINTER,
) -> None:
    """Hand a version on to every gateway that follows models_url."""
    from router.settings import load_settings

    settings = load_settings()
    if settings.models_url is None:
        raise ConfigError("models_url is not set; it says where versions are published.")
    with extra("gateway"):
        from router.registry.shared import SharedModels, shown

        SharedModels(settings.models_url).publish(settings.models_dir, version)
    name = artifacts.resolve(settings.models_dir, version).name
    print(f"{name} is current at {shown(settings.models_url)}; gateways take it within 10 seconds.")


@models_app.command(epilog="Example: router models tidy")
def tidy() -> None:
    """Remove refused versions but the last three; what is in use or was before stays."""
    from router.registry.registry import Registry
    from router.settings import load_settings

    settings = load_settings()
    with extra("gateway"), opened_log(settings) as engine:
        from router.outcomes.events import refused

        gone = Registry(settings.models_dir).tidy(refused(engine))
    print(f"Removed {', '.join(gone)}." if gone else "There is nothing to tidy up.")
