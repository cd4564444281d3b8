"""Corrections as they come in, and what they add up to."""

from typing import Annotated

from pydantic import Field

from backend.judgements.schemas import Judge
from backend.schemas import Shown
from backend.versions.schemas import AskedVersion

TaxonName = Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$")]
"""A taxon as the filter takes it: `genus:Morpho`."""


class Correction(Shown):
    """What a photo shows, beside what it was named."""

    photo: Annotated[str, Field(pattern="^[0-9a-f-]{36,64}$")]
    """Id of an upload, an image or a record."""
    named: TaxonName | None = None
    """What it was named; null: nothing that was sure enough."""
    said: TaxonName | None
    """What it is, at whatever rank one knows; null takes an earlier correction back."""
    embed_version: AskedVersion | None = None
    """The version that named it; absent: the default."""
    judge: Judge = ""
    """A random word that a browser keeps, so that its own corrections can be changed."""


class Corrections(Shown):
    """What people said of the names that a version gave."""

    embed_version: str
    judged: int
    """Photos of which somebody said what they show."""
    right: int
    """Those among them that were named so."""
