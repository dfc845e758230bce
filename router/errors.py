"""Every error this project raises.

RouterError
├── InputError          a prompt, message or tool list that cannot be routed
├── ConfigError         a setting that is missing or makes no sense
├── MissingExtra        an optional dependency that is not installed
├── ArtifactError       a model folder that cannot be used
│   ├── ArtifactMissing     it is not there
│   ├── ArtifactCorrupt     a file is cut short or altered
│   ├── ArtifactMismatch    its format or feature schema is another one
│   └── ArtifactExists      the version is already taken
├── DataError           labelled outcomes that break a rule (`faults` lists them)
├── TrainingError       the data is sound but no model can be fitted on it
└── PromotionRefused    the challenger is not good enough

Each message is one sentence that names what, where and what to do. No message holds prompt text.
"""


class RouterError(Exception):
    """Base of all errors of this project."""


class InputError(RouterError):
    """A prompt, message or tool list cannot be routed."""


class ConfigError(RouterError):
    """A setting is missing or makes no sense."""


class MissingExtra(RouterError):
    """An optional dependency is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(
            f"The package {package} is not installed; run: pip install 'hybrid-router[{extra}]'."
        )


class ArtifactError(RouterError):
    """A model folder cannot be used."""


class ArtifactMissing(ArtifactError):
    """The model folder, or a file in it, is not there."""


class ArtifactCorrupt(ArtifactError):
    """A file of the model is cut short, altered or unreadable."""


class ArtifactMismatch(ArtifactError):
    """The model's format number or feature schema is not the one this code computes."""


class ArtifactExists(ArtifactError):
    """A version of that name exists; versions are never overwritten."""


class DataError(RouterError):
    """Labelled outcomes break at least one rule.

    `faults` holds one sentence per fault, each with row, column and rule.
    """

    def __init__(self, message: str, faults: list[str] | None = None) -> None:
        super().__init__(message)
        self.faults = faults or []


class TrainingError(RouterError):
    """The data is sound, but no model can be fitted on it."""


class PromotionRefused(RouterError):
    """The challenger is not good enough to become champion."""
