"""Exports: files, receipts, citations, and what happens to them with time."""

import asyncio
import csv
import hashlib
import io
import warnings
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pyarrow.parquet as pq
import pytest
from dwca.read import DwCAReader
from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.app import create_app
from core.db.engine import create_engine
from core.db.tables import embed_version, image, receipt, record
from ingestor.run import ingest
from ingestor.sources.dwca import DwcaSource
from tests.api import Museum, named, problem

pytest_plugins = ("tests.api_fixtures",)
Export = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture
def export(client: httpx.AsyncClient) -> Export:
    """Exports and waits for the receipt of the finished file."""

    async def run(**asked: Any) -> dict[str, Any]:
        answer = await client.post("/api/v1/exports", json={"embed_version": "tiny"} | asked)
        assert answer.status_code == 202, answer.text
        return await finished(client, answer.json()["id"])

    return run


async def finished(client: httpx.AsyncClient, receipt_id: str) -> dict[str, Any]:
    async with asyncio.timeout(60):
        while True:
            found = (await client.get(f"/api/v1/receipts/{receipt_id}")).json()
            if found["state"] in ("done", "failed"):
                return dict(found)
            await asyncio.sleep(0.05)


async def content(client: httpx.AsyncClient, made: dict[str, Any]) -> bytes:
    """The file of a receipt, checked against it."""
    answer = await client.get(made["file"]["url"])
    assert answer.status_code == 200
    assert made["file"]["name"] in answer.headers["content-disposition"]
    assert len(answer.content) == made["file"]["bytes"]
    assert hashlib.sha256(answer.content).hexdigest() == made["file"]["sha256"]
    return answer.content


def rows(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode(), newline="")))


async def test_all_that_passes_filters_as_csv(client: httpx.AsyncClient, export: Export) -> None:
    made = await export(format="csv", taxon=["Vanessa"])
    found = rows(await content(client, made))
    # image 11 too: it shows record 0 alone, of another species
    assert {row["species"] for row in found} == {"Vanessa caerulea"}
    assert {row["uuid"] for row in found} == {str(named(f"image {n}")) for n in (2, 5, 8)}
    assert found[0]["eventDate"] == "1929"
    assert made["summary"]["images"] == len(found) == 3
    assert made["summary"]["records"] == 4  # image 8 shows two
    assert made["query"] == {"taxon": ["Vanessa"], "embed_version": "tiny"}
    assert made["search_path"] == "/?taxon=Vanessa&embed_version=tiny"
    assert made["made_with"]["embed_version"] == "tiny"
    assert not made["listed"]


async def test_withdrawn_records_stay_out_of_everything(
    client: httpx.AsyncClient, export: Export
) -> None:
    made = await export(format="csv")
    ids = {row["uuid"] for row in rows(await content(client, made))}
    assert str(named("image 9")) not in ids
    assert len(ids) == made["summary"]["images"] == 11


async def test_the_nearest_of_a_query_keep_rank_and_score(
    client: httpx.AsyncClient, export: Export
) -> None:
    made = await export(format="csv", q="wings", nearest=4)
    found = rows(await content(client, made))
    asked = {"q": "wings", "embed_version": "tiny", "limit": 4}
    hits = (await client.get("/api/v1/search", params=asked)).json()["hits"]
    assert {int(row["rank"]): row["uuid"] for row in found} == {
        hit["rank"]: hit["image"]["id"] for hit in hits
    }
    scores = {row["uuid"]: float(row["score"]) for row in found}
    assert scores[hits[0]["image"]["id"]] == pytest.approx(hits[0]["score"], abs=1e-6)
    assert made["listed"]
    assert "the 4 nearest" in made["citation"]["text"]


