"""A version under another name, and in another database."""

import numpy as np
import pytest
from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncEngine

from core import versions
from core.db.engine import create_engine
from core.db.tables import dataset, image
from core.errors import VersionConflict, VersionNotReady
from core.vectors import copy_vectors, stored_vector
from ingestor import copy_version as module
from ingestor.copy_version import CopyReport, copy_version
from tests.conftest import MakeDatabase
from tests.integration.collection import add_images, spec, vectors


def silent(done: int, total: int) -> None:
    assert done <= total


async def test_under_another_name(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH", 7)
    async with engine.begin() as conn:
        ids = await add_images(conn, 20)
        made = await versions.ensure(conn, "v", spec(8))
        await copy_vectors(conn, made, ids, vectors(20, 8))
        await versions.set_state(conn, "v", "ready")
        other = await versions.ensure(conn, "other", spec(16))
    report = await copy_version(engine, "v", engine, "again", silent)
    assert report == CopyReport("again", 20, 0, 0)
    assert await copy_version(engine, "v", engine, "again", silent) == CopyReport("again", 0, 20, 0)
    async with engine.begin() as conn:
        copy = await versions.get(conn, "again")
        assert (copy.state, copy.weights_sha256, copy.is_default) == ("ready", "a" * 64, False)
        for one in ids:
            pair = [(await stored_vector(conn, each, one)).values for each in (made, copy)]
            np.testing.assert_array_equal(*pair)
    with pytest.raises(VersionConflict):
        await copy_version(engine, "v", engine, other.embed_version, silent)
    async with engine.begin() as conn:
        await versions.retire(conn, "again")
    with pytest.raises(VersionNotReady):
        await copy_version(engine, "again", engine, "third", silent)


async def test_to_a_database_that_knows_some_of_the_images(
    engine: AsyncEngine, make_database: MakeDatabase
) -> None:
    async with engine.begin() as conn:
        ids = await add_images(conn, 10)
        made = await versions.ensure(conn, "v", spec(8))
        await copy_vectors(conn, made, ids, vectors(10, 8))
    with make_database() as url:
        there = create_engine(url)
        async with there.begin() as conn:
            owner = {"id": ids[0], "source": "t", "key": "t", "title": "There"}
            await conn.execute(insert(dataset).values(**owner))
            fixed = {"dataset_id": ids[0], "identifier": "x", "fetch_url": "file:///x"}
            rows = [{"id": one, "state": "ok", **fixed} for one in ids[:6]]
            await conn.execute(insert(image), rows)
        report = await copy_version(engine, "v", there, "from-afar", silent)
        assert report == CopyReport("from-afar", 6, 0, 4)
        async with there.begin() as conn:
            copy = await versions.get(conn, "from-afar")
            assert copy.state == "building"  # as the original is
            kept = set(await conn.scalars(text(f"SELECT image_id FROM embedding_v{copy.id}")))
        assert kept == set(ids[:6])
        await there.dispose()
