"""Filters against a plain reading of the records, and the facts they rest on kept in step."""

import asyncio
import calendar
import datetime
import random
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest
from alembic import command
from sqlalchemy import create_engine, insert, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.pool import NullPool

from core import versions
from core.db import facts
from core.db.conditions import Where
from core.db.engine import autocommit
from core.db.migrate import config, migrate
from core.db.partitions import index_filters, partition_name
from core.db.tables import RANKS, dataset, image, projection, record, record_image
from core.filters import Box, Choice, Days, Filters, Part, Region, Taxon
from core.vectors import copy_vectors, nearest, unit
from ingestor.run import ingest
from ingestor.sources.dwca import DwcaSource
from tests.integration.collection import spec, vectors
from tests.unit.ingestor.archives import MULTIMEDIA, field, table, tsv, write

SETS = [uuid4(), uuid4()]
VALUES: dict[str, list[Any]] = {
    "institution_code": ["YPM", "MCZ", "50% Ä_b", None],
    "collection_code": ["ENT", "VZ", None],
    "basis_of_record": ["PreservedSpecimen", "FossilSpecimen", None],
    "type_status": ["Holotype of Aus bus", "paratype; syntype", "HOLOTYPE", None],
    "sex": ["male", "female", None],
    "life_stage": ["adult", "larva", None],
    "vernacular_name": ["Monarch", None],
    "locality": ["Near the 50% mark", "Mount_Washington", "cloud forest", None],
    "recorded_by": ["A. R. Wallace", "Maria Sibylla Merian", None],
    "catalog_number": ["ENT 12", "ent 13", None],
}
KEPT = [uuid4() for _ in range(4)]
COUNTRIES = [("BR", "Brazil"), ("PE", "Peru"), (None, "Gold Coast"), (None, None)]
TAXA = [
    ("Insecta", "Lepidoptera", "Nymphalidae", "Danaus", "Danaus plexippus"),
    ("Insecta", "Lepidoptera", "Pieridae", "Pieris", "Pieris rapae"),
    ("Insecta", "Coleoptera", None, None, None),
    ("Magnoliopsida", "Rosales", "Moraceae", "Morus", "Morus alba"),
    ("Aves", "Suliformes", "Sulidae", "Morus", "Morus bassanus"),
    (None, None, None, None, None),
]


def a_record(chance: random.Random) -> dict[str, Any]:
    row = {name: chance.choice(values) for name, values in VALUES.items()}
    row["country_code"], row["country"] = chance.choice(COUNTRIES)
    lineage = chance.choice(TAXA)
    row |= dict(zip(("class", "order", "family", "genus", "species"), lineage, strict=True))
    row["canonical_name"] = next((name for name in reversed(lineage) if name), None)
    row["scientific_name"] = row["canonical_name"] and row["canonical_name"] + " (Linnaeus, 1758)"
    row["decimal_latitude"] = row["decimal_longitude"] = None
    if chance.random() < 0.7:
        row["decimal_latitude"] = chance.choice([-90, -10.5, 0, 10, 45.25, 90])
        row["decimal_longitude"] = chance.choice([-180, -170, -20, 0, 20, 175, 180])
    row["event_start"] = row["event_end"] = None
    if chance.random() < 0.8:
        year, month = chance.choice([1899, 1929, 1950]), chance.randint(1, 12)
        start = datetime.date(year, month, chance.randint(1, 28))
        longer = chance.choice([0, 0, 20, 70, 200, 500])
        row |= {"event_start": start, "event_end": start + datetime.timedelta(longer)}
    gone = datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)
    return row | {
        "id": uuid4(),
        "dataset_id": chance.choice(SETS),
        "withdrawn_at": gone if chance.random() < 0.1 else None,
    }


