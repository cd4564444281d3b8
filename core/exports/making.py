"""Makes the file of a receipt: reads the set in one snapshot, page by page, in bounded memory."""

import asyncio
import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from core import filter_text, versions
from core.db import exports, receipts
from core.db.exports import Chosen
from core.errors import TooLarge
from core.exports import citing, counting
from core.exports.columns import COLUMNS, HELPERS, OCCURRENCE, PICTURES, chosen, row
from core.exports.counting import Counts
from core.exports.dwca import Archive
from core.exports.files import CsvTable, ParquetTable, Table
from core.versions import Version

Tell = Callable[[int, int], None]
"""Told (rows written, rows to write) after every page."""
SUFFIX = {"csv": "csv", "parquet": "parquet", "dwca": "zip", "images": "csv"}


@dataclass(frozen=True)
class Order:
    """What is to be made, from a receipt."""

    id: UUID
    format: str
    columns: list[str]
    vectors: bool
    address: str
    """Of our server, without a path."""
    version: Version
    chosen: Chosen

    @property
    def file_name(self) -> str:
        """As people will find it among their downloads."""
        return f"biocosmos-{self.format}-{str(self.id)[:8]}.{SUFFIX[self.format]}"

    @property
    def link(self) -> str:
        """The permanent address of the receipt."""
        return f"{self.address}/receipt/{self.id}"


async def order(conn: AsyncConnection, receipt: RowMapping) -> Order:
    """What a receipt asks for."""
    options: Mapping[str, Any] = receipt["options"]
    version = await versions.get(conn, receipt["made_with"]["embed_version"])
    if options["listed"]:
        found = exports.listed(receipt["id"])
    else:
        conditions = {k: v for k, v in receipt["query"].items() if k in filter_text.KEYS}
        found = exports.matching(version.id, filter_text.read(conditions))
    return Order(
        id=receipt["id"],
        format=options["format"],
        columns=options["columns"],
        vectors=options["vectors"],
        address=options["address"],
        version=version,
        chosen=found,
    )


async def make(
    engine: AsyncEngine, folder: Path, receipt_id: UUID, *, most: int, tell: Tell
) -> dict[str, Any]:
    """Write the file under `folder`; returns columns of the receipt to set.

    Raises TooLarge for more than `most` images.
    """
    async with engine.connect() as conn:
        conn = await conn.execution_options(isolation_level="REPEATABLE READ")
        receipt = await receipts.get(conn, receipt_id)
        assert receipt is not None
        asked = await order(conn, receipt)
        counts = await counting.count(conn, asked.chosen)
        if counts["images"] > most:
            raise TooLarge(
                f"{counts['images']:,} images are more than the {most:,} of one export;"
                " narrow the filters"
            )
        on = receipt["at"].date()
        citation = citing.text(
            counts, asked=citing.question(receipt["query"]), version=asked.version.embed_version,
            link=asked.link, on=on,
        )  # fmt: skip
        path = folder / str(asked.id) / asked.file_name
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        if asked.format == "dwca":
            await _archive(conn, asked, counts, citation, on.isoformat(), part, tell)
        else:
            await _table(conn, asked, counts, part, tell)
    size, sha256 = await asyncio.to_thread(_seal, part, path)
    return {
        "counts": counts,
        "citation": citation,
        "file_name": path.name,
        "file_bytes": size,
        "file_sha256": sha256,
    }


async def _table(
    conn: AsyncConnection, asked: Order, counts: Counts, path: Path, tell: Tell
) -> None:
    dim = asked.version.dim if asked.vectors else None
    columns = list(PICTURES) if asked.format == "images" else chosen(asked.columns)
    facts = {"receipt": asked.link, "embed_version": asked.version.embed_version}
    table: Table = (
        ParquetTable(path, columns, dim, facts)
        if asked.format == "parquet"
        else CsvTable(path, columns)
    )
    done = 0
    try:
        async for page in exports.images(conn, asked.chosen, {**COLUMNS, **HELPERS}):
            vectors = None
            if dim is not None:
                ids = [each["id"] for each in page]
                vectors = await exports.vectors(conn, asked.version.id, dim, ids)
            rows = [row(each, asked.address) for each in page]
            await asyncio.to_thread(table.write, rows, vectors)
            done += len(page)
            tell(done, counts["images"])
    finally:
        await asyncio.to_thread(table.close)


async def _archive(
    conn: AsyncConnection,
    asked: Order,
    counts: Counts,
    citation: str,
    day: str,
    path: Path,
    tell: Tell,
) -> None:
    archive = Archive(path)
    total, done = counts["images"] + counts["records"], 0
    try:
        archive.begin_occurrences()
        terms = (*OCCURRENCE, "datasetKey", "recordLicense", "recordRightsHolder", "references")
        async for page in exports.records(conn, asked.chosen, {n: COLUMNS[n] for n in terms}):
            await asyncio.to_thread(archive.occurrences, page)
            done += len(page)
            tell(done, total)
        archive.begin_media()
        images = {n: e for n, e in COLUMNS.items() if e.startswith(("i.", "coalesce(i."))}
        absent = {n: "NULL" for n in COLUMNS.keys() - images.keys()}
        async for page in exports.links(conn, asked.chosen, {**images, **absent, **HELPERS}):
            for each in page:
                archive.media(each["records"], row(each, asked.address))
            done += len(page)
            tell(done, total)
        facts = _facts(asked, counts, citation, day)
        await asyncio.to_thread(archive.close, facts)
    except BaseException:
        archive.abandon()
        raise


def _facts(asked: Order, counts: Counts, citation: str, day: str) -> dict[str, Any]:
    return {
        "id": str(asked.id),
        "link": asked.link,
        "date": day,
        "title": citing.title(counts),
        "description": f"An export of BioCosmos, embed version {asked.version.embed_version}.",
        "citation": citation,
        "licence_summary": counting.licence_summary(counts),
        "dataset_citations": [citing.dataset(each) for each in counts["datasets"]],
        "counts": counts,
    }


def _seal(part: Path, path: Path) -> tuple[int, str]:
    """Move a finished file to its place: its size in bytes and its sha256."""
    digest = hashlib.sha256()
    with part.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
        os.fsync(file.fileno())
    size = part.stat().st_size
    part.replace(path)
    return size, digest.hexdigest()
