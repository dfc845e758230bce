"""Settings: from the environment (`ROUTER_*`) or a file `router.toml`, read once."""

from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from router.errors import ConfigError
from router.policy import LOOK_PRICE, CloudShare, Cut, Money, QualityShare, Rule


def shipped_models() -> Path:
    """Folder of the models that came with the package (or the repository's, when run from it)."""
    packaged = Path(__file__).parent / "_models"
    return packaged if packaged.is_dir() else Path(__file__).parent.parent / "models"


class Settings(BaseSettings):
    """Every setting with its default; `ROUTER_LOCAL_MODEL=...` or `local_model = ...`.

    At most one of `threshold`, `cloud_share`, `quality_share` and `value_usd` may be set;
    with none of them the model's own default cut holds.
    """

    model_config = SettingsConfigDict(
        env_prefix="ROUTER_", toml_file="router.toml", extra="forbid", frozen=True
    )

    models_dir: Path = shipped_models()
    version: str = "current"
    local_model: str = "llama3.1:8b"
    cloud_model: str = "claude-sonnet-5-5"
    # Mean length of an answer in tokens, for the price estimate.
    output_tokens: int = 500
    threshold: float | None = None
    cloud_share: float | None = None
    quality_share: float | None = None
    value_usd: float | None = None
    # What a second local opinion must be expected to improve before it is asked for, 0..1.
    look_price: float = LOOK_PRICE

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

    def rule(self) -> Rule | None:
        """The rule that was set, if one was."""
        rules: dict[str, Any] = {
            "threshold": Cut, "cloud_share": CloudShare,
            "quality_share": QualityShare, "value_usd": Money,
        }  # fmt: skip
        chosen = {k: v for k in rules if (v := getattr(self, k)) is not None}
        if len(chosen) > 1:
            raise ConfigError(f"Only one of {' and '.join(chosen)} can be set; remove the others.")
        rule: Rule | None = next((rules[k](v) for k, v in chosen.items()), None)
        return rule


def load_settings(**overrides: Any) -> Settings:
    """Settings from arguments, environment and `router.toml` in the working folder.

    Raises ConfigError that names the setting.
    """
    try:
        return Settings(**{k: v for k, v in overrides.items() if v is not None})
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(p) for p in first["loc"])
        raise ConfigError(f"The setting {name} is wrong: {first['msg']}.") from error
    except ValueError as error:  # a file that is not TOML
        raise ConfigError(f"router.toml could not be read: {error}.") from error
