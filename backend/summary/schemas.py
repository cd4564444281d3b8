"""What is in the museum, in numbers."""

import datetime

from backend.images.schemas import Image
from backend.schemas import Shown


class Example(Shown):
    """A picture to start from."""

    label: str
    image: Image


class Group(Shown):
    """One of the main groups of what is here: birds, beetles, ferns."""

    value: str
    """As the filter `taxon` takes it."""
    rank: str
    name: str
    common_name: str | None
    count: int
    """Images of the default version that show it."""
    image: Image | None


class Summary(Shown):
    """Counts of what can be found, and some pictures to start from."""

    records: int
    images: int
    datasets: int
    species: int
    countries: int
    default_version: str | None
    examples: list[Example]
    """Up to 6 pictures: of the species with most images, those of other genera first."""
    groups: list[Group]
    """Up to 10 taxa that part what is here, the largest first."""
    updated_at: datetime.datetime | None
    """When a record was last read from its source."""
