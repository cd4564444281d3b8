"""From rows to records."""

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import RowMapping

from backend.images import service as pictures
from backend.records.schemas import (
    DatasetDetail,
    DatasetRef,
    Issue,
    Publication,
    Rank,
    RecordDetail,
    RecordFields,
    RecordSummary,
)
from core import citation
from core.darwincore import ISSUES
from core.db.tables import RANKS
from core.errors import NotFound

Row = RowMapping


def summary(row: Row) -> RecordSummary:
    """A row of `queries.SUMMARY_COLUMNS` as shown beside a picture."""
    return RecordSummary(
        **{name: row[f"record_{name}"] for name in RecordFields.model_fields},
        dataset=DatasetRef(id=row["dataset_id"], title=row["dataset_title"]),
    )


def current(row: Row | None) -> Row:
    """A row of `queries.by_id`; NotFound where there is none, or it was withdrawn."""
    if row is None:
        raise NotFound("There is no such record here")
    if (withdrawn := row["record_withdrawn_at"]) is not None:
        raise NotFound(f"Its publisher withdrew this record before {withdrawn:%d %B %Y}")
    return row


def detail(row: Row | None, image_rows: Sequence[Row], others: Sequence[Row] = ()) -> RecordDetail:
    """A row of `queries.by_id` and the rows of its images in full; NotFound when withdrawn.

    `others`: rows of `queries.same_specimen`.
    """
    row = current(row)
    link = pictures.web_link(row["record_references_url"], row["record_occurrence_id"])
    own = {"dataset", "licence", "taxonomy", "issues", "images", "citation", "source_url"}
    own |= {"shown_as", "also_published"}
    plain = RecordDetail.model_fields.keys() - own
    return RecordDetail(
        **{name: row[f"record_{name}"] for name in plain},
        dataset=_dataset(row),
        licence=pictures.licence(row["record_licence"]),
        taxonomy=[
            Rank(rank=rank, name=row[f"record_{rank}"]) for rank in RANKS if row[f"record_{rank}"]
        ],
        issues=[Issue(name=name, text=ISSUES.get(name, name)) for name in row["record_issues"]],
        images=[pictures.describe(image) for image in image_rows],
        citation=f"{cited(row)} Accessed {datetime.now(UTC):%Y-%m-%d}.",
        source_url=link or pictures.web_link(row["dataset_url"]),
        shown_as=row["record_specimen_id"],
        also_published=[_publication(other) for other in others],
    )


def _publication(row: Row) -> Publication:
    links = (row["references_url"], row["occurrence_id"], row["dataset_url"])
    return Publication(
        id=row["id"],
        dataset=DatasetRef(id=row["dataset_id"], title=row["dataset_title"]),
        source=row["source"],
        source_record_id=row["source_record_id"],
        source_url=pictures.web_link(*links),
    )


def _dataset(row: Row) -> DatasetDetail:
    own = {"licence"}
    plain = DatasetDetail.model_fields.keys() - own
    return DatasetDetail(
        **{name: row[f"dataset_{name}"] for name in plain},
        licence=pictures.licence(row["dataset_licence"]),
    )


def cited(row: Row) -> str:
    """How to cite a row of `queries.by_id`, in a line."""
    link = pictures.web_link(row["record_references_url"], row["record_occurrence_id"])
    return citation.record_citation(
        institution_code=row["record_institution_code"],
        collection_code=row["record_collection_code"],
        catalog_number=row["record_catalog_number"],
        scientific_name=row["record_scientific_name"],
        dataset_title=row["dataset_title"],
        publisher=row["dataset_publisher"],
        url=link or row["dataset_doi"] or row["dataset_url"],
        retrieved=f"{row['dataset_retrieved_at']:%Y-%m-%d}",
    )
