"""A page of rows as published to rows of our tables; no database."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from uuid import UUID

from core import darwincore, licences
from core.darwincore.record import INTERPRETER, content_hash
from core.errors import RejectedRow
from ingestor.identity import dataset_id, image_id, record_id
from ingestor.sources.base import DatasetInfo, MediaRow, Page, Rejected, Row, Source

Columns = dict[str, object]


@dataclass
class Batch:
    """Rows to write, by their keys."""

    datasets: dict[UUID, Columns] = field(default_factory=dict)
    taxa: dict[tuple[object, object], Columns] = field(default_factory=dict)
    records: dict[UUID, Columns] = field(default_factory=dict)
    images: dict[UUID, Columns] = field(default_factory=dict)
    links: dict[tuple[UUID, UUID], int] = field(default_factory=dict)
    """(record, image) to position."""
    rejections: dict[tuple[UUID, str], Columns] = field(default_factory=dict)


def interpret(page: Page, source: Source) -> Batch:
    """Return everything the page says; a bad row or medium becomes a rejection of its own."""
    batch = Batch()
    named: dict[tuple[object, object], darwincore.ParsedRecord] = {}
    for info in page.datasets:
        batch.datasets[dataset_id(source.name, info.key)] = _dataset(source.name, info)
    for rejected in page.rejected:
        _reject(batch, source.name, rejected)
    for row in page.rows:
        try:
            parsed = _add(batch, source, row)
            named[parsed.checklist_key, parsed.taxon_key] = parsed
        except RejectedRow as error:
            rejected = Rejected(row.locator, error.detail, row.dataset_key, row.fields)
            _reject(batch, source.name, rejected)
    for key, parsed in named.items():  # a name of many records is one taxon: that of the last
        if taxon := parsed.taxon_columns():
            batch.taxa[key] = taxon
    return batch


def _dataset(source: str, info: DatasetInfo) -> Columns:
    licence = licences.parse(info.licence_raw) if info.licence_raw else None
    known = {"id": dataset_id(source, info.key), "source": source, "licence": licence}
    return asdict(info) | known


def _add(batch: Batch, source: Source, row: Row) -> darwincore.ParsedRecord:
    parsed = darwincore.parse_record(row.fields)
    columns = parsed.as_columns()
    if row.kept:
        columns["verbatim"] = verbatim = parsed.verbatim | dict(row.kept)
        columns["content_hash"] = content_hash(verbatim)
    own = record_id(source.name, row.source_record_id)
    batch.records[own] = columns | {
        "id": own,
        "dataset_id": dataset_id(source.name, row.dataset_key),
        "source": source.name,
        "source_record_id": row.source_record_id,
        "interpreter": INTERPRETER,
    }
    position = 0
    for medium in row.media:
        try:
            image = _image(source, row.dataset_key, medium, parsed)
        except RejectedRow as error:
            _reject(
                batch,
                source.name,
                Rejected(medium.locator, error.detail, row.dataset_key, medium.fields),
            )
            continue
        identifier = image["id"]
        assert isinstance(identifier, UUID)
        batch.images.setdefault(identifier, image)
        if (own, identifier) not in batch.links:
            batch.links[own, identifier] = position
            position += 1
    return parsed


def _image(
    source: Source, dataset_key: str, medium: MediaRow, record: darwincore.ParsedRecord
) -> Columns:
    parsed = darwincore.parse_media(medium.fields, record)
    columns = dict(vars(parsed))
    del columns["kind"]
    return columns | {
        "id": image_id(source.name, dataset_key, parsed.identifier),
        "dataset_id": dataset_id(source.name, dataset_key),
        "fetch_url": medium.fetch_url or source.locate(parsed.identifier),
    }


def _reject(batch: Batch, source: str, rejected: Rejected) -> None:
    dataset = dataset_id(source, rejected.dataset_key)
    locator = _plain(rejected.locator)
    batch.rejections[dataset, locator] = {
        "dataset_id": dataset,
        "locator": locator,
        "reason": _plain(rejected.reason),
        "verbatim": _storable(rejected.fields),
    }


def _storable(fields: Mapping[str, str]) -> dict[str, str]:
    """Return the cells without what JSON in PostgreSQL cannot hold."""
    return {_plain(key): _plain(value) for key, value in fields.items()}


def _plain(text: str) -> str:
    return text.replace("\0", "").encode("utf-8", "replace").decode()
