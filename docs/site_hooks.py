"""What the site adds to the pages: pages that stand elsewhere in the tree, and generated tables.

Nothing generated is kept: settings, commands and metrics come from the code at every build.
"""

import json
import posixpath
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.plugins import event_priority
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

_ELSEWHERE = (
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "models/README.md",
    "models/BENCHMARK.md",
    "models/BENCHMARK-LOOP.md",
    "data/README.md",
    "data/traffic/README.md",
    "notebooks/*.ipynb",
)
_LINK = re.compile(r"\[([^\]]*)\]\((?!https?:|mailto:)([^)#\s]*)(#[^)]*)?\)")
_MADE = re.compile(r"<!-- generated: (\w+) -->")


@event_priority(100)  # before the plugin that renders notebooks
def on_files(files: Files, config: Any) -> Files:
    """Take in the pages that stand outside the folder of documents, under their own paths."""
    for pattern in _ELSEWHERE:
        for path in sorted(ROOT.glob(pattern)):
            name = path.relative_to(ROOT).as_posix()
            directories = config.use_directory_urls
            files.append(File(name, str(ROOT), config.site_dir, directories))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Fill in what is generated, and lead links where the site has the page."""
    uri = page.file.src_uri
    inside = (ROOT / "docs" / uri).exists()
    home = posixpath.dirname(f"docs/{uri}" if inside else uri)
    filled = _MADE.sub(lambda found: "\n".join(_TABLES[found[1]]()), markdown)
    return _LINK.sub(lambda found: _led(found, home, posixpath.dirname(uri), files), filled)


def _led(found: re.Match[str], home: str, here: str, files: Files) -> str:
    """A link as the site has it; what the site does not show becomes its path."""
    words, link, anchor = found[1], found[2], found[3] or ""
    if not link:
        return found[0]
    path = posixpath.normpath(posixpath.join(home, link))
    target = path.removeprefix("docs/") if path.startswith("docs/") else path
    if files.get_file_from_path(target) is None:
        return words if words.startswith("`") else f"{words} (`{path}`)"
    return f"[{words}]({posixpath.relpath(target, here or '.')}{anchor})"


def _settings() -> Iterator[str]:
    from router.settings import Settings, TierSettings

    text = (ROOT / "router" / "router.example.toml").read_text(encoding="utf-8")
    said = dict(explained(text))
    for name, field in Settings.model_fields.items():
        kind = str(field.annotation).replace("typing.", "").replace("pathlib.", "")
        kind = re.sub(r"<class '(?:[\w.]*\.)?(\w+)'>|router\.[\w.]*\.(\w+)", r"\1\2", kind)
        default = "" if field.is_required() else _default(field)
        yield f"### `{name}`\n\n{said[name]}\n\n*{_plain(kind)}*{default}\n"
    yield "### Keys of `[local_limits]` and `[cloud_limits]`\n\n| key | default |\n|---|---|"
    for name, field in TierSettings.model_fields.items():
        yield f"| `{name}` | `{field.default}` |"


def _default(field: Any) -> str:
    if field.default_factory is not None:
        return "; default: in your data folder, or what came with the package"
    shown = json.dumps(field.default, default=str) if field.default is not None else "not set"
    return f"; default `{shown}`" if len(shown) < 60 else ""


def _plain(kind: str) -> str:
    return kind.replace("[", "\\[").replace("]", "\\]").replace("<", "&lt;").replace("|", "or")


def explained(example: str) -> Iterator[tuple[str, str]]:
    """Each setting of the example file with the words before it, and those behind it."""
    before: list[str] = []  # the last comment in prose
    behind: list[str] = []  # and what stands beside the setting
    name, fresh = "", True
    for line in [*example.splitlines(), ""]:
        beside = re.match(r"\s{5,}# (.*)", line)
        if name and beside:
            behind.append(beside[1])
            continue
        if name:
            yield name, " ".join([*before, *behind])
            name = ""
        if found := re.match(r"#\[?(\w+)\]?(?: = .*?)?(?:\s{2,}# (.*))?$", line):
            name, behind, fresh = found[1], [found[2]] if found[2] else [], True
        elif line.startswith("# ") and not line.startswith("# ---"):
            before = [line[2:]] if fresh else [*before, line[2:]]
            fresh = False
        elif not line.startswith("#"):
            before, fresh = [], True


def _commands() -> Iterator[str]:
    import typer

    from router.cli.main import app as router_app
    from tests.nets.helps import helps
    from training.cli.main import app as training_app

    for name, app in (("router", router_app), ("python -m training", training_app)):
        for command, about in helps(name, typer.main.get_command(app)).items():
            yield f"### `{command}`\n\n{about['help'] or ''}\n"
            if about["epilog"]:
                what, _, line = about["epilog"].partition(": ")
                yield f"{what}: `{line}`\n"
            rows = [
                f"| `{', '.join(names)}` | {words or ''} |"
                for names, _, words in about["parameters"].values()
                if names != ["--help"]
            ]
            if rows:
                yield "\n".join(["| option | |", "|---|---|", *rows, ""])


def _metrics() -> Iterator[str]:
    from router.gateway.metrics import Metrics

    nobody: Any = None  # a service is only asked when numbers are
    yield "| metric | labels | what it counts |"
    yield "|---|---|---|"
    for name, labels, words in Metrics(nobody).described:
        yield f"| `{name}` | {', '.join(f'`{label}`' for label in labels)} | {words} |"


_TABLES = {"settings": _settings, "commands": _commands, "metrics": _metrics}