class Collection:
    """Random images, each of none, one or two random records."""

    def __init__(self, count: int, seed: int) -> None:
        chance = random.Random(seed)
        self.images: dict[UUID, dict[str, Any]] = {}
        self.records: dict[UUID, list[dict[str, Any]]] = {}
        for _ in range(count):
            view, licence = chance.choice(["dorsal", None]), chance.choice(["CC0-1.0", "CC-BY-4.0"])
            own = {"id": uuid4(), "dataset_id": SETS[0], "view": view, "licence": licence}
            self.images[own["id"]] = own
            self.records[own["id"]] = [a_record(chance) for _ in range(chance.choice([0, 1, 1, 2]))]
        some = [row for rows in self.records.values() for row in rows if not row["withdrawn_at"]]
        for row, key in zip(some, KEPT, strict=False):
            row["id"] = key

    async def store(self, conn: AsyncConnection) -> None:
        fixed = {"identifier": "x", "fetch_url": "file:///x", "state": "ok"}
        sets = [{"id": own, "source": "t", "key": str(own), "title": "t"} for own in SETS]
        await conn.execute(insert(dataset), sets)
        await conn.execute(insert(image), [row | fixed for row in self.images.values()])
        rows = [row for rows in self.records.values() for row in rows]
        fixed = {"source": "t", "verbatim": {}, "content_hash": "x"}
        rows = [row | fixed | {"source_record_id": str(row["id"])} for row in rows]
        await conn.execute(insert(record), rows)
        links = [
            {"record_id": row["id"], "image_id": own, "position": 0}
            for own, rows in self.records.items()
            for row in rows
        ]
        await conn.execute(insert(record_image), links)

    def current(self, own: UUID) -> list[dict[str, Any]]:
        rows = [row for row in self.records[own] if row["withdrawn_at"] is None]
        return sorted(rows, key=lambda row: row["id"])

    def passing(self, filters: Filters) -> set[UUID]:
        return {own for own in self.images if self.passes(own, filters)}

    def passes(self, own: UUID, filters: Filters) -> bool:
        rows = self.current(own)
        first = rows[0] if rows else {}
        known = {
            "taxon": lambda taxon: any(has_taxon(row, taxon) for row in rows),
            "dataset": lambda key: key in {SETS[0], *(row["dataset_id"] for row in rows)},
            "institution": lambda v: says(rows, "institution_code", v),
            "collection": lambda v: says(rows, "collection_code", v),
            "country": lambda v: any(
                v.lower() == (row["country_code"] or row["country"] or "").lower() for row in rows
            ),
            "basis": lambda v: says(rows, "basis_of_record", v),
            "type_status": lambda v: any(
                v in (row["type_status"] or "").lower().replace(";", "").split() for row in rows
            ),
            "sex": lambda v: says(rows, "sex", v),
            "life_stage": lambda v: says(rows, "life_stage", v),
            "view": lambda v: says([self.images[own]], "view", v),
            "licence": lambda v: says([self.images[own]], "licence", v),
            "bbox": lambda box: bool(first) and in_box(first, box),
            "polygon": lambda region: bool(first) and in_region(first, region),
            "atlas": lambda shape: within(self.placed(own), shape.corners),
            "catalog": lambda v: says(rows, "catalog_number", v),
            "record": lambda key: any(row["id"] == key for row in rows),
            "missing": lambda name: not self.is_said(own, name),
            "date": lambda days: bool(first) and in_days(first, days),
            "text": lambda v: any(v.lower() in all_text(row) for row in rows),
        }
        for name, holds in known.items():
            choice = getattr(filters, name)
            quantity = all if name in ("text", "missing") else any
            if choice.include and not quantity(map(holds, choice.include)):
                return False
            if any(map(holds, choice.exclude)):
                return False
        if filters.month.include and not in_months(first, filters.month.include):
            return False
        if filters.month.exclude and in_months(first, filters.month.exclude):
            return False
        has = first.get("decimal_latitude") is not None
        return filters.coordinates is None or filters.coordinates == has

    async def place(self, conn: AsyncConnection, version: versions.Version) -> None:
        places = {own: self.placed(own) for own in self.images}
        fixed = {"version_id": version.id}
        rows = [fixed | {"image_id": own, "x": x, "y": y} for own, (x, y) in places.items()]
        await conn.execute(insert(projection), rows)

    def placed(self, own: UUID) -> tuple[float, float]:
        """Where the atlas has an image: on a grid, by its id."""
        return own.bytes[0] / 16 - 0.03, own.bytes[1] / 16 - 0.03

    def is_said(self, own: UUID, name: str) -> bool:
        rows = self.current(own)
        if name in ("view", "licence"):
            return bool(self.images[own][name])
        if name in ("date", "coordinates"):
            column = {"date": "event_start", "coordinates": "decimal_latitude"}[name]
            return bool(rows) and rows[0][column] is not None
        columns = {
            "country": ("country_code", "country"), "institution": ("institution_code",),
            "basis": ("basis_of_record",),
        }.get(name, (name,))  # fmt: skip
        return any(row[column] for row in rows for column in columns)


