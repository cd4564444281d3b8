"""Columns of an export: their names, in Darwin Core's words where it has one, and where from.

Expressions are over `i` (image), `r` (its first current record, by id), `d` (dataset) and `e` (the
chosen images).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from core import citation, licences
from core.errors import BadRequest

COLUMNS: Mapping[str, str] = {
    "uuid": "i.id::text",
    "recordID": "r.id::text",
    "rank": "e.position",
    "score": "e.score",
    "occurrenceID": "r.occurrence_id",
    "catalogNumber": "r.catalog_number",
    "institutionCode": "r.institution_code",
    "collectionCode": "r.collection_code",
    "datasetKey": "d.key",
    "datasetName": "d.title",
    "basisOfRecord": "r.basis_of_record",
    "scientificName": "r.scientific_name",
    "canonicalName": "r.canonical_name",
    "scientificNameAuthorship": "r.authorship",
    "taxonRank": "r.taxon_rank",
    "vernacularName": "r.vernacular_name",
    "kingdom": "r.kingdom",
    "phylum": "r.phylum",
    "class": "r.class",
    "order": 'r."order"',
    "family": "r.family",
    "genus": "r.genus",
    "species": "r.species",
    "typeStatus": "r.type_status",
    "sex": "r.sex",
    "lifeStage": "r.life_stage",
    "preparations": "r.preparations",
    "identifiedBy": "r.identified_by",
    "recordedBy": "r.recorded_by",
    "eventDate": "r.event_date",
    "country": "r.country",
    "countryCode": "r.country_code",
    "stateProvince": "r.state_province",
    "county": "r.county",
    "locality": "r.locality",
    "decimalLatitude": "r.decimal_latitude",
    "decimalLongitude": "r.decimal_longitude",
    "geodeticDatum": "r.geodetic_datum",
    "coordinateUncertaintyInMeters": "r.coordinate_uncertainty_m",
    "informationWithheld": "r.information_withheld",
    "recordLicense": "coalesce(r.licence, d.licence)",
    "recordRightsHolder": "r.rights_holder",
    "references": "r.references_url",
    "imageIdentifier": "i.identifier",
    "imageView": "i.view",
    "imageLicense": "coalesce(i.licence, 'UNKNOWN')",
    "imageRightsHolder": "i.rights_holder",
    "imageCreator": "i.creator",
    "imageWidth": "i.width",
    "imageHeight": "i.height",
    "imageSha256": "i.sha256",
}
"""In the database."""
COMPUTED = ("imageURL", "imagePage", "imageCredit", "imageBytes")
"""Made from rows: the address of a copy, where its licence allows one; the publisher's page or
file; the line to print beside the picture; the size of the file in bytes."""
NAMES = (*COLUMNS, *COMPUTED)
HELPERS: Mapping[str, str] = {
    "_fetch_url": "i.fetch_url",
    "_page": "i.references_url",
    "imageBytes": "i.bytes",
}
"""What else `row` needs."""
NUMBERS = frozenset(
    {"score", "decimalLatitude", "decimalLongitude", "coordinateUncertaintyInMeters"}
)
COUNTS = frozenset({"rank", "imageWidth", "imageHeight", "imageBytes"})

PICTURES = (
    "uuid", "recordID", "rank", "score", "scientificName", "catalogNumber", "datasetName",
    "imageIdentifier", "imageView", "imageWidth", "imageHeight", "imageSha256", "imageLicense",
    "imageRightsHolder", "imageCreator", *COMPUTED,
)  # fmt: skip
"""What a list of images says of each."""

OCCURRENCE = (
    "occurrenceID", "catalogNumber", "institutionCode", "collectionCode", "datasetName",
    "basisOfRecord", "scientificName", "scientificNameAuthorship", "taxonRank", "vernacularName",
    "kingdom", "phylum", "class", "order", "family", "genus", "typeStatus", "sex", "lifeStage",
    "preparations", "identifiedBy", "recordedBy", "eventDate", "country", "countryCode",
    "stateProvince", "county", "locality", "decimalLatitude", "decimalLongitude", "geodeticDatum",
    "coordinateUncertaintyInMeters", "informationWithheld",
)  # fmt: skip
"""Columns that are terms of Darwin Core under the same names."""


def chosen(names: Sequence[str]) -> list[str]:
    """`names`, or all columns where there are none; BadRequest for one that there is not."""
    for name in names:
        if name not in NAMES:
            raise BadRequest(f"There is no column {name!r}; there are {', '.join(NAMES)}")
    return list(dict.fromkeys(names)) or list(NAMES)


def row(found: Mapping[str, Any], address: str) -> dict[str, Any]:
    """All columns of one image, from a row of COLUMNS and HELPERS; `address` is our server's."""
    copied = _may_copy(found)
    return {
        **{name: found[name] for name in COLUMNS},
        "imageURL": f"{address}/api/v1/images/{found['uuid']}/file" if copied else None,
        "imagePage": _web(found["_page"]) or _web(found["imageIdentifier"]),
        "imageCredit": citation.image_credit(
            creator=found["imageCreator"],
            rights_holder=found["imageRightsHolder"],
            licence=found["imageLicense"],
        ),
        "imageBytes": found["imageBytes"],
    }


def _may_copy(found: Mapping[str, Any]) -> bool:
    local = not found["_fetch_url"].startswith(("http://", "https://"))
    return local or licences.describe(found["imageLicense"]).allows_copy


def _web(link: str | None) -> str | None:
    return link if link and link.startswith(("http://", "https://")) else None
