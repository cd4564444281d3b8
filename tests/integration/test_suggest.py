"""Suggestions: names in use, their synonyms and common names, places, collections, words."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.app import create_app
from core import versions
from core.db import facts
from core.db.tables import dataset, image, record, record_image, taxon
from core.settings import Settings
from core.vectors import copy_vectors
from tests.integration.collection import spec, vectors

ROWS: list[dict[str, Any]] = [
    {"species": "Danaus plexippus", "canonical_name": "Danaus plexippus", "genus": "Danaus",
     "vernacular_name": "Monarch butterfly", "country_code": "US", "taxon_rank": "species"},
    {"species": "Danaus plexippus", "canonical_name": "Papilio archippus", "genus": "Danaus",
     "taxon_rank": "species", "country": "Gold Coast"},
    {"species": "Danaus plexippus", "canonical_name": "Danaus plexippus megalippe",
     "genus": "Danaus", "taxon_rank": "subspecies", "country_code": "RE"},
    {"species": "Morpho peleides", "canonical_name": "Morpho peleides", "genus": "Morpho",
     "vernacular_name": "Blue morpho", "taxon_rank": "species", "institution_code": "MÉX-1"},
    {"species": "Morpho helenor", "canonical_name": "Morpho helenor", "genus": "Morpho",
     "vernacular_name": "Common blue morpho", "taxon_rank": "species", "life_stage": "larva"},
    {"species": "Café ñandú", "canonical_name": "Café ñandú", "genus": "Café"},
]  # fmt: skip


@pytest.fixture
async def client(engine: AsyncEngine, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    own = uuid4()
    async with engine.begin() as conn:
        await conn.execute(
            insert(dataset).values(id=own, source="t", key="k", title="Mariposas de México")
        )
        await conn.execute(
            insert(taxon).values(checklist_key="", taxon_key="d", canonical_name="Danaus plexippus",
                                 authorship="(Linnaeus, 1758)", rank="species", lineage="")
        )  # fmt: skip
        ids = []
        for row in ROWS:
            picture, specimen = uuid4(), uuid4()
            ids.append(picture)
            fixed = {"dataset_id": own, "identifier": "x", "fetch_url": "file:///x", "state": "ok"}
            await conn.execute(insert(image).values(id=picture, **fixed))
            kept = {"dataset_id": own, "source": "t", "source_record_id": str(specimen),
                    "verbatim": {}, "content_hash": "x"}  # fmt: skip
            await conn.execute(insert(record).values(id=specimen, **kept, **row))
            await conn.execute(
                insert(record_image).values(record_id=specimen, image_id=picture, position=0)
            )
        await facts.refresh(conn, ids)
        version = await versions.ensure(conn, "v", spec(8))
        await copy_vectors(conn, version, ids, vectors(len(ids), 8))
        await versions.set_state(conn, "v", "ready")
        await conn.execute(text("UPDATE embed_version SET is_default = false"))  # has no model
    app = create_app(settings, str(settings.database_url))
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://museum") as made:
            yield made


async def suggest(client: httpx.AsyncClient, q: str, **more: Any) -> dict[str, Any]:
    answer = await client.get("/api/v1/suggest", params={"q": q, "embed_version": "v", **more})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_what_is_suggested(client: httpx.AsyncClient) -> None:
    found = (await suggest(client, "danaus pl"))["names"]
    assert found[0] == {
        "filter": "species:Danaus plexippus", "name": "Danaus plexippus", "rank": "species",
        "authorship": "(Linnaeus, 1758)", "matched": "Danaus plexippus", "kind": "accepted",
        "count": 3,
    }  # fmt: skip
    assert [each["filter"] for each in found[1:]] == ["Danaus plexippus megalippe"]
    (synonym,) = (await suggest(client, "ARCHIP"))["names"]
    assert (synonym["filter"], synonym["matched"], synonym["kind"]) == (
        "species:Danaus plexippus", "Papilio archippus", "synonym",
    )  # fmt: skip
    found = (await suggest(client, "monar"))["names"]
    assert [(each["name"], each["kind"]) for each in found] == [("Danaus plexippus", "common")]
    assert [n["filter"] for n in (await suggest(client, "morpho"))["names"]] == [
        "genus:Morpho", "species:Morpho helenor", "species:Morpho peleides",
    ]  # fmt: skip


async def test_accents_do_not_matter(client: httpx.AsyncClient) -> None:
    for typed in ("cafe nan", "CAFÉ", "Ñandú"):
        assert "species:Café ñandú" in [
            n["filter"] for n in (await suggest(client, typed))["names"]
        ]
    collections = (await suggest(client, "mexico"))["collections"]
    assert [each["label"] for each in collections] == ["Mariposas de México"]
    assert [each["count"] for each in collections] == [len(ROWS)]
    (code,) = (await suggest(client, "mex-1"))["collections"]
    assert code["filter"] == {"key": "institution", "value": "MÉX-1"}


async def test_places(client: httpx.AsyncClient) -> None:
    for typed, label in (("united st", "United States"), ("usa", "United States"),
                         ("reu", "Réunion"), ("coast", "Gold Coast")):  # fmt: skip
        (place,) = (await suggest(client, typed))["places"]
        assert (place["label"], place["count"], place["filter"]["key"]) == (label, 1, "country")
    assert (await suggest(client, "brazil"))["places"] == []  # nothing is from there


async def test_words_complete_the_query(client: httpx.AsyncClient) -> None:
    assert (await suggest(client, "blu"))["words"] == ["blue morpho", "common blue morpho", "blue"]
    assert (await suggest(client, "small bu"))["words"] == ["small butterfly"]
    assert (await suggest(client, "lar"))["words"] == ["larva"]


async def test_every_suggested_filter_finds_what_it_says(client: httpx.AsyncClient) -> None:
    for typed in "dpmcgrube":
        found = await suggest(client, typed)
        given = [("taxon", each["filter"], each["count"]) for each in found["names"]]
        given += [
            (each["filter"]["key"], each["filter"]["value"], each["count"])
            for each in found["places"] + found["collections"]
        ]
        for key, value, count in given:
            asked = {"facet": "genus", "embed_version": "v", key: value}
            answer = await client.get("/api/v1/facets", params=asked)
            assert answer.json()["total"] == count, (key, value)


async def test_nothing_to_suggest(client: httpx.AsyncClient) -> None:
    empty = {"names": [], "places": [], "collections": [], "words": []}
    for typed in ("", "  ", "'", "&|!()", "zzz", "\\", "%"):
        assert await suggest(client, typed) == empty


async def test_candidates_come_from_an_index(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        await conn.execute(
            text("INSERT INTO fact (hash, kind, value)"
                 " SELECT n, 'species', 'Genus' || n || ' species' || n FROM"
                 " generate_series(1, 30000) n")
        )  # fmt: skip
        await conn.execute(text("ANALYZE fact"))
        query = "EXPLAIN SELECT * FROM fact WHERE words @@ to_tsquery('simple', '''genus77'':*')"
        assert "ix_fact_words" in "\n".join(await conn.scalars(text(query)))
