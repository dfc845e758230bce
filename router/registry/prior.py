"""How able a model is that nobody measured: what its size and its generation suggest.

A ridge regression of the measured abilities on the logarithm of the size and the month of release.
Each of the 19 models measured left out, it errs by 0.30 logits (root mean square); the ability of
the model of nearest size errs by 0.59 (tests/router/registry/test_prior.py). What was made
for tool calls is apart: measured by these alone, it says nothing of other models of its size.
"""

import re
from collections.abc import Mapping
from math import log, sqrt

import numpy as np

# When a family appeared, (year, month), by its publisher's announcement.
_RELEASED = {
    "aya": (2024, 10),
    "codellama": (2023, 8),
    "commandr": (2024, 12),
    "deepseekcoder": (2023, 11),
    "deepseekr1": (2025, 1),
    "exaone": (2024, 12),
    "falcon3": (2024, 12),
    "functionary": (2024, 7),
    "gemma": (2024, 2),
    "gemma2": (2024, 6),
    "gemma3": (2025, 3),
    "glm4": (2024, 6),
    "gptoss": (2025, 8),
    "granite3": (2024, 10),
    "hermes2pro": (2024, 3),
    "llama2": (2023, 7),
    "llama3": (2024, 4),
    "llama3.1": (2024, 7),
    "llama3.2": (2024, 9),
    "llama3.3": (2024, 12),
    "mathstral": (2024, 7),
    "ministral": (2024, 10),
    "mistral": (2023, 12),
    "mistralnemo": (2024, 7),
    "mistralsmall": (2025, 1),
    "mixtral": (2023, 12),
    "nemotronmini": (2024, 9),
    "olmo2": (2024, 11),
    "openchat": (2023, 11),
    "openfunctionsv2": (2024, 2),
    "phi2": (2023, 12),
    "phi3": (2024, 4),
    "phi3.5": (2024, 8),
    "phi4": (2024, 12),
    "qwen1.5": (2024, 2),
    "qwen2": (2024, 6),
    "qwen2.5": (2024, 9),
    "qwen3": (2025, 4),
    "smollm": (2024, 7),
    "smollm2": (2024, 11),
    "smollm3": (2025, 7),
    "tinyllama": (2024, 1),
    "vicuna": (2023, 7),
    "xlam": (2024, 7),
    "yi": (2023, 11),
    "yi1.5": (2024, 5),
    "zephyr": (2023, 10),
}
SIZE = re.compile(r"(?:(\d+)x)?(\d+(?:\.\d+)?)(b|m)(?![a-z])")
_ACTIVE = re.compile(r"\ba(\d+(?:\.\d+)?)b\b")
_FOR_TOOLS = re.compile(r"xlam|openfunctions|functionary|hermes.?2|-fc\b")
_EXPERTS_AT_ONCE = 2  # of a mixture named like 8x7b (arXiv 2401.04088)
_LEAST_MODELS = 6  # chosen: fewer do not tell size from generation
_RIDGE = 0.1  # chosen by leaving models out; 0.01 to 0.3 lie within 0.05 logits of each other
_AHEAD_YEARS = 0.5  # chosen: progress is believed so far beyond the newest model measured


def released(name: str) -> float | None:
    """When a model's family appeared, in years, as far as its name tells.

    >>> released("qwen2.5:7b"), released("Gemma-2B-it"), released("my-own:7b")
    (2024.75, 2024.1666666666667, None)
    """
    plain = re.sub(r"[^a-z0-9.]", "", SIZE.sub("", name.lower(), count=1))
    found = [family for family in _RELEASED if family in plain]
    if not found:
        return None
    year, month = _RELEASED[max(found, key=len)]
    return year + month / 12


def is_for_tools(name: str) -> bool:
    """Whether a model was made for calling tools, as far as its name tells.

    >>> is_for_tools("Salesforce_xLAM-1b-fc-r"), is_for_tools("qwen3:8b")
    (True, False)
    """
    return _FOR_TOOLS.search(name.lower()) is not None


def effective_size(name: str, size: float) -> float:
    """Billions of parameters that count: for a mixture of experts the geometric mean of all and
    those active at once.

    >>> round(effective_size("qwen3:30b-a3b", 30.0), 1)
    9.5
    """
    lower = name.lower()
    if active := _ACTIVE.search(lower):
        return sqrt(size * float(active[1]))
    experts = SIZE.search(lower)
    if experts and experts[1]:
        return sqrt(size * _EXPERTS_AT_ONCE * float(experts[2]))
    return size


def prior_ability(
    name: str, size: float, known: Mapping[str, float], sizes: Mapping[str, float]
) -> float | None:
    """The ability, in logits, that `known` models (name -> logits) suggest for one of this name.

    `size`, `sizes`: billions of parameters of it, and of the known ones that tell. None where too
    few of these tell their size and generation.
    """
    usable = [k for k in sizes if released(k) is not None and not is_for_tools(k)]
    if len(usable) < _LEAST_MODELS:
        return None
    rows = np.array([[log(effective_size(k, sizes[k])), released(k)] for k in usable])
    y = np.array([known[k] for k in usable])
    centre = rows.mean(axis=0)
    x = rows - centre
    weights = np.linalg.solve(x.T @ x + _RIDGE * np.eye(2), x.T @ (y - y.mean()))
    when = released(name)
    newest = rows[:, 1].max() + _AHEAD_YEARS
    own = np.array(
        [log(effective_size(name, size)), centre[1] if when is None else min(when, newest)]
    )
    return float(y.mean() + (own - centre) @ weights)