def says(rows: list[dict[str, Any]], column: str, value: str) -> bool:
    return any((row[column] or "").lower() == value.lower() for row in rows)


def has_taxon(row: dict[str, Any], taxon: Taxon) -> bool:
    ranks = [taxon.rank] if taxon.rank else [*RANKS, "canonical_name"]
    return any((row.get(rank) or "").lower() == taxon.name.lower() for rank in ranks)


def in_box(row: dict[str, Any], box: Box) -> bool:
    x, y = row["decimal_longitude"], row["decimal_latitude"]
    if x is None or not box.south <= y <= box.north:
        return False
    if box.west <= box.east:
        return box.west <= x <= box.east
    return x >= box.west or x <= box.east


def in_region(row: dict[str, Any], region: Region) -> bool:
    x, y = row["decimal_longitude"], row["decimal_latitude"]
    return x is not None and any(within((x + t, y), region.corners) for t in (-360, 0, 360))


def within(point: tuple[float, float], corners: Any) -> bool:
    """Crossings of the ray to the right; the points of these tests lie on no edge."""
    x, y = point
    inside = False
    for (x1, y1), (x2, y2) in zip(corners, (*corners[1:], corners[0]), strict=True):
        if (y1 > y) != (y2 > y) and x < x1 + (y - y1) / (y2 - y1) * (x2 - x1):
            inside = not inside
    return inside


def in_days(row: dict[str, Any], days: Days) -> bool:
    if row["event_start"] is None:
        return False
    after = days.first is None or row["event_start"] >= days.first
    return after and (days.last is None or row["event_end"] <= days.last)


def in_months(row: dict[str, Any], months: tuple[int, ...]) -> bool:
    """Whether every month that the days of the record touch is one of `months`."""
    if row.get("event_start") is None:
        return False
    day, touched = row["event_start"].replace(day=1), set()
    while day <= row["event_end"]:
        touched.add(day.month)
        day += datetime.timedelta(calendar.monthrange(day.year, day.month)[1])
    return touched <= set(months)


def all_text(row: dict[str, Any]) -> str:
    columns = ("scientific_name", "vernacular_name", "locality", "recorded_by")
    return "\n".join(row[column] or "" for column in columns).lower()


