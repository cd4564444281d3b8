"""The predecessor's response, for clients written against it."""

from backend.images import service as pictures
from backend.search.schemas import SeedRecord, SeedResponse
from backend.search.service import Outcome, Ranked
from backend.versions.service import public_name
from core.versions import Version


def response(q: str | None, filename: str | None, outcome: Outcome) -> SeedResponse:
    """An outcome in the shape of the predecessor's POST /api/search."""
    found = [_record(ranked, outcome.version) for ranked in outcome.ranked]
    return SeedResponse(
        search_param=q,
        filename=filename,
        record_count=len(found),
        records=found,
        embed_version=outcome.version.embed_version,
    )


def _record(ranked: Ranked, version: Version) -> SeedRecord:
    row = ranked.rows.records[0] if ranked.rows.records else ranked.rows.image
    shown = pictures.describe(row)
    scientific = row["record_scientific_name"] or ""
    common = row["record_vernacular_name"] or ""
    collection = row["dataset_title"] or ""
    return SeedRecord(
        id=row["record_id"] or row["image_id"],
        scientific_name=scientific,
        common_name=common,
        name=common or scientific,
        description=common or scientific,
        image_source_name=collection,
        specimen_source_name=collection,
        external_id=row["image_id"],
        media_url=pictures.web_link(row["image_identifier"]) or shown.image_url,
        specimen_id=row["record_source_record_id"],
        recorded_by=row["record_recorded_by"],
        collection_date=row["record_event_date"],
        source=row["record_source"],
        latitude=row["record_decimal_latitude"],
        longitude=row["record_decimal_longitude"],
        model=public_name(version.model),
        pretrained=public_name(version.pretrained),
        embed_version=version.embed_version,
    )
