"""Latency of counting through the whole application: facets, timeline, map, tree, suggestions.

Over a made collection whose values have long tails, as real ones have. Nothing is answered from
memory but the first row: every filter is asked once. `bin/bench facets --help` lists the options.
"""

import argparse
import asyncio
import json
import random
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.app import create_app
from core import versions
from core.db import facts
from core.db.embedded import serve
from core.db.engine import autocommit, create_engine
from core.db.migrate import migrate
from core.db.partitions import partition_name
from core.encoders.base import EncoderSpec
from core.settings import Settings

DIM = 512
VALUES = {"phylum": 4, '"class"': 8, '"order"': 40, "family": 300, "genus": 3000, "species": 15_000,
          "institution_code": 30, "collection_code": 60, "country_code": 150, "sex": 3,
          "life_stage": 5, "type_status": 6}  # fmt: skip
"""How many values there are; the n-th is met about n**-0.7 as often as the first."""
BASES = "ARRAY['PreservedSpecimen','HumanObservation','FossilSpecimen']"
LICENCES = "ARRAY['CC0-1.0','CC-BY-4.0','CC-BY-NC-4.0','UNKNOWN']"


def drawn(values: int) -> str:
    """A number below `values`, small ones often."""
    return f"least({values - 1}, floor(power(random(), 3.3) * {values}))::int"


async def fill(conn: AsyncConnection, images: int) -> versions.Version:
    """A collection of `images` records with one image and one vector each."""
    await conn.execute(text("SELECT setseed(0.5)"))
    await conn.execute(
        text("INSERT INTO dataset (id, source, key, title) SELECT gen_random_uuid(), 'b', n::text,"
             " 'Collection ' || n FROM generate_series(1, 20) n")
    )  # fmt: skip
    words = {name: f"initcap(translate(md5('{name}' || {drawn(n)}), '0123456789', 'ghijklmnop'))"
             for name, n in VALUES.items()}  # fmt: skip
    words["type_status"] = f"CASE WHEN random() < 0.05 THEN {words['type_status']} END"
    words |= {"kingdom": "'Animalia'", "basis_of_record": f"({BASES})[1 + {drawn(3)}]"}
    words |= {"decimal_latitude": "CASE WHEN random() < 0.8 THEN random() * 150 - 70 END",
              "event_start": "DATE '1850-01-01' + (random() * 62000)::int"}  # fmt: skip
    await conn.execute(
        text(f"INSERT INTO record (id, dataset_id, source, source_record_id, verbatim,"
             f" content_hash, {', '.join(words)}) SELECT gen_random_uuid(), owners[1 + n % 20],"
             f" 'b', n::text, '{{}}', 'x', {', '.join(words.values())} FROM"
             f" generate_series(1, {images}) n, (SELECT array_agg(id) AS owners FROM dataset) d")
    )  # fmt: skip
    for statement in (
        "UPDATE record SET decimal_longitude = decimal_latitude * 2, event_end = event_start,"
        " canonical_name = species, taxon_rank = 'species'",
        "INSERT INTO image (id, dataset_id, identifier, fetch_url, state, licence, view)"
        f" SELECT id, dataset_id, 'x', 'file:///x', 'ok', ({LICENCES})[1 + {drawn(4)}],"
        f" (ARRAY['dorsal','ventral','label'])[1 + {drawn(3)}] FROM record",
        "INSERT INTO record_image (record_id, image_id, position) SELECT id, id, 0 FROM record",
        "ANALYZE",
        facts.MEANINGS.format(which="true"),
    ):
        await conn.execute(text(statement))
    version = await versions.ensure(conn, "bench", _spec())
    columns = ", ".join(facts.COLUMNS)
    await conn.execute(
        text(f"INSERT INTO {partition_name(version.id)} (version_id, image_id, vector, {columns})"
             f" SELECT {version.id}, image_id, (SELECT array_agg(0.04)::real[]::halfvec({DIM}) FROM"
             f" generate_series(1, {DIM})), {columns} FROM ({facts.FACTS}) AS fact")
    )  # fmt: skip
    await versions.set_state(conn, "bench", "ready")
    await conn.execute(text("UPDATE embed_version SET is_default = false"))  # it has no model
    return version


def _spec() -> EncoderSpec:
    return EncoderSpec(
        model="bench", pretrained="", weights_sha256="0" * 64, preprocess={}, dim=DIM
    )


def filters(values: Mapping[str, list[str]], chance: random.Random) -> Iterator[dict[str, Any]]:
    """Filters nobody asked before: one to three facets, several values or exclusions of each."""
    while True:
        chosen: dict[str, list[str]] = {}
        for key in chance.sample(sorted(values), chance.randint(1, 3)):
            some = chance.sample(values[key], min(len(values[key]), chance.randint(1, 3)))
            minus = "-" if chance.random() < 0.3 else ""
            chosen[key] = [minus + value for value in some]
        first = chance.randint(1850, 1960)
        yield chosen | {"year": f"{first}-{chance.randint(1, 12):02},"}


@asynccontextmanager
async def client(settings: Settings, url: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application, through its whole stack."""
    app = create_app(settings, url)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://bench") as made:
            yield made


async def timed(web: httpx.AsyncClient, path: str, asked: list[dict[str, Any]]) -> dict[str, Any]:
    """Milliseconds of one request after the other."""
    waited = []
    for params in asked:
        start = time.perf_counter()
        answer = await web.get(f"/api/v1/{path}", params=params | {"embed_version": "bench"})
        waited.append((time.perf_counter() - start) * 1000)
        answer.raise_for_status()
    cuts = statistics.quantiles(waited, n=100, method="inclusive") if waited[1:] else waited * 100
    return {"requests": len(waited), "p50_ms": round(cuts[49], 1), "p95_ms": round(cuts[94], 1)}


async def run(options: argparse.Namespace, url: str, home: Path) -> dict[str, Any]:
    """Every kind of question."""
    engine = create_engine(url)
    async with engine.begin() as conn:
        version = await fill(conn, options.images)
    async with autocommit(engine) as alone:
        await alone.execute(text(f"VACUUM ANALYZE {partition_name(version.id)}"))
    await engine.dispose()
    chance = random.Random(1)
    async with client(Settings(home=home, database_url=url), url) as web:
        found = {"facets, first ever": await timed(web, "facets", [{}])}
        found["facets, no filter"] = await timed(web, "facets", [{}] * options.requests)
        listed: dict[str, str | int] = {"limit": 40, "embed_version": "bench"}
        facets = (await web.get("/api/v1/facets", params=listed)).json()["facets"]
        values: dict[str, list[str]] = {}
        for facet in facets:
            if facet["key"] not in ("date", "coordinates"):
                values.setdefault(facet["key"], []).extend(v["value"] for v in facet["values"])
        values["missing"] = ["country", "type_status", "date", "life_stage"]
        every = filters(values, chance)
        for path in ("facets", "timeline", "map", "taxa/tree"):
            asked = [next(every) for _ in range(options.requests)]
            found[f"{path}, filtered"] = await timed(web, path, asked)
        typed = [label["label"][: 1 + n % 6] for n in range(options.requests)
                 for label in [chance.choice(chance.choice(facets[:4])["values"])]]  # fmt: skip
        found["suggest"] = await timed(web, "suggest", [{"q": each} for each in typed])
    return found


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--requests", type=int, default=100, help="of each kind")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="biocosmos-bench-") as folder:
        home = Path(folder)
        with serve(home) as url:
            migrate(url)
            found = asyncio.run(run(options, url, home))
    print(json.dumps({"images": options.images, **found}, indent=2))


if __name__ == "__main__":
    main()
