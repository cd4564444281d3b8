"""What is in the museum, in numbers."""

from backend.images.schemas import Image
from backend.schemas import Shown


class Example(Shown):
    """A picture to start from."""

    label: str
    image: Image


class Summary(Shown):
    """Counts of what can be found, and some pictures to start from."""

    records: int
    images: int
    datasets: int
    species: int
    countries: int
    default_version: str | None
    examples: list[Example]
    """Up to 6 pictures, one of each of the most common species."""
