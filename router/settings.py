"""Settings: from the environment (`ROUTER_*`) or a file `router.toml`, read once."""

import os
import re
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from platformdirs import user_data_path
from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from router.errors import ConfigError
from router.prices import Price
from router.threshold import (
    CONFIDENCE,
    LOOK_PRICE,
    STREAM_WAIT_S,
    CloudShare,
    Cut,
    Money,
    OperatingPoint,
    QualityFloor,
    QualityShare,
)
from router.wire import Api


def shipped_models() -> Path:
    """Folder of the models that came with the package (or the repository's, when run from it)."""
    packaged = Path(__file__).parent / "_models"
    return packaged if packaged.is_dir() else Path(__file__).parent.parent / "models"


def own_models() -> Path:
    """Folder of the versions that this user's router has learned."""
    return user_data_path("hybrid-router") / "models"


def _models() -> Path:
    """The user's own versions once there are some, else the shipped ones."""
    own = own_models()
    return own if (own / "current").is_file() else shipped_models()


def _log_url() -> str:
    return f"sqlite:///{user_data_path('hybrid-router') / 'outcomes.db'}"


def _an_address(value: str) -> str:
    if not re.match(r"https?://[^\s/]+", value):
        raise ValueError("it must be an address that begins with http:// or https://")
    return value


def _a_place(value: str) -> str:
    if not re.match(r"[a-z][a-z0-9+.-]*://[^\s]+", value):
        raise ValueError("it must be an address such as s3://bucket/models")
    return value


Cascade = Literal["off", "checks", "second_opinion"]
Store = Literal["full", "features", "none"]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Url = Annotated[str, AfterValidator(_an_address)]
Place = Annotated[str, AfterValidator(_a_place)]
Cap = Annotated[float | None, Field(ge=0)]


