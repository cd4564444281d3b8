"""Training data straight from the database: what is asked for, and never written to."""

import asyncio
import io
import uuid

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import insert, text

from core.db.engine import create_engine
from core.db.tables import dataset, image, record, record_image
from core.errors import InvalidSetting, UnreadableSource
from core.images import dhash
from core.storage import Store
from trainer.config_data import DataSettings
from trainer.sources import read


async def fill(settings) -> dict[str, uuid.UUID]:
    store, owner, ids = Store(settings.home), uuid.uuid4(), {}
    rows = [
        # name, species, licence of record, of image, view, state, withdrawn
        ("open", "Pica pica", "CC-BY-4.0", None, "dorsal", "ok", False),
        ("own", "Pica pica", "CC-BY-NC-4.0", "CC0-1.0", "dorsal", "ok", False),
        ("closed", "Pica pica", "CC-BY-NC-4.0", None, "ventral", "ok", False),
        ("label", "Pica pica", "CC-BY-4.0", None, "label", "ok", False),
        ("gone", "Pica pica", "CC-BY-4.0", None, "dorsal", "ok", True),
        ("pending", "Pica pica", "CC-BY-4.0", None, "dorsal", "pending", False),
        ("other", "Corvus corax", "CC-BY-4.0", None, None, "ok", False),
        ("unnamed", None, "CC-BY-4.0", None, None, "ok", False),
    ]
    engine = create_engine(settings.database_url)
    async with engine.begin() as conn:
        await conn.execute(
            insert(dataset), {"id": owner, "source": "test", "key": "t", "title": "Test"}
        )
        for i, (name, species, licence, own, view, state, withdrawn) in enumerate(rows):
            picture = Image.fromarray(
                np.random.default_rng(i).integers(0, 255, (20, 20, 3)).astype(np.uint8)
            )
            buffer = io.BytesIO()
            picture.save(buffer, "PNG")
            key = store.put(buffer.getvalue())
            ids[name] = uuid.uuid4()
            record_id = uuid.uuid4()
            genus = species.split()[0] if species else "Pica"
            await conn.execute(
                insert(record),
                {
                    "id": record_id, "dataset_id": owner, "source": "test",
                    "source_record_id": name, "genus": genus, "species": species,
                    "vernacular_name": "magpie" if genus == "Pica" else None, "sex": "female",
                    "licence": licence, "verbatim": {}, "content_hash": "x",
                    "withdrawn_at": None,
                },
            )  # fmt: skip
            await conn.execute(
                insert(image),
                {
                    "id": ids[name], "dataset_id": owner, "identifier": name,
                    "fetch_url": "file:///x", "licence": own, "view": view, "state": state,
                    "sha256": key, "phash": dhash(picture),
                },
            )  # fmt: skip
            await conn.execute(
                insert(record_image),
                {"record_id": record_id, "image_id": ids[name], "position": 0},
            )
            if withdrawn:
                await conn.execute(
                    text("UPDATE record SET withdrawn_at = now() WHERE id = :id"), {"id": record_id}
                )
            if name == "other":
                ids["raven"] = record_id
    await engine.dispose()
    return ids


@pytest.fixture
def filled(settings):
    return settings, asyncio.run(fill(settings))


def names(settings, ids, **own):
    data = DataSettings("database", least=1, **own)
    back = {str(value): key for key, value in ids.items()}
    return {back[item.id] for item in read(data, settings).items}


def test_only_what_is_asked_for_is_taken(filled):
    settings, ids = filled
    assert names(settings, ids) == {"open", "own", "closed", "other"}
    assert names(settings, ids, licences=("CC-BY-4.0", "CC0-1.0")) == {"open", "own", "other"}
    assert names(settings, ids, within={"genus": "pica"}) == {"open", "own", "closed"}
    assert names(settings, ids, views=("label",)) == {"label"}
    assert "unnamed" in names(settings, ids, level="genus")
    with pytest.raises(InvalidSetting, match="no rank 'tribe'"):
        names(settings, ids, within={"tribe": "x"})
    with pytest.raises(UnreadableSource, match="nothing to learn from"):
        names(settings, ids, licences=("CC-BY-ND-4.0",))


def test_a_picture_comes_with_all_that_splits_and_captions_need(filled):
    settings, ids = filled
    found = read(DataSettings("database", least=1), settings)
    item = next(i for i in found.items if i.id == str(ids["open"]))
    assert item.open().size == (20, 20)
    assert item.phash is not None
    assert item.columns == {"view": "dorsal", "sex": "female"}
    assert found.common_names == {"Pica pica": "magpie"}
    assert found.taxonomy.ranks == ("genus", "species")


def test_a_picture_of_two_species_is_of_none(filled):
    settings, ids = filled

    async def link() -> None:
        engine = create_engine(settings.database_url)
        async with engine.begin() as conn:
            await conn.execute(
                insert(record_image),
                {"record_id": ids["raven"], "image_id": ids["open"], "position": 1},
            )
        await engine.dispose()

    asyncio.run(link())
    assert names(settings, ids) == {"own", "closed", "other"}