async def test_pictures_picked_by_hand(client: httpx.AsyncClient, export: Export) -> None:
    picked = [str(named("image 1")), str(named("image 10"))]
    made = await export(format="images", images=picked)
    found = {row["uuid"]: row for row in rows(await content(client, made))}
    assert found.keys() == set(picked)
    free, closed = found[picked[0]], found[picked[1]]
    assert free["imageURL"] == f"http://museum/api/v1/images/{picked[0]}/file"
    assert free["imageCredit"] == "A. Painter, CC BY 4.0"
    assert closed["imageURL"] == ""  # its licence allows no copy
    assert closed["imagePage"] == "https://museum.example/p.jpg"
    assert any("may not be copied" in said for said in made["summary"]["licence_summary"])


async def test_parquet_with_vectors(
    client: httpx.AsyncClient, export: Export, museum: Museum
) -> None:
    made = await export(format="parquet", vectors=True, columns=["uuid", "genus"])
    table = pq.read_table(io.BytesIO(await content(client, made)))
    assert table.column_names == ["uuid", "genus", "emb"]
    vectors = dict(zip(table["uuid"].to_pylist(), table["emb"].to_pylist(), strict=True))
    engine = create_engine(museum.url)
    async with engine.connect() as conn:
        version = await conn.scalar(
            select(embed_version.c.id).where(embed_version.c.embed_version == "tiny")
        )
        stored = await conn.scalar(
            text(f"SELECT vector::real[] FROM embedding_v{version} WHERE image_id = :id"),
            {"id": named("image 5")},
        )
    await engine.dispose()
    assert vectors[str(named("image 5"))] == pytest.approx(stored)


async def test_an_archive_that_others_can_read_and_we_can_ingest(
    client: httpx.AsyncClient, export: Export, tmp_path: Path, engine: AsyncEngine
) -> None:
    made = await export(format="dwca")
    path = tmp_path / "archive.zip"
    path.write_bytes(await content(client, made))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the reader leaves files open
        with DwCAReader(str(path)) as read:
            assert read.descriptor.core.type == "http://rs.tdwg.org/dwc/terms/Occurrence"
            assert read.metadata is not None
            by_id = {row.id: row for row in read}
            first = by_id[str(named("record 0"))]
            assert len(first.extensions) == 2  # image 0 and image 11
    assert len(by_id) == made["summary"]["records"] == 10
    term = "http://rs.tdwg.org/dwc/terms/scientificName"
    assert first.data[term] == "Papilio alba Linnaeus, 1758"
    with DwcaSource(path, tmp_path / "unpacked") as source:
        receipt = await ingest(engine, source)
    assert (receipt.new, sum(receipt.rejected.values())) == (10, 0)
    async with engine.connect() as conn:
        stored = (await conn.execute(select(record).order_by(record.c.catalog_number))).first()
        pictures = (await conn.execute(select(image.c.licence, image.c.view))).all()
    assert stored is not None
    assert (stored.canonical_name, stored.family) == ("Papilio alba", "Papilionidae")
    assert (stored.decimal_latitude, stored.event_date) == (9.9, "1929")
    assert stored.licence == "CC0-1.0"
    # All but the one that may not be copied and has no address of ours.
    assert sorted(each.licence for each in pictures) == ["CC-BY-4.0"] * 9 + ["CC-BY-NC-4.0"]
    assert {each.view for each in pictures} == {"dorsal"}


async def test_a_receipt_cites_and_counts(client: httpx.AsyncClient, export: Export) -> None:
    made = await export(format="csv", q="eyespots")
    again = (await client.get(f"/api/v1/receipts/{made['id']}")).json()
    assert again == made
    cited = made["citation"]
    assert made["link"] == f"http://museum/receipt/{made['id']}"
    for form in ("text", "bibtex", "ris"):
        assert made["link"] in cited[form]
        assert "Painted Lepidoptera" in cited[form]
    (dataset,) = made["summary"]["datasets"]
    assert dataset["images"] == made["summary"]["images"]
    assert sum(each["images"] for each in made["summary"]["licences"]) == dataset["images"]


