"""Places: coordinates, their uncertainty, countries."""

import math
import re
from collections.abc import Mapping

from core.darwincore.countries import NAMES, country_code

MAX_UNCERTAINTY_M = 5_000_000.0
"""Metres; GBIF takes larger values for mistakes too."""

_NUMBER = r"\d+(?:[.,]\d+)?"
_DECIMAL = re.compile(r"[+-]?\d+(?:\.\d+)?")
_DEGREES = re.compile(
    rf"(?P<before>[NSEW])?\s*(?P<d>[+-]?{_NUMBER})\s*(?:°|º|deg)?\s*"
    rf"(?:(?P<m>{_NUMBER})\s*['′’]?\s*(?:(?P<s>{_NUMBER})\s*(?:\"|″|”|'')?\s*)?)?"
    r"(?P<after>[NSEW])?",
    re.IGNORECASE,
)
_DISTANCE = re.compile(r"(\d+(?:\.\d+)?) ?(m|met(?:er|re)s?|km)?", re.IGNORECASE)


def coordinates(
    cells: Mapping[str, str], issues: list[str]
) -> tuple[float, float] | tuple[None, None]:
    """Return (latitude, longitude) in degrees; both or neither. Adds to `issues`."""
    prefix = "decimal" if "decimalLatitude" in cells or "decimalLongitude" in cells else "verbatim"
    texts = cells.get(f"{prefix}Latitude"), cells.get(f"{prefix}Longitude")
    if texts == (None, None):
        return None, None
    latitude, longitude = _degrees(texts[0], "NS"), _degrees(texts[1], "EW")
    if latitude is None or longitude is None:
        issues.append("COORDINATE_INVALID")
    elif abs(latitude) > 90 or abs(longitude) > 180:
        issues.append("COORDINATE_OUT_OF_RANGE")
    elif latitude == 0 and longitude == 0:
        issues.append("ZERO_COORDINATE")
    else:
        return latitude, longitude
    return None, None


def _degrees(text: str | None, hemispheres: str) -> float | None:
    """Read "-10.25", "10,25", "10.25 S" or 10° 15' 0" S; None when it is none of these."""
    if text and _DECIMAL.fullmatch(text):  # as nearly always
        return float(text)
    found = _DEGREES.fullmatch(text or "")
    if found is None:
        return None
    degrees, minutes, seconds = (
        float((found[part] or "0").replace(",", ".")) for part in ("d", "m", "s")
    )
    letters = {letter.upper() for letter in (found["before"], found["after"]) if letter}
    if not letters <= set(hemispheres) or len(letters) > 1 or minutes >= 60 or seconds >= 60:
        return None
    if found["m"] and not degrees.is_integer():
        return None
    size = abs(degrees) + minutes / 60 + seconds / 3600
    negative = letters & {"S", "W"} or found["d"].startswith("-")
    return -size if negative else size


def uncertainty_m(cells: Mapping[str, str], issues: list[str]) -> float | None:
    """Return the uncertainty of the coordinates in metres. Adds to `issues`."""
    text = cells.get("coordinateUncertaintyInMeters")
    if text is None:
        return None
    found = _DISTANCE.fullmatch(text)
    metres = (
        float(found[1]) * (1000 if found[2] and found[2].lower() == "km" else 1) if found else 0
    )
    if not 0 < metres < MAX_UNCERTAINTY_M or math.isnan(metres):
        issues.append("COORDINATE_UNCERTAINTY_METERS_INVALID")
        return None
    return metres


def country(cells: Mapping[str, str], issues: list[str]) -> tuple[str | None, str | None]:
    """Return (country, two-letter code); a country not of ISO 3166 stays as given."""
    name, given = cells.get("country"), cells.get("countryCode")
    by_name = country_code(name) if name else None
    by_code = country_code(given) if given else None
    if (given and not by_code) or (name and not by_name and not by_code):
        issues.append("COUNTRY_INVALID")
    if by_name and by_code and by_name != by_code:
        issues.append("COUNTRY_MISMATCH")
    code = by_code or by_name
    return (NAMES[code] if code else name), code
