"""Every error this project raises.

RouterError
├── InputError          a prompt, message or tool list that cannot be routed
│   └── NoText              a conversation without a word of the user's to judge
├── ConfigError         a setting that is missing or makes no sense
│   └── NoPromise           outcomes are too few for the quality floor that is set
├── MissingExtra        an optional dependency that is not installed
├── NoSandbox           a model's code is not run, as nothing here would confine it
├── ArtifactError       a model folder that cannot be used
│   ├── ArtifactMissing     it is not there
│   ├── ArtifactCorrupt     a file is cut short or altered
│   ├── ArtifactMismatch    its format or feature schema is another one
│   └── ArtifactExists      the version is already taken
├── DataError           labelled outcomes that break a rule (`faults` lists them)
├── TrainingError       the data is sound but no model can be fitted on it
├── PromotionRefused    the challenger is not good enough
├── RequestRefused      the gateway will not do what a request asks (`status`, `code`)
├── LogError            the outcome log cannot be opened, written or read
│   ├── LogUnreachable      not now: its server is down
│   │   └── LogLocked           or another program holds it
│   └── JournalFull         what would note the next answers has no room left
└── BackendError        a backend did not answer (`status`, `retry`, `trips`)
    ├── BackendUnreachable  no connection: refused, reset, name not found
    ├── BackendTimeout      too slow at connecting, its first token or between tokens
    ├── BackendBusy         429, or more requests than may wait here
    ├── BackendRejected     it calls the request wrong (4xx)
    ├── BackendFailed       it failed (5xx)
    ├── BackendGarbled      it answered what cannot be read
    └── BreakerOpen         it failed so often that it is left alone for a while

Each message is one sentence that names what, where and what to do. No message holds prompt text.
"""

from asyncio import CancelledError
from collections.abc import Mapping


class RouterError(Exception):
    """Base of all errors of this project.

    `headers`: what the gateway tells beside it, such as the id of the decision. `page`: of the
    documentation, that says more; the command line names it.
    """

    headers: Mapping[str, str] = {}
    page = ""


class InputError(RouterError):
    """A prompt, message or tool list cannot be routed."""


class NoText(InputError):
    """A conversation without a word of the user's to judge, an image alone for instance."""


class ConfigError(RouterError):
    """A setting is missing or makes no sense."""

    page = "docs/reference/settings.md"


class NoPromise(ConfigError):
    """The outcomes at hand are too few, or too poor, for the quality floor that is set."""

    page = "docs/how-to/threshold.md"


class MissingExtra(RouterError):
    """An optional dependency is not installed."""

    page = "docs/start.md"

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(
            f"The package {package} is not installed; run: pip install 'hybrid-router[{extra}]'."
        )


class NoSandbox(RouterError):
    """A model's code is not run, since nothing on this machine would confine it."""

    page = "docs/threats.md"


class ArtifactError(RouterError):
    """A model folder cannot be used."""

    page = "docs/how-to/versions.md"


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

    page = "docs/tutorials/own-log.md"

    def __init__(self, message: str, faults: list[str] | None = None) -> None:
        super().__init__(message)
        self.faults = faults or []


class TrainingError(RouterError):
    """The data is sound, but no model can be fitted on it."""

    page = "docs/tutorials/first-promotion.md"


class PromotionRefused(RouterError):
    """The challenger is not good enough to become champion."""

    page = "docs/how-to/versions.md"


class LogError(RouterError):
    """The outcome log cannot be opened, written or read."""

    page = "docs/how-to/troubles.md"


class LogUnreachable(LogError):
    """The outcome log's database is down or locked; later it may be there."""


class LogLocked(LogUnreachable):
    """Another program holds the outcome log, for minutes where it brings a long one up to date."""


class JournalFull(LogError):
    """The journal has no room left, so that no answer could be noted."""


class RequestRefused(RouterError):
    """The gateway will not do what a request asks.

    `status`: the HTTP status; `code`: a short name for programs, such as `budget_exceeded`.
    """

    page = "docs/how-to/troubles.md"

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


class BackendError(RouterError):
    """A backend did not answer.

    `status`: HTTP status for the client. `retry`: whether asking the same backend again can help.
    `trips`: whether it counts as a failure of the backend for its breaker. `retry_after_s`: how
    long the backend asks to be left alone, if it says so.
    """

    page = "docs/how-to/troubles.md"
    status = 502
    code = "backend_failed"
    retry = True
    trips = True

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class BackendUnreachable(BackendError):
    """No connection: refused, reset, or a name that is not found."""

    code = "backend_unreachable"


class BackendTimeout(BackendError):
    """Too slow at connecting, at its first token, between tokens or altogether.

    A local model that is still being loaded is slow without fault: then `trips` is false.
    """

    status = 504
    code = "backend_timeout"
    retry = False

    def __init__(self, message: str, trips: bool = True) -> None:
        super().__init__(message)
        self.trips = trips


class BackendBusy(BackendError):
    """429 from the backend, or more requests than may wait for it here."""

    status = 429
    code = "backend_busy"
    trips = False


class BackendRejected(BackendError):
    """The backend calls the request wrong (4xx); asking again changes nothing."""

    code = "backend_rejected"
    retry = False
    trips = False

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class BackendFailed(BackendError):
    """The backend failed (5xx)."""


class BackendGarbled(BackendError):
    """The backend answered what cannot be read."""

    code = "backend_garbled"


class BreakerOpen(BackendError):
    """The backend failed so often that it is left alone for a while."""

    status = 503
    code = "breaker_open"
    retry = False
    trips = False


CLIENT_GONE = 499  # nginx's number for a client that left before its answer was there
# What a failure is called in answers and in the outcome log, the first that fits. What is not
# here is a fault of the gateway's own.
_STATUS: tuple[tuple[type[BaseException], int, str], ...] = (
    (InputError, 400, "invalid_request"),
    (RecursionError, 400, "too_deep"),
    (JournalFull, 503, "journal_full"),
    (LogError, 503, "log_failing"),
    (CancelledError, CLIENT_GONE, "client_gone"),
    (GeneratorExit, CLIENT_GONE, "client_gone"),
)


def status_of(error: BaseException) -> tuple[int, str]:
    """The HTTP status and the code of a failure, the same in the answer and in the outcome log.

    >>> status_of(InputError("The prompt is empty.")), status_of(KeyError("x"))
    ((400, 'invalid_request'), (500, 'internal_error'))
    """
    if isinstance(error, RequestRefused | BackendError):
        return error.status, error.code
    found = ((status, code) for kind, status, code in _STATUS if isinstance(error, kind))
    return next(found, (500, "internal_error"))


def place_of(error: BaseException) -> str:
    """File and line where an error arose, for logs: a foreign error's words may hold a prompt."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    return f"{frame.tb_frame.f_code.co_filename}:{frame.tb_lineno}" if frame else "?"
