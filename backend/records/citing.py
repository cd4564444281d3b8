"""How to cite a record, or one picture of it."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from sqlalchemy import RowMapping

from backend.images import service as pictures
from backend.records import service
from core import citation, licences
from core.citation import Citation
from core.errors import NotFound

Row = RowMapping


def cite(row: Row | None, image_rows: Sequence[Row], image: UUID | None, on: date) -> Citation:
    """What `service.detail` takes, cited on a day; NotFound where the picture is not of it."""
    known = service.current(row)
    if image is None:
        return _record(known, on)
    for each in image_rows:
        if each["image_id"] == image:
            return _picture(known, each, on)
    raise NotFound("The record has no such picture")


def _record(row: Row, on: date) -> Citation:
    return Citation(
        key=f"record-{row['record_id'].hex[:12]}",
        line=service.cited(row),
        title=_title(row),
        author=row["record_institution_code"] or row["dataset_publisher"],
        publisher=row["dataset_publisher"],
        note=row["dataset_citation"] or row["dataset_title"],
        url=_link(row),
        accessed=on,
    )


def _picture(row: Row, image: Row, on: date) -> Citation:
    credit = citation.image_credit(
        creator=image["image_creator"],
        rights_holder=image["image_rights_holder"],
        licence=image["image_licence"],
    )
    title = f"Picture of {_title(row)}"
    link = pictures.source_url(image) or _link(row)
    parts = (credit, title, row["dataset_title"], link)
    return Citation(
        key=f"image-{image['image_id'].hex[:12]}",
        line=". ".join(part.rstrip(".") for part in parts if part) + ".",
        title=title,
        author=image["image_creator"] or image["image_rights_holder"],
        publisher=row["dataset_publisher"],
        note=f"{row['dataset_title']}. {licences.describe(image['image_licence']).label}",
        url=link,
        accessed=on,
    )


def _title(row: Row) -> str:
    number = citation.specimen_number(
        row["record_institution_code"], row["record_collection_code"], row["record_catalog_number"]
    )
    parts = (row["record_scientific_name"], number)
    return ", ".join(part for part in parts if part) or row["dataset_title"]


def _link(row: Row) -> str | None:
    link = pictures.web_link(row["record_references_url"], row["record_occurrence_id"])
    return link or row["dataset_doi"] or row["dataset_url"]