class TierSettings(BaseModel):
    """How patiently and how hard one tier is tried: `[local_limits]` and `[cloud_limits]`.

    Times in seconds; see `router.backends.base.Timeouts` and `router.backends.resilience.Limits`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    connect_s: Positive = 5.0
    first_token_s: Positive = 120.0
    between_tokens_s: Positive = 60.0
    whole_s: Positive = 600.0
    retries: Annotated[int, Field(ge=0, le=10)] = 2
    at_once: Count = 64
    queue: Annotated[int, Field(ge=0)] = 256
    failures: Count = 5
    cool_off_s: Positive = 10.0


class Settings(BaseSettings):
    """Every setting with its default; `ROUTER_LOCAL_MODEL=...` or `local_model = ...`.

    `router.example.toml` explains each. At most one of `threshold`, `cloud_share`,
    `quality_share`, `quality_floor` and `value_usd` may be set; with none the model's own default
    cut holds.
    """

    model_config = SettingsConfigDict(
        env_prefix="ROUTER_",
        env_nested_delimiter="__",
        toml_file="router.toml",
        extra="forbid",
        frozen=True,
        populate_by_name=True,
    )

    # The decision
    models_dir: Path = Field(default_factory=_models)
    version: str = "current"
    local_model: str = "llama3.1:8b"
    cloud_model: str = "claude-sonnet-5-5"
    output_tokens: Count = 500
    threshold: float | None = None
    cloud_share: float | None = None
    quality_share: float | None = None
    quality_floor: float | None = None
    value_usd: float | None = None
    confidence: Annotated[float, Field(ge=0.5, lt=1)] = CONFIDENCE
    auto_probe: bool = True
    look_price: Annotated[float, Field(ge=0, le=1)] = LOOK_PRICE
    cascade: Cascade = "checks"
    stream_wait: Annotated[float, Field(ge=0, le=60)] = STREAM_WAIT_S
    second_model: str | None = None
    exploration: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    exploration_near: Annotated[float, Field(ge=0, le=2)] = 0.0
    audit: Annotated[float, Field(ge=0, le=1)] = 0.02
    loops: Literal["keep", "free"] = "keep"
    auto_models: list[str] = []
    model_names: dict[str, str] = {}
    cloud_prices: dict[str, str | Price] = {}

    # The backends
    local_url: Url = "http://127.0.0.1:11434"
    local_api_key: SecretStr | None = None
    cloud_url: Url = "https://api.anthropic.com"
    cloud_api: Api = "anthropic"
    cloud_models: list[str] | None = None
    cloud_api_key: SecretStr | None = Field(
        None, validation_alias=AliasChoices("ROUTER_CLOUD_API_KEY", "ANTHROPIC_API_KEY")
    )
    local_limits: TierSettings = TierSettings()
    cloud_limits: TierSettings = TierSettings(first_token_s=60.0)
    failover: bool = True

    # Privacy
    private: Literal["stay", "mask"] = "stay"
    private_addresses: bool = True
    private_names: bool = False
    private_words: list[str] = []
    private_patterns: list[str] = []
    public_words: list[Annotated[str, Field(min_length=3)]] = []
    phone_regions: list[str] = ["US"]
    presidio_model: str | None = None
    private_learning: Literal["off", "features"] = "off"

    # Money, in US dollars; None is no cap
    budget_day_usd: Cap = None
    budget_month_usd: Cap = None
    budget_key_day_usd: Cap = None
    budget_key_month_usd: Cap = None

    # The outcome log
    log_url: str = Field(default_factory=_log_url)
    store: Store = "full"
    journal_dir: Path | None = None
    journal_sync: Literal["never", "second", "always"] = "second"
    journal_mb: Annotated[float, Field(ge=16)] = 1024.0

    # The loop
    mlflow_url: Url | None = None
    models_url: Place | None = None
    judge_usd: Cap = 1.0
    shadow_requests: Annotated[int, Field(ge=0)] = 100
    auto_rollback: bool = True
    maturity_h: Annotated[float, Field(ge=0)] = 24.0

    # The gateway
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8787
    workers: Count = 1
    api_keys: dict[str, str] = {}
    owners: list[str] = []
    max_request_mb: Positive = 32.0
    request_s: Positive = 600.0
    traces_url: Url | None = None
    traces_content: bool = False

    @model_validator(mode="after")
    def _guarded(self) -> Self:
        """Other addresses need keys, keys are hashes, and a cloud sees its own key only."""
        for name, value in self.api_keys.items():
            digest = value.removeprefix("sha256:")
            if digest == value or len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
                raise ValueError(
                    f"api_keys.{name} must be a hash; make one with: router key {name}"
                )
        if self.mlflow_url and self.models_url:
            raise ValueError(
                "mlflow_url and models_url both say whose champion is followed; remove one of them"
            )
        if unknown := [name for name in self.owners if name not in self.api_keys]:
            raise ValueError(
                f"owners names {', '.join(unknown)}, of which api_keys has no key; "
                f"make one with: router key {unknown[0]}"
            )
        if not self.api_keys and not is_loopback(self.host):
            raise ValueError(
                f"host {self.host} can be reached by others, so api_keys must be set; "
                "make one with: router key NAME"
            )
        key = self.cloud_api_key.get_secret_value() if self.cloud_api_key else None
        own, claudes = (os.environ.get(f"{n}_API_KEY") for n in ("ROUTER_CLOUD", "ANTHROPIC"))
        if self.cloud_api == "openai" and key is not None and key == claudes != own:
            raise ValueError(
                'the key found is ANTHROPIC_API_KEY, which the cloud of cloud_api = "openai" may '
                "not see; set ROUTER_CLOUD_API_KEY"
            )
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments before environment before file."""
        return (
            init_settings,
            env_settings,
            TomlConfigSettingsSource(settings_cls),
        )

    @property
    def clouds_own(self) -> list[str]:
        """Patterns of the names of the cloud's own models, beside `cloud_model`."""
        if self.cloud_models is not None:
            return self.cloud_models
        return ["claude*"] if self.cloud_api == "anthropic" else []

    def operating_point(self) -> OperatingPoint | None:
        """What the threshold is set by, if anything is."""
        points: dict[str, Callable[[float], OperatingPoint]] = {
            "threshold": Cut,
            "cloud_share": CloudShare,
            "quality_share": QualityShare,
            "quality_floor": QualityFloor,
            "value_usd": Money,
        }
        chosen = {k: v for k in points if (v := getattr(self, k)) is not None}
        if len(chosen) > 1:
            raise ConfigError(f"Only one of {' and '.join(chosen)} can be set; remove the others.")
        return next((points[k](v) for k, v in chosen.items()), None)


def secret(value: SecretStr | None) -> str | None:
    """What a secret setting holds, for the one call that sends it."""
    return value.get_secret_value() if value else None


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches `host`.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def load_settings(**overrides: Any) -> Settings:
    """Settings from arguments, environment and `router.toml` in the working folder.

    Raises ConfigError that names the setting.
    """
    try:
        return Settings(**{k: v for k, v in overrides.items() if v is not None})
    except ValidationError as error:
        first = error.errors()[0]
        said = first["msg"].removeprefix("Value error, ").rstrip(".")
        name = ".".join(str(p) for p in first["loc"])
        raise ConfigError(f"The setting {name} is wrong: {said}." if name else f"{said}.") from None
    except ValueError as error:  # a file that is not TOML
        raise ConfigError(f"router.toml could not be read: {error}.") from error
