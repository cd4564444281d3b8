"""What ingesting left in the database, for comparison."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

QUERIES = {
    "datasets": "SELECT id, key, title, licence FROM dataset ORDER BY id",
    "records": "SELECT id, dataset_id, source_record_id, content_hash, verbatim, issues,"
    " scientific_name, event_start, withdrawn_at IS NOT NULL AS gone FROM record ORDER BY id",
    "images": "SELECT id, dataset_id, identifier, fetch_url, licence, state, reason, sha256,"
    " width, height, bytes, phash FROM image ORDER BY id",
    "links": "SELECT record_id, image_id, position FROM record_image ORDER BY 1, 2",
    "taxa": "SELECT * FROM taxon ORDER BY 1, 2",
    "rejections": "SELECT dataset_id, locator, reason, verbatim FROM rejection ORDER BY 1, 2",
}


async def everything(engine: AsyncEngine) -> dict[str, list[tuple[object, ...]]]:
    """All that does not depend on when it was written."""
    async with engine.connect() as connection:
        return {
            name: [tuple(row) for row in await connection.execute(text(query))]
            for name, query in QUERIES.items()
        }


async def value(engine: AsyncEngine, query: str, **parameters: object) -> object:
    """One value."""
    async with engine.connect() as connection:
        return (await connection.execute(text(query), parameters)).scalar_one()


async def pairs(engine: AsyncEngine) -> dict[str, set[str]]:
    """Identifiers of the images of every record, by occurrenceID."""
    query = (
        "SELECT occurrence_id, array_remove(array_agg(identifier), NULL) FROM record"
        " LEFT JOIN record_image ON record_id = record.id"
        " LEFT JOIN image ON image.id = image_id GROUP BY occurrence_id"
    )
    async with engine.connect() as connection:
        return {name: set(found) for name, found in await connection.execute(text(query))}
