"""What can be wrong with a record: GBIF's names where GBIF has one, each in words."""

ISSUES: dict[str, str] = {
    "RECORDED_DATE_INVALID": "The date of collection cannot be read; it is shown as given.",
    "RECORDED_DATE_AMBIGUOUS": (
        "The date of collection can be read in two ways (day or month first, or a two-digit year);"
        " it is shown as given and not guessed."
    ),
    "RECORDED_DATE_MISMATCH": "The date of collection contradicts the year, month or day given.",
    "RECORDED_DATE_UNLIKELY": "The date of collection lies in the future or before 1500.",
    "COORDINATE_INVALID": "The coordinates cannot be read, or one of the two is missing.",
    "COORDINATE_OUT_OF_RANGE": (
        "The latitude is not within -90 to 90 or the longitude not within -180 to 180 degrees."
    ),
    "ZERO_COORDINATE": (
        "Latitude and longitude are both 0, which nearly always means unknown;"
        " the record is not placed on the map."
    ),
    "COORDINATE_UNCERTAINTY_METERS_INVALID": (
        "The uncertainty of the coordinates is not a usable distance in metres."
    ),
    "COUNTRY_INVALID": "The country or its code is not one of ISO 3166.",
    "COUNTRY_MISMATCH": "The country and the country code name different countries.",
    "BASIS_OF_RECORD_INVALID": "The kind of record is not one that Darwin Core defines.",
    "LICENCE_UNKNOWN": (
        "The licence statement is not one we know; copies are not shown, only links."
    ),
    "TAXON_UNCERTAIN": (
        "The identification is tentative (cf., aff. or a question mark);"
        " no species is recorded for it."
    ),
    "TAXON_NAME_MISSING": "The record carries no name of a taxon.",
}
