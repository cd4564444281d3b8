"""One row of an occurrence table to a typed record."""

import datetime
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from core import licences, taxonomy
from core.darwincore import places, values
from core.darwincore.dates import parse_event_date
from core.darwincore.identification import identification
from core.darwincore.terms import cells, verbatim

INTERPRETER = 1
"""To be raised whenever a row comes to be interpreted otherwise: then unchanged rows are, too."""


@dataclass(frozen=True)
class ParsedRecord:
    """The content columns of `tables.record`, interpreted, beside everything as given.

    An attribute is None where the row says nothing usable; `issues` says why, `verbatim` keeps
    the row's words.
    """

    occurrence_id: str | None
    basis_of_record: str | None
    institution_code: str | None
    collection_code: str | None
    catalog_number: str | None
    type_status: str | None
    sex: str | None
    life_stage: str | None
    preparations: str | None
    checklist_key: str | None
    taxon_key: str | None
    scientific_name: str | None
    canonical_name: str | None
    authorship: str | None
    taxon_rank: str | None
    vernacular_name: str | None
    kingdom: str | None
    phylum: str | None
    class_: str | None
    order: str | None
    family: str | None
    genus: str | None
    species: str | None
    identified_by: str | None
    event_date: str | None
    event_start: datetime.date | None
    event_end: datetime.date | None
    recorded_by: str | None
    country: str | None
    country_code: str | None
    state_province: str | None
    county: str | None
    locality: str | None
    decimal_latitude: float | None
    decimal_longitude: float | None
    coordinate_uncertainty_m: float | None
    geodetic_datum: str | None
    information_withheld: str | None
    licence_raw: str | None
    licence: str
    """Code of core.licences; "UNKNOWN" where nothing is stated."""
    rights_holder: str | None
    references_url: str | None
    issues: tuple[str, ...]
    """Names of `ISSUES`."""
    verbatim: dict[str, str]
    """Every non-empty cell under the key it was given."""
    content_hash: str
    """sha256 of `verbatim`, 64 hex digits."""

    def as_columns(self) -> dict[str, object]:
        """Return the values keyed by column name of `tables.record`."""
        values: dict[str, object] = dict(vars(self))
        values["class"] = values.pop("class_")
        values["issues"] = list(self.issues)
        return values

    def taxon_columns(self) -> dict[str, object] | None:
        """Return the row of `tables.taxon` this record names, or None where it names none."""
        if self.taxon_key is None:
            return None
        columns = self.as_columns()
        ranks = {rank: columns[rank] for rank in taxonomy.RANKS}
        return {
            "checklist_key": self.checklist_key,
            "taxon_key": self.taxon_key,
            "canonical_name": self.canonical_name,
            "authorship": self.authorship,
            "rank": self.taxon_rank,
            **ranks,
            "common_names": [self.vernacular_name] if self.vernacular_name else [],
            "accepted_taxon_key": None,
            "lineage": taxonomy.lineage(ranks),
        }


_HOUSEKEEPING = {"lastInterpreted", "lastParsed", "lastCrawled"}
"""When GBIF last looked at a record, which it does with all of them every few weeks."""


def content_hash(verbatim: Mapping[str, str]) -> str:
    """Return the sha256 of the cells, whatever their order; 64 hex digits.

    When a portal last worked on the row is no part of its content.
    """
    cells = {name: value for name, value in verbatim.items() if name not in _HOUSEKEEPING}
    text = json.dumps(cells, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def parse_record(row: Mapping[str, str]) -> ParsedRecord:
    """Interpret one row, keyed by term names in any spelling.

    Nothing is dropped silently: an unusable value leaves its attribute None and adds an issue.
    Raises RejectedRow only for an empty row or one that is not text.
    """
    kept = verbatim(row)
    found = cells(row)
    issues: list[str] = []
    columns = (
        {column: found.get(name) for column, name in _COPIED.items()}
        | identification(found, issues)
        | _kind(found, issues)
        | _event(found, issues)
        | _place(found, issues)
        | _rights(found, issues)
    )
    return ParsedRecord(
        **columns,  # type: ignore[arg-type]
        issues=tuple(dict.fromkeys(issues)),
        verbatim=kept,
        content_hash=content_hash(kept),
    )


_COPIED = {
    "occurrence_id": "occurrenceID",
    "institution_code": "institutionCode",
    "collection_code": "collectionCode",
    "catalog_number": "catalogNumber",
    "type_status": "typeStatus",
    "preparations": "preparations",
    "vernacular_name": "vernacularName",
    "identified_by": "identifiedBy",
    "recorded_by": "recordedBy",
    "state_province": "stateProvince",
    "county": "county",
    "geodetic_datum": "geodeticDatum",
    "information_withheld": "informationWithheld",
}
_RIGHTS = ("license", "WebStatement", "UsageTerms", "rights", "accessRights")


def _kind(found: Mapping[str, str], issues: list[str]) -> dict[str, object]:
    return {
        "basis_of_record": values.basis_of_record(found.get("basisOfRecord"), issues),
        "sex": values.sex(found.get("sex")),
        "life_stage": values.life_stage(found.get("lifeStage")),
    }


def _event(found: Mapping[str, str], issues: list[str]) -> dict[str, object]:
    year, month, day = (found.get(part) for part in ("year", "month", "day"))
    text = found.get("eventDate")
    if text is None and year is None:
        text = found.get("verbatimEventDate")
    shown, start, end, wrong = parse_event_date(text, year, month, day)
    issues += wrong
    return {"event_date": shown, "event_start": start, "event_end": end}


def _place(found: Mapping[str, str], issues: list[str]) -> dict[str, object]:
    country, code = places.country(found, issues)
    latitude, longitude = places.coordinates(found, issues)
    return {
        "country": country,
        "country_code": code,
        "locality": found.get("locality") or found.get("verbatimLocality"),
        "decimal_latitude": latitude,
        "decimal_longitude": longitude,
        "coordinate_uncertainty_m": places.uncertainty_m(found, issues),
    }


def _rights(found: Mapping[str, str], issues: list[str]) -> dict[str, object]:
    raw, licence = stated_licence(found)
    if raw and licence == licences.UNKNOWN:
        issues.append("LICENCE_UNKNOWN")
    links = (found.get("references"), found.get("occurrenceID"))
    return {
        "licence_raw": raw,
        "licence": licence,
        "rights_holder": found.get("rightsHolder") or found.get("Owner"),
        "references_url": next((link for link in links if link and is_link(link)), None),
    }


def stated_licence(found: Mapping[str, str]) -> tuple[str | None, str]:
    """Return (statement, code): the first statement we know, else the first there is."""
    statements = [found[name] for name in _RIGHTS if name in found]
    for statement in statements:
        code = licences.parse(statement)
        if code != licences.UNKNOWN:
            return statement, code
    return (statements[0] if statements else None), licences.UNKNOWN


_LINK = re.compile(r"https?://\S+", re.IGNORECASE)


def is_link(text: str) -> bool:
    """Whether the text is one http(s) link."""
    return _LINK.fullmatch(text) is not None
