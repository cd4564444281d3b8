"""From a search value to a set, its citation, and the receipt of its export."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import filters
from backend.deps import Services
from backend.exports import schemas
from backend.exports.schemas import (
    Citation,
    Cited,
    ExportFile,
    ExportRequest,
    Receipt,
    SetParams,
    SetSummary,
)
from backend.search import parts
from backend.search import service as searching
from backend.search.schemas import MOST_HITS, SearchParams, SearchRequest
from backend.timing import Timing
from backend.versions import service as version_service
from core.db import exports, receipts
from core.errors import BadRequest, Conflict, NotFound, Unavailable
from core.exports import citing, counting
from core.exports.columns import chosen
from core.exports.counting import Counts
from core.versions import Version

Listed = list[tuple[UUID, float | None]]
"""Images with their scores, best first."""
MOST_WAITING = 20
PROGRAM = "BioCosmos 0.1.0"


async def find(
    services: Services, asked: SetParams, timing: Timing
) -> tuple[Version, Listed | None]:
    """The version searched, and the images where they are listed: None for all that pass."""
    if asked.images:
        async with services.reading() as conn:
            version = await version_service.searchable(conn, asked.embed_version)
        return version, [(each, None) for each in dict.fromkeys(asked.images)]
    search = _search(asked)
    if not parts.is_asked(search, None):
        async with services.reading() as conn:
            return await version_service.searchable(conn, asked.embed_version), None
    found: Listed = []
    limit = max(1, min(asked.nearest, MOST_HITS // search.per_group))
    page = search.model_copy(update={"limit": limit, "cursor": None})
    while True:
        outcome = await searching.search(services, page, None, timing)
        found += [(each.rows.image["image_id"], each.score) for each in outcome.ranked]
        if outcome.next is None or len(found) >= asked.nearest:
            return outcome.version, found[: asked.nearest]
        page = page.model_copy(update={"cursor": outcome.next.write()})


def _search(asked: SetParams) -> SearchRequest:
    return SearchRequest(**asked.model_dump(include=set(SearchParams.model_fields)))


async def cite(services: Services, asked: SetParams, address: str, timing: Timing) -> Cited:
    """What a set comes to, and how to cite it without exporting it."""
    version, listed = await find(services, asked, timing)
    query = said(asked)
    link = f"{address}{search_path(query, version.embed_version)}"
    async with services.reading() as conn:
        if listed is None:
            found = exports.matching(version.id, filters.decode(asked))
        else:
            found = exports.these([image_id for image_id, _ in listed])
        counts = await counting.count(conn, found)
    on = datetime.now(UTC).date()
    text = citing.text(
        counts, asked=citing.question(query), version=version.embed_version, link=link, on=on
    )
    return Cited(
        **summary(counts).model_dump(),
        embed_version=version_service.ref(version),
        link=link,
        citation=_citation(counts, text, f"biocosmos{on:%Y%m%d}", version.embed_version, link, on),
    )


async def order(services: Services, asked: ExportRequest, address: str, timing: Timing) -> UUID:
    """Keep the receipt of an export that is to be made; returns its id."""
    columns = chosen(asked.columns) if asked.columns else []
    if asked.vectors and asked.format != "parquet":
        raise BadRequest("Vectors are only in format=parquet")
    version, listed = await find(services, asked, timing)
    made = uuid4()
    async with services.writing() as conn:
        if await receipts.waiting(conn) >= MOST_WAITING:
            raise Unavailable("Many exports are being made just now; try again in some minutes")
        values = {
            "id": made,
            "query": said(asked),
            "options": {
                "format": asked.format,
                "columns": columns,
                "vectors": asked.vectors,
                "address": address,
                "listed": listed is not None,
            },
            "made_with": {
                "program": PROGRAM,
                "embed_version": version.embed_version,
                "model": version_service.public_name(version.model),
                "pretrained": version_service.public_name(version.pretrained),
                "weights_sha256": version.weights_sha256,
            },
            "counts": {},
            "citation": "",
        }
        await receipts.create(conn, values)
        await receipts.list_images(conn, made, listed or [])
    services.exporter.wake()
    return made


def said(asked: SetParams) -> dict[str, Any]:
    """A set as it would stand in an address; without its length where everything is meant."""
    without = {"format", "columns", "vectors", "limit", "cursor", "images", "nearest"}
    query = asked.model_dump(mode="json", exclude=without, exclude_defaults=True)
    if asked.images:
        query["images"] = len(asked.images)
    elif parts.is_asked(
        SearchRequest(**asked.model_dump(include=set(SearchParams.model_fields))), None
    ):
        query["nearest"] = asked.nearest
    return query


def search_path(query: dict[str, Any], version: str) -> str:
    """The page that asks the same, in the version that answered."""
    kept = {k: v for k, v in query.items() if k not in ("images", "nearest")}
    if not kept.get("fuse"):
        kept["embed_version"] = version
    return f"/?{urlencode(kept, doseq=True)}"


async def receipt(services: Services, conn: AsyncConnection, receipt_id: UUID) -> Receipt:
    """A receipt; NotFound."""
    row = await _row(conn, receipt_id)
    options, made_with = row["options"], row["made_with"]
    link = f"{options['address']}/receipt/{row['id']}"
    counts: Counts | None = row["counts"] or None
    return Receipt(
        **{name: row[name] for name in ("id", "state", "done", "total", "error", "query", "at")},
        link=link,
        search_path=search_path(row["query"], made_with["embed_version"]),
        listed=options["listed"],
        format=options["format"],
        vectors=options["vectors"],
        made_with=made_with,
        finished_at=row["finished_at"],
        summary=summary(counts) if counts else None,
        citation=_citation(
            counts,
            row["citation"],
            f"biocosmos{str(row['id'])[:8]}",
            made_with["embed_version"],
            link,
            row["at"].date(),
        )
        if counts
        else None,
        file=_file(services, row),
    )


async def _row(conn: AsyncConnection, receipt_id: UUID) -> RowMapping:
    row = await receipts.get(conn, receipt_id)
    if row is None or "format" not in row["options"]:
        raise NotFound("There is no such receipt here")
    return row


def summary(counts: Counts) -> SetSummary:
    """Counts as the API shows them."""
    datasets = [
        schemas.Contribution.model_validate(
            {**each, "doi": citing.doi_link(each["doi"]), "citation": citing.dataset(each)}
        )
        for each in counts["datasets"]
    ]
    return SetSummary(
        images=counts["images"],
        records=counts["records"],
        datasets=datasets,
        licences=[schemas.LicenceCount.model_validate(each) for each in counts["licences"]],
        licence_summary=counting.licence_summary(counts),
    )


def _citation(counts: Counts, text: str, key: str, version: str, link: str, on: date) -> Citation:
    return Citation(
        text=text,
        bibtex=citing.bibtex(counts, key=key, version=version, link=link, on=on),
        ris=citing.ris(counts, version=version, link=link, on=on),
        derived_dataset=citing.derived_dataset(counts),
    )


def _file(services: Services, row: RowMapping) -> ExportFile | None:
    if row["file_name"] is None:
        return None
    kept = row["file_removed_at"] is None
    return ExportFile(
        name=row["file_name"],
        bytes=row["file_bytes"],
        sha256=row["file_sha256"],
        url=f"/api/v1/receipts/{row['id']}/file" if kept else None,
        kept_until=row["finished_at"] + timedelta(days=services.settings.export_days),
    )


async def file(services: Services, conn: AsyncConnection, receipt_id: UUID) -> Path:
    """The file of a receipt; NotFound when it is no longer kept, Conflict when not yet made."""
    row = await _row(conn, receipt_id)
    if row["state"] in ("waiting", "running"):
        raise Conflict("The file is still being made")
    if row["file_name"] is None:
        raise NotFound(f"No file could be made: {row['error']}")
    path: Path = services.exporter.folder / str(receipt_id) / row["file_name"]
    if row["file_removed_at"] is not None or not await asyncio.to_thread(path.is_file):
        raise NotFound("The file is no longer kept; export the same again from its receipt")
    return path
