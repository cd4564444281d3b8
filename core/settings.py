"""Typed settings, read once at an entry point; the only module that reads the environment.

Every field is an environment variable `BIOCOSMOS_<NAME>`; docs/settings.md lists them all.
"""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from core.errors import InvalidSetting


class Settings(BaseSettings):
    """What can be set. Refuses nonsense at start; unknown names are refused by `load`."""

    model_config = SettingsConfigDict(env_prefix="BIOCOSMOS_", extra="ignore", frozen=True)

    home: Path = Field(default=Path(".biocosmos"))
    """Directory that holds all state: database, images, uploads, caches."""

    database_url: str | None = None
    """A PostgreSQL 15+ with pgvector 0.8+; when absent the embedded server under `home` is used."""

    host: str = "127.0.0.1"
    """Address that `bin/serve` listens on."""

    port: int = Field(default=8000, ge=0, le=65535)
    """Port that `bin/serve` listens on; 0 picks a free one."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe message that is logged."""

    log_format: Literal["console", "json"] = "console"
    """`json` writes one object a line, for log collectors."""

    contact: str | None = None
    """E-mail or URL sent in the User-Agent; fetching from other hosts refuses to start without."""

    gbif_url: str = "https://api.gbif.org"
    """Where GBIF is asked for records, without a trailing path: a mirror or test server can stand
    in, as for the two below."""

    gbif_user: str | None = None
    """Account at GBIF for `bin/ingest gbif --download`."""

    gbif_password: SecretStr | None = None
    """Password of that account."""

    idigbio_url: str = "https://search.idigbio.org"
    """Where iDigBio is asked for records."""

    idigbio_media_url: str = "https://api.idigbio.org"
    """Where iDigBio's renditions of images are fetched."""

    max_upload_bytes: int = Field(default=20_000_000, ge=1_000)
    """Largest picture accepted as a query, in bytes."""

    max_image_bytes: int = Field(default=100_000_000, ge=1_000)
    """Largest image fetched or read from a source, in bytes."""

    max_image_pixels: int = Field(default=200_000_000, ge=10_000)
    """Largest image decoded, in pixels: a guard against decompression bombs."""

    upload_hours: float = Field(default=24.0, gt=0)
    """How long an uploaded query picture is kept, in hours."""

    device: str = "auto"
    """Device of the encoders: `auto`, `cpu`, `cuda`, `cuda:1`, `mps`."""

    encoder_threads: int = Field(default=0, ge=0)
    """CPU threads an encoder may use; 0 means one per core."""

    encoder_cache: int = Field(default=2, ge=1)
    """How many encoders the API keeps loaded; the least recently used is dropped."""

    @field_validator("database_url")
    @classmethod
    def _postgres_only(cls, value: str | None) -> str | None:
        if value and not value.startswith(
            ("postgresql://", "postgres://", "postgresql+psycopg://")
        ):
            raise ValueError("must start with postgresql://")
        return value or None

    @field_validator("gbif_url", "idigbio_url", "idigbio_media_url")
    @classmethod
    def _web_address(cls, value: str) -> str:
        if not value.startswith(("http://", "https://")):
            raise ValueError("must start with https:// or http://")
        return value.rstrip("/")

    operator_token: SecretStr | None = None
    """Token that operator actions (changing the default version) must present."""


def load(**overrides: object) -> Settings:
    """Read settings from the environment and `overrides`; raise InvalidSetting in one sentence."""
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        name = "_".join(str(part) for part in first["loc"]).upper()
        raise InvalidSetting(
            f"BIOCOSMOS_{name}={first['input']!r} is not usable: {first['msg']};"
            " see docs/settings.md"
        ) from error
