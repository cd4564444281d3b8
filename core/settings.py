"""Typed settings, read once at an entry point; the only module that reads the environment.

Every field is an environment variable `BIOCOSMOS_<NAME>`; docs/settings.md lists them all.
"""

import os
import re
from pathlib import Path
from typing import Literal

from pydantic import (
    AliasChoices,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
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

    sync_schedule: str | None = None
    """When `bin/worker` brings what changed at the sources, in the language of cron:
    `0 3 * * 0` is every Sunday at three (UTC). When absent only `bin/ingest sync` does."""

    max_upload_bytes: int = Field(default=20_000_000, ge=1_000)
    """Largest picture accepted as a query, in bytes."""

    max_image_bytes: int = Field(default=100_000_000, ge=1_000)
    """Largest image fetched or read from a source, in bytes."""

    max_image_pixels: int = Field(default=200_000_000, ge=10_000)
    """Largest image decoded, in pixels: a guard against decompression bombs."""

    upload_hours: float = Field(default=24.0, gt=0)
    """How long an uploaded query picture is kept, in hours."""

    export_images: int = Field(default=1_000_000, ge=1)
    """Images that one export may hold."""

    export_days: float = Field(default=30.0, gt=0)
    """How long the file of an export is kept, in days; its receipt stays for good."""

    device: str = "auto"
    """Device of the encoders: `auto`, `cpu`, `cuda`, `cuda:1`, `mps`."""

    encoder_threads: int = Field(default=0, ge=0)
    """CPU threads an encoder may use; 0 means one per core."""

    encoder_cache: int = Field(default=2, ge=1)
    """How many encoders the API keeps loaded; the least recently used is dropped."""

    encoder_memory_mb: int = Field(default=0, ge=0)
    """Memory that the weights of those may take, in MB; 0: as much as they need. One is always
    kept."""

    memory_engine_mb: int = Field(default=1024, ge=0)
    """Memory for vectors held in the process that searches, in MB; 0 leaves them to Postgres."""

    feedback: Literal["open", "operator", "off"] = "open"
    """Who may leave judgements, query sets and corrections: everybody, the operator, nobody."""

    feedback_per_minute: int = Field(default=120, ge=1)
    """Judgements and query sets taken from one address within a minute."""

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

    @field_validator("sync_schedule")
    @classmethod
    def _cron(cls, value: str | None) -> str | None:
        if value and len(value.split()) != 5:
            raise ValueError("must be five fields: minute, hour, day, month, day of the week")
        return value or None

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


class Launch(BaseSettings):
    """Where one of several training processes stands, as torchrun or SLURM's srun tells it.

    A shell inside a SLURM allocation is not a step of it and stays a single process.
    """

    model_config = SettingsConfigDict(extra="ignore", frozen=True)

    rank: int = Field(default=0, validation_alias=AliasChoices("rank", "slurm_procid"))
    world: int = Field(
        default=1, validation_alias=AliasChoices("world_size", "slurm_step_num_tasks")
    )
    local_rank: int = Field(default=0, validation_alias=AliasChoices("local_rank", "slurm_localid"))
    master: str = Field(default="", validation_alias="master_addr")
    nodes: str = Field(default="", validation_alias="slurm_step_nodelist")
    master_port: int | None = None
    job: int = Field(default=0, validation_alias="slurm_job_id")

    @model_validator(mode="after")
    def _rank_within(self) -> "Launch":
        if self.world > 1 and not self.rank < self.world:
            raise ValueError("the rank of a process lies below the number of processes")
        return self

    @property
    def told(self) -> bool:
        """Whether the starter names host and port, as torchrun does."""
        return bool(self.master and self.master_port)

    @property
    def address(self) -> str:
        """Host of rank 0: as told, else the first of SLURM's nodes such as node[007-009,012]."""
        found = re.match(r"([^\[,]+)(?:\[(\d+))?", self.nodes)
        return self.master or (found[1] + (found[2] or "") if found else "127.0.0.1")

    @property
    def port(self) -> int:
        """As told, else one that follows from the job, so that jobs on a node do not meet."""
        return self.master_port or 20_000 + self.job % 20_000


def environment_without(prefix: str) -> dict[str, str]:
    """The environment for a program we start, less the variables that begin with `prefix`."""
    return {name: value for name, value in os.environ.items() if not name.startswith(prefix)}


def launch() -> Launch:
    """Read `Launch` from the environment; raise InvalidSetting in one sentence."""
    try:
        return Launch()
    except ValidationError as error:
        first = error.errors()[0]
        name = "_".join(str(part) for part in first["loc"]).upper() or "RANK"
        raise InvalidSetting(
            f"the environment of a process among several makes no sense: {name}: {first['msg']}"
        ) from error
