"""Taxa as the API shows them."""

from typing import Annotated

from pydantic import Field

from backend.facets.schemas import Counted, FacetValue, State, YearCount
from backend.images.schemas import Image
from backend.records.schemas import RecordSummary
from backend.schemas import Shown
from backend.versions.schemas import VersionRef


class TreeParams(Counted):
    """Which branch of the tree."""

    under: Annotated[str, Field(max_length=200)] = ""
    """`family:Nymphalidae`; absent: the top."""


class TaxonBranch(Shown):
    """A taxon of the tree."""

    rank: str
    name: str
    value: str
    """As the filter `taxon` takes it, and `under`."""
    count: int
    has_children: bool
    state: State | None
    """Whether the filters include or exclude it."""


class TaxonTree(Shown):
    """The taxa right below one, most common first."""

    embed_version: VersionRef
    under: str | None
    total: int
    """Images of the taxon that pass the filters; included taxa are left out of these."""
    unplaced: int
    """Images of it that say nothing of what is below."""
    children: list[TaxonBranch]


class TaxonRef(Shown):
    """A taxon by name."""

    rank: str
    name: str
    value: str
    """As the filter `taxon` takes it; also its id here."""


class GalleryPicture(Shown):
    """A picture of the taxon and the specimen it shows."""

    image: Image
    record: RecordSummary


class LookAlike(TaxonRef):
    """Another taxon of the rank whose images lie near those of this one."""

    similarity: float
    """Cosine of the means of the images of both, in [-1, 1]; not a probability."""
    count: int
    """Its images, of the same view where one is asked for."""
    image: Image | None
    """The one of its images that is nearest to the mean of this taxon."""


class Link(Shown):
    """A page elsewhere about the taxon."""

    label: str
    url: str


class TaxonPage(TaxonRef):
    """What the museum knows of a taxon."""

    embed_version: VersionRef
    authorship: str | None
    lineage: list[TaxonRef]
    """From the kingdom down, without the taxon itself."""
    common_names: list[str]
    synonyms: list[str]
    images: int
    records: int
    gallery: list[GalleryPicture]
    views: list[FacetValue]
    """What its images show."""
    countries: list[FacetValue]
    months: list[int]
    """January to December: images surely of that month, in any year."""
    years: list[YearCount]
    children: list[TaxonBranch]
    look_alikes: list[LookAlike]
    """Of its order and below; the most similar first."""
    links: list[Link]