CHOICES: dict[str, list[Any]] = {
    "taxon": [
        Taxon("Lepidoptera"), Taxon("nymphalidae"), Taxon("Morus"), Taxon("Morus alba"),
        Taxon("Insecta", "class"), Taxon("Morus", "genus"), Taxon("Morus", "family"),
    ],
    "dataset": SETS,
    "institution": ["ypm", "MCZ", "50% Ä_b"],
    "collection": ["ENT"],
    "country": ["BR", "Gold Coast"],
    "bbox": [Box(-30, -20, 30, 50), Box(170, -90, -165, 90), Box(0, 0, 0, 0)],
    "date": [
        Days(datetime.date(1929, 1, 1), datetime.date(1950, 12, 31)),
        Days(None, datetime.date(1929, 6, 15)),
        Days(datetime.date(1930, 1, 1), None),
    ],
    "polygon": [
        Region(((-31, -21), (31, -21), (0.5, 60))),
        Region(((160, -80), (195, -80), (195, 60), (160, 60))),
        Region(((-200.5, -89), (-150.5, 1), (-200.5, 89))),
    ],
    "atlas": [Part(((0, 0), (9, 0.5), (1, 8))), Part(((-1, -1), (99, -1), (99, 99), (-1, 99)))],
    "catalog": ["ENT 12", "ENT 13", "none"],
    "record": KEPT,
    "missing": ["country", "sex", "species", "view", "date", "coordinates", "institution",
                "type_status", "order", "class"],
    "month": [6, 7, 8, 1],
    "basis": ["PreservedSpecimen"],
    "type_status": ["holotype", "syntype"],
    "sex": ["male", "female"],
    "life_stage": ["larva"],
    "view": ["dorsal"],
    "licence": ["CC0-1.0"],
    "text": ["50%", "t_w", "wallace", "MERIAN", "danaus", "cloud"],
}  # fmt: skip


def some_filters(chance: random.Random) -> Filters:
    def choice(name: str) -> Choice[Any]:
        some = chance.sample(CHOICES[name], chance.randint(1, min(3, len(CHOICES[name]))))
        return Choice((), tuple(some)) if chance.random() < 0.4 else Choice(tuple(some))

    names = chance.sample(list(CHOICES), chance.choice([1, 1, 2, 3]))
    coordinates = chance.choice([None, None, None, True, False])
    return Filters(**{name: choice(name) for name in names}, coordinates=coordinates)


async def test_what_passes_is_what_a_plain_reading_of_the_records_says(engine: AsyncEngine) -> None:
    made = Collection(160, seed=4)
    chance = random.Random(11)
    asked = [Filters(**{n: Choice((v,))}) for n, values in CHOICES.items() for v in values]
    asked += [Filters(**{n: Choice((), (v,))}) for n, values in CHOICES.items() for v in values]
    asked += [Filters(coordinates=True), Filters(coordinates=False), Filters()]
    asked += [some_filters(chance) for _ in range(150)]
    some = 0
    async with engine.begin() as conn:
        await made.store(conn)
        version = await versions.ensure(conn, "v", spec(8))
        await copy_vectors(conn, version, list(made.images), vectors(160, 8))
        await made.place(conn, version)
        for filters in asked:
            found = await nearest(conn, version, unit(version.id, np.ones(8)), 200, filters)
            wanted = made.passing(filters)
            assert {hit.image_id for hit in found.hits} == wanted, filters
            assert found.rows == len(wanted)
            some += 0 < len(wanted) < 160
    assert some > 150  # most of them do tell images apart


async def test_the_nearest_are_of_those_that_pass(engine: AsyncEngine) -> None:
    made = Collection(300, seed=5)
    stored = vectors(300, 16)
    async with engine.begin() as conn:
        await made.store(conn)
        version = await versions.ensure(conn, "v", spec(16))
        await copy_vectors(conn, version, list(made.images), stored)
        filters = Filters(taxon=Choice((Taxon("Lepidoptera"),)), country=Choice((), ("BR",)))
        found = await nearest(conn, version, unit(version.id, stored[0]), 7, filters)
    score = dict(zip(made.images, stored @ stored[0], strict=True))
    best = sorted(made.passing(filters), key=lambda own: -score[own])[:7]
    assert [hit.image_id for hit in found.hits] == best


async def stale(engine: AsyncEngine, version_id: int) -> int:
    """Rows whose facts are not what the records say now."""
    columns = ", ".join(facts.COLUMNS)
    async with engine.connect() as conn:
        return int(
            await conn.scalar(
                text(
                    f"SELECT count(*) FROM {partition_name(version_id)} e JOIN ({facts.FACTS}) f"
                    f" USING (image_id) WHERE (SELECT ROW({columns}) FROM (SELECT e.*) s)"
                    f" IS DISTINCT FROM (SELECT ROW({columns}) FROM (SELECT f.*) s)"
                )
            )
            or 0
        )


