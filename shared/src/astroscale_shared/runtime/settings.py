"""Settings: environment `ASTROSCALE_<SECTION>__<FIELD>` over the table of `config.toml` over defaults."""

import os
import re
import tomllib
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from astroscale_shared.runtime.errors import AstroScaleError


def config_file() -> Path:
    """The settings file: `ASTROSCALE_CONFIG`, else `config.toml` of the working folder. It need not exist."""
    return Path(os.environ.get("ASTROSCALE_CONFIG") or "config.toml")


def _table(name: str) -> dict[str, Any]:
    path = config_file()
    if not path.is_file():
        return {}
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise AstroScaleError("bad_config", f"{path} is not valid TOML: {error}") from error
    table = document.get(name, {})
    if not isinstance(table, dict):
        raise AstroScaleError("bad_config", f"{path}: [{name}] must be a table")
    return table  # pyright: ignore[reportUnknownVariableType]


_BUCKET = re.compile(r"s3://[a-z0-9][a-z0-9.-]*(/[A-Za-z0-9._-]+)*/?")

LogLevel = Literal["debug", "info", "warning", "error"]


class Settings(BaseSettings):
    """Base of every settings class; a subclass names its section (environment) and table (file)."""

    section: ClassVar[str]
    table: ClassVar[str]

    model_config = SettingsConfigDict(extra="forbid", frozen=True)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "section" in cls.__dict__:
            cls.model_config["env_prefix"] = f"ASTROSCALE_{cls.section}__"
            cls.model_config["env_ignore_empty"] = True

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then the environment, then the file's table."""
        return init_settings, env_settings, InitSettingsSource(settings_cls, init_kwargs=_table(cls.table))

    @classmethod
    def load(cls) -> Self:
        """Read the settings; AstroScaleError `bad_config` names the field, its value and what is allowed."""
        try:
            return cls()
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            field = ".".join(str(part) for part in first["loc"])
            raise AstroScaleError(
                "bad_config",
                f"setting {field} of [{cls.table}] (or ASTROSCALE_{cls.section}__{field.upper()}): {first['msg']}",
            ) from error


class KafkaSettings(Settings):
    """How to reach Kafka; the security options are those of Kafka clients."""

    section = "KAFKA"
    table = "kafka"

    bootstrap_servers: str = "127.0.0.1:9092"
    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str = "PLAIN"
    sasl_username: str | None = None
    sasl_password: SecretStr | None = None
    ssl_cafile: Path | None = None
    ssl_certfile: Path | None = None
    ssl_keyfile: Path | None = None
    compression: Literal["gzip", "snappy", "lz4", "zstd", "none"] = "zstd"
    """Of star tables zstd makes 0.38 at 300 MB/s a core; the client's lz4 is the slow,
    high-compression kind: 0.45 at 50 MB/s."""
    replication_factor: int = 1


class RedisSettings(Settings):
    """How to reach Redis (reply-partition leases and idempotency keys)."""

    section = "REDIS"
    table = "redis"

    url: str = "redis://127.0.0.1:6379/0"
    password: SecretStr | None = None


class RegistrySettings(Settings):
    """Where models live: immutable `<name>/<version>/` in a folder, or in a bucket as `s3://bucket/prefix`.

    s3_endpoint: the address of a store other than AWS's. Without keys they are looked for where AWS's tools do.
    """

    section = "REGISTRY"
    table = "registry"

    root: Path | str = Path(".astroscale/registry")
    shipped: Path = Path("models")
    s3_endpoint: str | None = None
    s3_region: str | None = None
    s3_access_key: str | None = None
    s3_secret_key: SecretStr | None = None

    @field_validator("root", mode="before")
    @classmethod
    def _folder_or_bucket(cls, value: object) -> object:
        """A Path for a folder, text for a bucket."""
        if not isinstance(value, str):
            return value
        if "://" not in value:
            return Path(value)
        if not _BUCKET.fullmatch(value):
            raise ValueError("must be a folder or s3://bucket/prefix")
        return value


class ServiceSettings(Settings):
    """What each service has in common. `metrics_port` 0 means any free port."""

    host: str = "127.0.0.1"
    metrics_port: int = 0
    log_level: LogLevel = "info"
