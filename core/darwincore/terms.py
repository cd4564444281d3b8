"""Names of terms, however a publisher spells them, and the cells of a row by those names."""

import re
from collections.abc import Mapping
from functools import lru_cache

from core.errors import RejectedRow

_KNOWN = """
occurrenceID basisOfRecord institutionCode collectionCode catalogNumber typeStatus sex
lifeStage preparations recordNumber otherCatalogNumbers individualCount occurrenceRemarks
institutionID collectionID datasetID datasetName ownerInstitutionCode informationWithheld
dataGeneralizations dynamicProperties recordedBy associatedMedia occurrenceStatus
taxonID scientificNameID scientificName acceptedNameUsage scientificNameAuthorship
taxonRank verbatimTaxonRank vernacularName kingdom phylum class order family genus subgenus
genericName specificEpithet infraspecificEpithet cultivarEpithet higherClassification
taxonomicStatus identifiedBy dateIdentified identificationQualifier identificationRemarks
eventID eventDate eventTime startDayOfYear endDayOfYear year month day verbatimEventDate
habitat fieldNumber continent country countryCode stateProvince county municipality
locality verbatimLocality decimalLatitude decimalLongitude verbatimLatitude
verbatimLongitude verbatimCoordinates coordinateUncertaintyInMeters geodeticDatum
verbatimSRS minimumElevationInMeters maximumElevationInMeters individualID
gbifID datasetKey checklistKey taxonKey acceptedTaxonKey species speciesKey
acceptedScientificName canonicalName
license rights accessRights rightsHolder creator contributor publisher references source
title description identifier format type created modified audience bibliographicCitation
accessURI bestQualityAccessURI goodQualityAccessURI thumbnailAccessURI providerManagedID
subjectPart subjectPartLiteral subjectOrientation subjectOrientationLiteral subtype
variant variantLiteral caption CVterm WebStatement UsageTerms Owner
"""

_ALIASES = {
    "licence": "license",
    "lat": "decimalLatitude",
    "latitude": "decimalLatitude",
    "decimallat": "decimalLatitude",
    "lon": "decimalLongitude",
    "lng": "decimalLongitude",
    "long": "decimalLongitude",
    "longitude": "decimalLongitude",
    "decimallong": "decimalLongitude",
    "commonname": "vernacularName",
    "collector": "recordedBy",
    "datecollected": "eventDate",
    "collectiondate": "eventDate",
    "cataloguenumber": "catalogNumber",
    "author": "scientificNameAuthorship",
    "coordinateuncertainty": "coordinateUncertaintyInMeters",
    "view": "subjectOrientation",
    "mediatype": "format",
}

_BY_KEY = {name.lower(): name for name in _KNOWN.split()} | _ALIASES


@lru_cache(maxsize=4096)  # the same few headers come with every row
def term(name: str) -> str:
    """Return the simple name of a term given as URI, prefixed, spaced or oddly cased.

    "http://rs.tdwg.org/dwc/terms/sex", "dwc:sex" and "Sex " give "sex", "decimal_latitude" gives
    "decimalLatitude". A name we do not know comes back without its prefix.
    """
    local = re.split(r"[/#:]", name.strip(' \t\r\n\ufeff"').rstrip("/#:"))[-1].strip()
    squeezed = re.sub(r"[\s_.-]+", "", local).lower()
    return _BY_KEY.get(squeezed, local)


_LONGEST_BLANK = 15
_BLANK = {"", "null", r"\n", "n/a", "nan", "none", "-", "--", "[no agent data]"}


def clean(value: str) -> str | None:
    """Return the value without surrounding space, or None where it says that there is none."""
    plain = value.isprintable() and "  " not in value  # as nearly always
    value = value.strip() if plain else " ".join(value.split())
    return None if len(value) <= _LONGEST_BLANK and value.lower() in _BLANK else value


def cells(row: Mapping[str, str]) -> dict[str, str]:
    """Return the row's non-blank values by simple term name; of several spellings the first."""
    found: dict[str, str] = {}
    for key, value in row.items():
        if not value:  # most cells of most rows
            continue
        cleaned = clean(value)
        name = term(key)
        if cleaned == "NA" and name not in {"country", "countryCode"}:  # R's blank, or Namibia
            continue
        if cleaned is not None:
            found.setdefault(name, cleaned)
    return found


def verbatim(row: Mapping[str, str]) -> dict[str, str]:
    """Return every non-empty cell as given; RejectedRow when there is none or it is not text."""
    kept = {key: value for key, value in row.items() if value.strip()}
    if not kept:
        raise RejectedRow("the row is empty")
    together = "".join((*kept, *kept.values()))
    if together.isascii() and "\0" not in together:  # as nearly always
        return kept
    for key, value in kept.items():
        if "\0" in key or "\0" in value:
            raise RejectedRow(
                f"the cell {key!r} holds NUL bytes: the file is not in the encoding it declares"
            )
        try:
            (key + value).encode()
        except UnicodeEncodeError as error:
            raise RejectedRow(
                f"the cell {key!r} cannot be decoded: the file is not in the encoding it declares"
            ) from error
    return kept