def archive(path, rows: dict[str, tuple[str, str, str]], links: list[tuple[str, str]]):
    columns = ["occurrenceID", "scientificName", "country", "eventDate"]
    return write(
        path,
        {
            "o.txt": tsv(("id", *columns[1:]), *((key, *row) for key, row in rows.items())),
            "m.txt": tsv(("id", "identifier"), *links),
        },
        table("core", "o.txt", columns),
        table("extension", "m.txt", field("identifier", 1), row_type=MULTIMEDIA),
    )


async def count(engine: AsyncEngine, version: versions.Version, filters: Filters) -> int:
    async with engine.connect() as conn:
        found = await nearest(conn, version, unit(version.id, np.ones(8)), 100, filters)
    return len(found.hits)


async def test_what_records_become_is_beside_every_vector(engine: AsyncEngine, tmp_path) -> None:
    rows = {f"r{n}": ("Danaus plexippus", "Brazil", "1929-06-01") for n in range(6)}
    links = [(f"r{n}", f"http://h/{n}.jpg") for n in range(6)]

    async def bring(name: str) -> None:
        path = archive(tmp_path / "a.zip", rows, links)
        with DwcaSource(path, tmp_path / name) as source:
            await ingest(engine, source)

    await bring("one")
    async with engine.begin() as conn:
        await conn.execute(update(image).values(state="ok"))
        ids = list(await conn.scalars(text("SELECT id FROM image ORDER BY identifier")))
        made = [await versions.ensure(conn, f"v{dim}", spec(dim)) for dim in (8, 16)]
        for version in made:
            await copy_vectors(conn, version, ids, vectors(6, version.dim))
        await conn.execute(
            text("CREATE TABLE kept AS SELECT image_id, xmin::text AS stamp FROM embedding")
        )
    await bring("again")
    async with engine.begin() as conn:  # nothing changed, so no row was written
        query = "SELECT count(*) FROM embedding e WHERE EXISTS (SELECT FROM kept"
        query += " WHERE kept.image_id = e.image_id AND stamp = e.xmin::text)"
        assert await conn.scalar(text(query)) == 12
    brazil, peru = Filters(country=Choice(("BR",))), Filters(country=Choice(("PE",)))
    assert [await count(engine, made[0], each) for each in (brazil, peru)] == [6, 0]
    rows["r0"] = ("Danaus plexippus", "Peru", "1929-06-01")
    rows["r1"] = ("Danaus plexippus", "Brazil", "1930")
    links[2] = ("r3", "http://h/2.jpg")  # another record's now
    rows["r2"] = ("Pieris rapae", "Peru", "")
    del rows["r5"], links[5]
    await bring("changed")
    assert [await count(engine, made[0], each) for each in (brazil, peru)] == [4, 1]
    june = Filters(month=Choice((6,)))
    assert await count(engine, made[0], june) == 4
    for version in made:
        assert await stale(engine, version.id) == 0
    rows["r5"], links = ("Morus alba", "Peru", ""), [*links, ("r5", "http://h/5.jpg")]
    await bring("back")
    assert [await count(engine, made[0], each) for each in (brazil, peru)] == [4, 2]
    assert await stale(engine, made[0].id) == 0


@pytest.mark.parametrize("record_first", [True, False])
async def test_a_record_that_changes_while_its_vector_is_stored(
    engine: AsyncEngine, record_first: bool
) -> None:
    made = Collection(20, seed=6)
    async with engine.begin() as conn:
        await made.store(conn)
        version = await versions.ensure(conn, "v", spec(8))
    pause = asyncio.Event()

    async def change() -> None:
        async with engine.begin() as conn:
            await conn.execute(update(record).values(country_code="NZ"))
            await facts.refresh(conn, list(made.images))
            if record_first:
                pause.set()
                await asyncio.sleep(0.3)

    async def store() -> None:
        async with engine.begin() as conn:
            await copy_vectors(conn, version, list(made.images), vectors(20, 8))
            if not record_first:
                pause.set()
                await asyncio.sleep(0.3)

    first, second = (change, store) if record_first else (store, change)
    running = asyncio.create_task(first())
    await pause.wait()
    await second()
    await running
    assert await stale(engine, version.id) == 0
    changed = {own for own in made.images if made.current(own)}
    assert await count(engine, version, Filters(country=Choice(("NZ",)))) == len(changed)


