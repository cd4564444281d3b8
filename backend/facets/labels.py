"""Values of facets in words."""

import re
from collections.abc import Mapping

from core import licences
from core.darwincore import countries


def label(name: str, value: str, titles: Mapping[str, str]) -> str:
    """What people call `value` of the facet `name`; `titles` are those of the datasets."""
    if name == "dataset":
        return titles.get(value, value)
    if name == "country":
        return countries.NAMES.get(value.upper(), value)
    if name == "licence":
        return licences.describe(value).label
    if name == "basis":  # PreservedSpecimen
        return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", value).capitalize()
    if name == "decade":
        return f"{value}s"
    if name == "coordinates":
        return "With coordinates" if value == "true" else "Without coordinates"
    return value
