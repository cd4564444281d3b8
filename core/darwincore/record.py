"""One row of an occurrence table to a typed record."""

import datetime
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields


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
    licence: str | None
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
        values: dict[str, object] = {
            field.name.rstrip("_"): getattr(self, field.name) for field in fields(self)
        }
        values["issues"] = list(self.issues)
        return values

    def taxon_columns(self) -> dict[str, object] | None:
        """Return the row of `tables.taxon` this record names, or None where it names none."""
        raise NotImplementedError


def content_hash(verbatim: Mapping[str, str]) -> str:
    """Return the sha256 of the cells, whatever their order; 64 hex digits."""
    text = json.dumps(dict(verbatim), sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def parse_record(row: Mapping[str, str]) -> ParsedRecord:
    """Interpret one row, keyed by term names in any spelling.

    Nothing is dropped silently: an unusable value leaves its attribute None and adds an issue.
    Raises RejectedRow only for an empty row or one that is not text.
    """
    raise NotImplementedError