async def test_vectors_stored_before_there_were_facts_get_them(
    engine: AsyncEngine, database_url: str
) -> None:
    made = Collection(60, seed=12)
    async with engine.begin() as conn:
        await made.store(conn)
        version = await versions.ensure(conn, "v", spec(8))
        await copy_vectors(conn, version, list(made.images), vectors(60, 8))
        await versions.set_index(conn, version, "hnsw", {"m": 16, "effort": 99})
    await engine.dispose()

    def back() -> None:
        with create_engine(database_url, poolclass=NullPool).begin() as connection:
            alembic = config()
            alembic.attributes["connection"] = connection
            command.downgrade(alembic, "0001")
            kept = connection.scalar(text("SELECT index_params FROM embed_version"))
            assert kept == {"m": 16, "ef_search": 99}

    await asyncio.to_thread(back)
    await asyncio.to_thread(migrate, database_url)
    assert await stale(engine, version.id) == 0
    brazil = Filters(country=Choice(("BR",)))
    async with engine.connect() as conn:
        version = await versions.get(conn, "v")
        found = await nearest(conn, version, unit(version.id, np.ones(8)), 60, brazil)
    assert version.index_params == {"m": 16, "effort": 99}
    assert {hit.image_id for hit in found.hits} == made.passing(brazil)


async def test_few_that_pass_are_found_by_their_index(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        version = await versions.ensure(conn, "v", spec(8))
        name = partition_name(version.id)
        await conn.execute(
            text(
                "INSERT INTO dataset (id, source, key, title)"
                " VALUES (gen_random_uuid(), 't', 't', 't')"
            )
        )
        await conn.execute(
            text(
                "INSERT INTO image (id, dataset_id, identifier, fetch_url)"
                " SELECT gen_random_uuid(), dataset.id, 'x', 'x' FROM dataset,"
                " generate_series(1, 4000)"
            )
        )
        await conn.execute(
            text(
                f"INSERT INTO {name} SELECT {version.id}, id, '[1,0,0,0,0,0,0,0]',"
                " ARRAY[hashtextextended('country:' || n % 400, 0)], n % 90, n % 180,"
                " DATE '1800-01-01' + n::int, DATE '1800-01-01' + n::int, 1"
                " FROM (SELECT id, row_number() OVER () AS n FROM image) s"
            )
        )
    async with autocommit(engine) as alone:
        await index_filters(alone, version.id)
    async with engine.begin() as conn:
        await conn.execute(text(f"ANALYZE {name}"))
        for filters, index in (
            (Filters(country=Choice(("7",))), "facets"),
            (Filters(bbox=Choice((Box(3, 3, 4, 4),))), "latitude"),
            (Filters(date=Choice((Days(datetime.date(1810, 1, 1), None),))), "date_start"),
        ):
            where = Where(filters)
            query = f"EXPLAIN SELECT count(*) FROM {name} e WHERE {where.sql}"
            plan = "\n".join(await conn.scalars(text(query), where.binds))
            assert f"{name}_{index}" in plan
        await conn.execute(
            text(
                "INSERT INTO record (id, dataset_id, source, source_record_id, catalog_number,"
                " verbatim, content_hash) SELECT gen_random_uuid(), d.id, 't', n::text, 'No ' || n,"
                " '{}', '' FROM dataset d, generate_series(1, 4000) AS n"
            )
        )
        await conn.execute(text("ANALYZE record"))
        where = Where(Filters(catalog=Choice(("NO 7", "no 8"))))
        query = f"EXPLAIN SELECT count(*) FROM {name} e WHERE {where.sql}"
        assert "ix_record_catalog_number" in "\n".join(await conn.scalars(text(query), where.binds))
