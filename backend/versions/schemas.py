"""Embed versions as the API shows them."""

import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from backend.schemas import Shown

AskedVersion = Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$")]
"""A version's name as asked for; Postgres takes no NUL in a text."""


class VersionRef(Shown):
    """An embed version in short."""

    embed_version: str
    model: str
    pretrained: str
    dim: int


class Version(VersionRef):
    """One immutable embedding space and how much of the museum it covers."""

    weights_sha256: str
    preprocess: dict[str, Any]
    precision: str
    index_kind: str
    state: Literal["building", "ready", "retired"]
    is_default: bool
    embedded: int
    """Images with a vector in this version."""
    images: int
    """Images that could have one."""
    created_at: datetime.datetime


class Versions(Shown):
    """All embed versions."""

    versions: list[Version]