async def test_citing_without_exporting(client: httpx.AsyncClient) -> None:
    asked = {"taxon": "Papilio", "embed_version": "tiny"}
    cited = (await client.get("/api/v1/cite", params=asked)).json()
    facets = (await client.get("/api/v1/facets", params=asked)).json()
    assert cited["images"] == facets["total"]
    assert cited["link"] == "http://museum/?taxon=Papilio&embed_version=tiny"
    assert "Papilio" in cited["citation"]["text"]
    nearest = {"q": "wings", "nearest": 3, "embed_version": "tiny"}
    assert (await client.get("/api/v1/cite", params=nearest)).json()["images"] == 3


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"format": "csv", "columns": ["colour"]}, "colour"),
        ({"format": "csv", "vectors": True}, "parquet"),
        ({"format": "xlsx"}, "format"),
        ({"format": "csv", "nearest": 99999}, "nearest"),
        ({}, "format"),
    ],
)
async def test_what_makes_no_sense_is_refused(
    client: httpx.AsyncClient, asked: dict[str, Any], said: str
) -> None:
    answer = await client.post("/api/v1/exports", json=asked)
    assert said in problem(answer, 400, "bad-request")


async def test_too_many_images_are_said_in_the_receipt(museum: Museum) -> None:
    settings = museum.settings.model_copy(update={"export_images": 5})
    async with _client(museum, settings) as client:
        asked = {"format": "csv", "embed_version": "tiny"}
        ordered = (await client.post("/api/v1/exports", json=asked)).json()
        failed = await finished(client, ordered["id"])
        assert failed["state"] == "failed"
        assert "more than the 5 of one export" in failed["error"]
        detail = problem(
            await client.get(f"/api/v1/receipts/{ordered['id']}/file"), 404, "not-found"
        )
        assert "more than the 5" in detail


def _client(museum: Museum, settings: Any) -> Any:
    from contextlib import asynccontextmanager

    @asynccontextmanager
    async def opened() -> Any:
        app = create_app(settings, museum.url)
        async with app.router.lifespan_context(app):
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://museum") as made:
                yield made

    return opened()


async def test_what_broke_off_is_made_when_a_server_starts(
    museum: Museum, client: httpx.AsyncClient, export: Export
) -> None:
    made = await export(format="csv", taxon=["Vanessa"])
    engine = create_engine(museum.url)
    async with engine.begin() as conn:
        await conn.execute(
            update(receipt).where(receipt.c.id == made["id"])
            .values(state="running", file_name=None, file_sha256=None, counts={})
        )  # fmt: skip
    await engine.dispose()
    async with _client(museum, museum.settings) as another:
        again = await finished(another, made["id"])
    assert again["file"]["sha256"] == made["file"]["sha256"]


async def test_files_go_with_time_and_receipts_stay(
    museum: Museum, client: httpx.AsyncClient, export: Export
) -> None:
    made = await export(format="csv")
    engine = create_engine(museum.url)
    async with engine.begin() as conn:
        await conn.execute(
            update(receipt).where(receipt.c.id == made["id"])
            .values(finished_at=text("now() - interval '31 days'"))
        )  # fmt: skip
    await engine.dispose()
    await export(format="csv", taxon=["Vanessa"])  # files are looked after at every turn
    kept = (await client.get(f"/api/v1/receipts/{made['id']}")).json()
    assert kept["file"]["url"] is None
    assert kept["citation"] == made["citation"]
    assert not (museum.settings.home / "exports" / made["id"]).exists()
    gone = problem(await client.get(f"/api/v1/receipts/{made['id']}/file"), 404, "not-found")
    assert "no longer kept" in gone


async def test_no_such_receipt(client: httpx.AsyncClient) -> None:
    problem(await client.get(f"/api/v1/receipts/{named('nothing')}"), 404, "not-found")
    problem(await client.get("/api/v1/receipts/nonsense"), 400, "bad-request")
