"""A small real museum for tests of the API: pictures, records, two embed versions of a real model.

A test module that has `pytest_plugins = ("tests.api_fixtures",)` gets it as `museum`.
"""

import datetime
import io
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
from PIL import Image, ImageDraw
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from core import images, vectors, versions
from core.db import facts
from core.db.tables import dataset, image, record, record_image
from core.encoders import openclip
from core.settings import Settings
from core.storage import Store
from tests import tiny_model

TOKEN = "an operator's secret"
DATASET = uuid.uuid5(uuid.NAMESPACE_URL, "dataset")
KINDS = ("Papilio alba", "Papilio rubra", "Vanessa caerulea")
COLOURS = ("white", "crimson", "royalblue")


def named(name: str) -> uuid.UUID:
    """The id of a thing of the museum."""
    return uuid.uuid5(uuid.NAMESPACE_URL, name)


def draw(number: int, size: int = 256) -> bytes:
    """A JPEG of a winged thing: species by colour, specimen by shape."""
    picture = Image.new("RGB", (size, size), (230 - 9 * number, 225, 215))
    pen = ImageDraw.Draw(picture)
    reach = size * (3 + number % 4) // 10
    middle = size // 2
    colour = COLOURS[number % len(COLOURS)]
    for side in (-1, 1):
        tip = middle + side * reach
        pen.polygon([(middle, middle - 10), (tip, 20 + 12 * number), (tip, 200)], fill=colour)
    pen.ellipse([middle - 8, 50, middle + 8, 210], fill=(40, 30 + 10 * number, 20))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=95, subsampling=0)
    return buffer.getvalue()


@dataclass
class Museum:
    """Twelve embedded images `image 0`…`image 11` and some that cannot be shown."""

    settings: Settings
    url: str
    pictures: dict[uuid.UUID, bytes] = field(default_factory=dict, repr=False)


def _record_row(name: str, number: int, **more: object) -> dict[str, object]:
    genus, epithet = KINDS[number % len(KINDS)].split()
    row = {
        "id": named(name),
        "dataset_id": DATASET,
        "source": "dwca",
        "source_record_id": name,
        "scientific_name": f"{genus} {epithet} Linnaeus, 1758",
        "canonical_name": f"{genus} {epithet}",
        "authorship": "Linnaeus, 1758",
        "taxon_rank": "species",
        "kingdom": "Animalia",
        "family": "Papilionidae",
        "genus": genus,
        "species": f"{genus} {epithet}",
        "vernacular_name": "White swallowtail" if number % 3 == 0 else None,
        "institution_code": "BCM",
        "catalog_number": f"BCM-{number}",
        "country": "Costa Rica",
        "country_code": "CR",
        "event_date": "1929",
        "event_start": datetime.date(1929, 1, 1),
        "event_end": datetime.date(1929, 12, 31),
        "decimal_latitude": 9.9,
        "decimal_longitude": -84.1,
        "licence": "CC0-1.0",
        "issues": ["RECORDED_DATE_INVALID"] if number == 0 else [],
        "verbatim": {"eventDate": "1929", "Notes": "behind glass"},
        "content_hash": name,
        "withdrawn_at": None,
    }
    return row | more


def _image_row(name: str, **more: object) -> dict[str, object]:
    row = {
        "id": named(name),
        "dataset_id": DATASET,
        "identifier": f"{name}.jpg",
        "fetch_url": f"file:///museum/{name}.jpg",
        "media_type": "text/html",  # a publisher's claim, not to be believed
        "title": name,
        "view": "dorsal",
        "licence": "CC-BY-4.0",
        "creator": "A. Painter",
        "references_url": None,
        "state": "ok",
        "sha256": None,
        "width": 256,
        "height": 256,
    }
    return row | more


REMOTE = {"fetch_url": "https://museum.example/p.jpg", "identifier": "https://museum.example/p.jpg"}


async def fill(conn: AsyncConnection, made: Museum, model: Path) -> None:
    await conn.execute(
        insert(dataset).values(
            id=DATASET, source="dwca", key="k", title="Painted Lepidoptera",
            publisher="BioCosmos Museum", url="https://museum.example/painted",
        )
    )  # fmt: skip
    rows = [_image_row(f"image {n}") for n in range(12)]
    rows[10] |= REMOTE | {"licence": "ALL-RIGHTS-RESERVED"}
    rows[11] |= REMOTE | {"licence": "CC-BY-NC-4.0"}
    store = Store(made.settings.home)
    for number, row in enumerate(rows):
        data = draw(number)
        row["sha256"] = store.put(data)
        store.put(images.thumbnail(images.decode(data, max_pixels=10**6, max_bytes=10**6)),
                  "thumbs", key=str(row["sha256"]))  # fmt: skip
        made.pictures[row["id"]] = data  # type: ignore[index]
    pending = [_image_row("pending", state="pending", width=None, height=None)]
    await conn.execute(insert(image), rows + pending)
    withdrawn = {"withdrawn_at": datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)}
    records = [_record_row(f"record {n}", n) for n in range(9)]
    records += [_record_row("record 9", 9, **withdrawn), _record_row("again 8", 8)]
    await conn.execute(insert(record), records)
    links = [(f"record {n}", f"image {n}") for n in range(10)]
    links += [("again 8", "image 8"), ("record 0", "image 11"), ("record 1", "pending")]
    await conn.execute(
        insert(record_image),
        [{"record_id": named(r), "image_id": named(i), "position": n}
         for n, (r, i) in enumerate(links)],
    )  # fmt: skip
    await facts.refresh(conn, [row["id"] for row in rows + pending])  # type: ignore[misc]
    for seed, name in enumerate(("tiny", "other")):
        await _embed(conn, made, name, tiny_model.save(model / name, seed=seed))
    spec = openclip.load(str(model / "other")).spec
    await versions.ensure(conn, "unfinished", spec)


async def _embed(conn: AsyncConnection, made: Museum, name: str, model: Path) -> None:
    encoder = openclip.load(str(model))
    version = await versions.ensure(conn, name, encoder.spec)
    decoded = [
        images.decode(data, max_pixels=10**6, max_bytes=10**6) for data in made.pictures.values()
    ]
    found = encoder.encode_images(np.stack([encoder.prepare(each) for each in decoded]))
    await vectors.copy_vectors(conn, version, list(made.pictures), found)
    await versions.set_state(conn, name, "ready")


def problem(answer: httpx.Response, status: int, slug: str) -> str:
    """Assert that `answer` is this problem, and return its detail."""
    assert answer.status_code == status, answer.text[:500]
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body.keys() == {"type", "title", "status", "detail", "request_id"}
    assert body["type"] == f"/problems/{slug}"
    assert body["status"] == status
    assert body["title"]
    assert body["request_id"] == answer.headers["x-request-id"]
    return str(body["detail"])
