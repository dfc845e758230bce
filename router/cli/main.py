"""The command line: `router predict`, `explain` and `after`; the other files have the others."""

import json
import sys
from importlib.metadata import entry_points
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from router.cli import gateway as cli_gateway
from router.cli import init as cli_init
from router.cli import loop as cli_loop
from router.cli import top as cli_top
from router.cli.console import run
from router.decide.router import Router
from router.errors import RouterError
from router.registry import artifact as artifacts
from router.types import Decision, Explanation

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _version(asked: bool) -> None:
    if asked:
        print(f"hybrid-router {package_version('hybrid-router')}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_version, is_eager=True, help="Say which version this is."
        ),
    ] = False,
) -> None:
    """Decides whether a request can be answered locally or needs the cloud."""


cli_init.register(app)
cli_gateway.register(app)
cli_top.register(app)
cli_loop.register(app)
for _added in entry_points(group="router.commands"):  # what other packages bring: learn, what-if
    _added.load()(app)
Prompt = Annotated[str, typer.Argument(help="The prompt, or - to read it from standard input.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Model = Annotated[Path | None, typer.Option(help="A model folder; default: the current one.")]
Local = Annotated[str | None, typer.Option(help="The local model, e.g. qwen2.5:3b.")]
Cloud = Annotated[str | None, typer.Option(help="The cloud model, e.g. claude-sonnet-5-5.")]
Threshold = Annotated[float | None, typer.Option(help="Cut on the gain, -1 to 1.")]
Share = Annotated[float | None, typer.Option(help="Share of traffic for the cloud, 0 to 1.")]
Quality = Annotated[float | None, typer.Option(help="Share of the quality gap to recover.")]
Floor = Annotated[
    float | None, typer.Option(help="As good as the cloud's answers at least, 0.5 to 1.")
]
Value = Annotated[float | None, typer.Option(help="Dollars that a good answer is worth.")]


@app.command(epilog='Example: router predict "Prove that the square root of 2 is irrational."')
def predict(
    prompt: Prompt,
    as_json: AsJson = False,
    model: Model = None,
    local_model: Local = None,
    cloud_model: Cloud = None,
    threshold: Threshold = None,
    cloud_share: Share = None,
    quality_share: Quality = None,
    quality_floor: Floor = None,
    value_usd: Value = None,
) -> None:
    """Say where a prompt should go, with probabilities, threshold, price and reason."""
    router = _router(
        model,
        local_model=local_model,
        cloud_model=cloud_model,
        threshold=threshold,
        cloud_share=cloud_share,
        quality_share=quality_share,
        quality_floor=quality_floor,
        value_usd=value_usd,
    )
    decision = router.predict(_text(prompt))
    if as_json:
        print(json.dumps(decision.as_dict()))
    else:
        show(decision)


@app.command(epilog='Example: router explain "Translate good morning into French." --json')
def explain(
    prompt: Prompt,
    as_json: AsJson = False,
    model: Model = None,
    local_model: Local = None,
    cloud_model: Cloud = None,
    threshold: Threshold = None,
    cloud_share: Share = None,
    quality_share: Quality = None,
    quality_floor: Floor = None,
    value_usd: Value = None,
) -> None:
    """Say where a prompt should go and which features pushed it there."""
    router = _router(
        model,
        local_model=local_model,
        cloud_model=cloud_model,
        threshold=threshold,
        cloud_share=cloud_share,
        quality_share=quality_share,
        quality_floor=quality_floor,
        value_usd=value_usd,
    )
    text = _text(prompt)
    explanation = router.explain(text)
    trail = _trail(text)
    if as_json:
        print(json.dumps({**_plain(explanation), "trail": trail}))
    else:
        _show_explanation(explanation)
        _show_trail(trail)


@app.command(epilog='Example: router after "7 times 7?" "It is 49." --other "49"')
def after(
    prompt: Prompt,
    answer: Annotated[str, typer.Argument(help="The local model's answer.")],
    other: Annotated[
        list[str] | None, typer.Option(help="Another local model's answer; up to two.")
    ] = None,
    as_json: AsJson = False,
    model: Model = None,
    local_model: Local = None,
    cloud_model: Cloud = None,
) -> None:
    """Say whether to keep a local answer, knowing it and what other local models answered."""
    router = _router(model, local_model=local_model, cloud_model=cloud_model)
    decision = router.predict(_text(prompt))
    explanation = router.explain_after(decision, answer, other or [])
    if as_json:
        print(json.dumps(_plain(explanation)))
    else:
        _show_explanation(explanation)


def show(decision: Decision) -> None:
    """Print a decision for a person."""
    console = Console(highlight=False)
    colour = "yellow" if decision.tier == "cloud" else "green"
    console.print(f"[bold {colour}]{decision.tier}[/]  {decision.reason}", soft_wrap=True)
    if decision.act == "look":
        console.print("Ask a second local model before deciding: it pays.", soft_wrap=True)
    console.print(
        f"[dim]a cloud answer would cost about ${decision.est_cost_usd:.4f}; "
        f"model {decision.model_version}[/]",
        soft_wrap=True,
    )


def _show_explanation(explanation: Explanation) -> None:
    show(explanation.decision)
    table = Table("contribution", "toward", "by (logits)", box=None)
    for one in explanation.contributions:
        table.add_row(one.feature, "cloud" if one.logits > 0 else "local", f"{abs(one.logits):.2f}")
    Console().print(table)
    for note in explanation.notes:
        print(f"Note: {note}")


def _trail(prompt: str) -> list[dict[str, object]]:
    """Every rule of the gateway with its word on this prompt; none if the gateway cannot be opened.

    The rules look at the settings of this folder, the local server and the budget as they are.
    """
    import asyncio

    from router.settings import load_settings

    try:
        from router.app import Service
        from router.engine.call import Call
    except ModuleNotFoundError:
        return []

    async def look() -> list[dict[str, object]]:
        body = {"model": "auto", "messages": [{"role": "user", "content": prompt}]}
        async with Service(load_settings()) as service:
            record = await service.dispatcher.explain(Call.of("openai", body))
            return [step.as_dict() for step in record.plan.trail]

    try:
        return asyncio.run(look())
    except RouterError as error:
        return [{"rule": "none", "left": [], "words": str(error)}]


def _show_trail(trail: list[dict[str, object]]) -> None:
    table = Table("rule of the gateway", "what it says", box=None)
    for step in trail:
        table.add_row(str(step["rule"]), str(step["words"]))
    if trail:
        Console(highlight=False).print(table)


def _router(model: Path | None, **overrides: object) -> Router:
    from router.settings import load_settings

    if model is not None:
        folder = artifacts.locate(model).resolve()
        overrides |= {"models_dir": folder.parent, "version": folder.name}
    return Router.from_settings(load_settings(**overrides))


def _text(prompt: str) -> str:
    if prompt != "-":
        return prompt
    return sys.stdin.buffer.read().decode("utf-8", "replace")


def _plain(explanation: Explanation) -> dict[str, object]:
    return {
        "decision": explanation.decision.as_dict(),
        "contributions": [
            {"feature": p.feature, "logits": p.logits} for p in explanation.contributions
        ],
        "notes": list(explanation.notes),
    }


def main() -> None:
    """Entry point of the `router` command."""
    run(app)
