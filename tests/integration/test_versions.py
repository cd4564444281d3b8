import asyncio
import sys

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from core import versions
from core.db import partitions
from core.encoders.base import EncoderSpec
from core.errors import BadRequest, Conflict, UnknownVersion, VersionConflict, VersionNotReady
from core.vectors import copy_vectors
from tests.integration.collection import add_images, spec, vectors
from tests.paths import ROOT


async def partition_names(conn: AsyncConnection) -> list[str]:
    found = await conn.scalars(
        text("SELECT relname FROM pg_class WHERE relname ~ '^embedding_v[0-9]+$' ORDER BY 1")
    )
    return list(found)


async def test_ensure_makes_once_and_finds_again(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        made = await versions.ensure(conn, "default", spec(256))
    async with engine.begin() as conn:
        assert await versions.ensure(conn, "default", spec(256)) == made
        assert await versions.get(conn, "default") == made
        assert await partition_names(conn) == [f"embedding_v{made.id}"]
    assert (made.dim, made.state, made.index_kind) == (256, "building", "exact")
    assert made.preprocess == spec().preprocess


async def test_the_first_version_is_the_default_until_another_is_chosen(
    engine: AsyncEngine,
) -> None:
    async with engine.begin() as conn:
        first = await versions.ensure(conn, "first", spec(256))
        second = await versions.ensure(conn, "second", spec(512))
        assert (first.is_default, second.is_default) == (True, False)
        assert (await versions.get(conn)).embed_version == "first"
        await versions.set_default(conn, "second")
        assert (await versions.get(conn, None)).embed_version == "second"
        flags = [each.version.is_default for each in await versions.list_all(conn)]
    assert flags == [False, True]


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (spec(16), "vectors of 8 values, not 16"),
        (spec(weights_sha256="b" * 64), "weights aaaaaaaaaaaa…, not bbbbbbbbbbbb…"),
        (spec(preprocess={"size": 336}), "another preprocessing"),
    ],
)
async def test_a_name_is_never_reused_for_another_space(
    engine: AsyncEngine, other: EncoderSpec, reason: str
) -> None:
    async with engine.begin() as conn:
        await versions.ensure(conn, "default", spec())
        with pytest.raises(VersionConflict, match=reason) as caught:
            await versions.ensure(conn, "default", other)
        assert "\n" not in caught.value.detail
        assert len(await partition_names(conn)) == 1


async def test_the_same_weights_under_another_path_are_the_same_version(
    engine: AsyncEngine,
) -> None:
    async with engine.begin() as conn:
        made = await versions.ensure(conn, "default", spec())
        moved = spec(model="/copied/elsewhere", pretrained="", preprocess=dict(spec().preprocess))
        assert await versions.ensure(conn, "default", moved) == made


async def test_tuples_in_the_preprocessing_are_the_lists_that_json_makes_of_them(
    engine: AsyncEngine,
) -> None:
    async with engine.begin() as conn:
        made = await versions.ensure(conn, "v", spec(preprocess={"mean": (0.1, 1.0), "fill": 0}))
        again = await versions.ensure(conn, "v", spec(preprocess={"mean": (0.1, 1.0), "fill": 0}))
    assert made == again


@pytest.mark.parametrize("name", ["", " ", "a b", "../etc", "é", "x" * 101, "-x"])
async def test_unfit_names_are_refused(engine: AsyncEngine, name: str) -> None:
    async with engine.begin() as conn:
        with pytest.raises(BadRequest, match="not a usable embed version name"):
            await versions.ensure(conn, name, spec())


async def test_unknown_versions_are_answered_with_those_that_exist(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        with pytest.raises(UnknownVersion, match="bin/ingest_embed"):
            await versions.get(conn)
        await versions.ensure(conn, "one", spec())
        await versions.ensure(conn, "two", spec())
        with pytest.raises(UnknownVersion, match="'three'; there are: one, two$"):
            await versions.get(conn, "three")


async def test_coverage_counts_only_images_that_can_be_shown(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        ok = await add_images(conn, 5)
        await add_images(conn, 3, "gone")
        small = await versions.ensure(conn, "small", spec(8))
        await versions.ensure(conn, "empty", spec(16))
        await copy_vectors(conn, small, ok[:3], vectors(3, 8))
        await conn.execute(text("UPDATE image SET state = 'gone' WHERE id = :id"), {"id": ok[0]})
        found = await versions.list_all(conn)
    assert [(c.version.embed_version, c.embedded, c.images) for c in found] == [
        ("small", 2, 4),
        ("empty", 0, 4),
    ]


async def test_retiring_frees_the_vectors_and_keeps_the_name_taken(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        await versions.ensure(conn, "first", spec())
        second = await versions.ensure(conn, "second", spec())
        with pytest.raises(Conflict, match="make another the default first"):
            await versions.retire(conn, "first")
        assert (await versions.retire(conn, "second")).state == "retired"
        assert f"embedding_v{second.id}" not in await partition_names(conn)
        with pytest.raises(VersionNotReady, match="choose another name"):
            await versions.ensure(conn, "second", spec())
        with pytest.raises(VersionConflict):
            await versions.ensure(conn, "second", spec(16))
        with pytest.raises(VersionNotReady):
            await versions.set_default(conn, "second")


async def test_states_are_checked(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        await versions.ensure(conn, "first", spec())
        assert (await versions.set_state(conn, "first", "ready")).state == "ready"
        with pytest.raises(BadRequest, match="use one of building, ready, retired"):
            await versions.set_state(conn, "first", "done")


async def test_a_failed_ensure_leaves_nothing_half_made(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with engine.begin() as conn:  # stands where the first version's partition would
        await conn.execute(text("CREATE TABLE embedding_v1 (in_the_way int)"))
    async with engine.begin() as conn:
        with pytest.raises(DBAPIError, match="already exists"):
            await versions.ensure(conn, "default", spec())
        # the caller goes on and commits all the same
    async with engine.begin() as conn:
        with pytest.raises(UnknownVersion):
            await versions.get(conn, "default")
        attached = await conn.scalar(text("SELECT count(*) FROM pg_inherits"))
        assert attached == 0
        made = await versions.ensure(conn, "default", spec())  # a later attempt succeeds
        assert await partition_names(conn) == ["embedding_v1", f"embedding_v{made.id}"]


async def test_a_caller_that_rolls_back_leaves_nothing(engine: AsyncEngine) -> None:
    async with engine.connect() as conn:
        await versions.ensure(conn, "default", spec())
        await conn.rollback()
        assert await partition_names(conn) == []


ENSURE = """
import asyncio, sys
from core import versions
from core.db.engine import create_engine
from tests.integration.collection import spec

async def main():
    engine = create_engine(sys.argv[1])
    sys.stdin.readline()
    for number in range(3):
        async with engine.begin() as conn:
            print((await versions.ensure(conn, f"v{number}", spec())).id, flush=True)
    await engine.dispose()

print("ready", flush=True)
asyncio.run(main())
"""


@pytest.mark.slow
async def test_processes_that_ensure_the_same_names_at_once_make_each_once(
    engine: AsyncEngine, database_url: str
) -> None:
    started = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", ENSURE, database_url, cwd=ROOT, stdin=-1, stdout=-1
        )
        for _ in range(3)
    ]
    for each in started:
        assert await each.stdout.readline() == b"ready\n"
    outputs = [each.communicate(b"\n") for each in started]
    answers = {output for output, _ in await asyncio.gather(*outputs)}
    assert len(answers) == 1, "every process was given the same three versions"
    async with engine.connect() as conn:
        found = await versions.list_all(conn)
        assert [each.version.embed_version for each in found] == ["v0", "v1", "v2"]
        assert [each.version.is_default for each in found] == [True, False, False]
        assert len(await partition_names(conn)) == 3


async def test_a_partition_refuses_other_dimensions_and_versions(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        (image_id,) = await add_images(conn, 1)
        made = await versions.ensure(conn, "v", spec(2))
    for version_id, vector in ((made.id, "[1,0,0]"), (made.id + 1, "[1,0]")):
        async with engine.connect() as conn:
            with pytest.raises(DBAPIError) as caught:
                await conn.execute(
                    text(
                        f"INSERT INTO {partitions.partition_name(made.id)}"
                        " VALUES (:version, :image, CAST(:vector AS halfvec))"
                    ),
                    {"version": version_id, "image": image_id, "vector": vector},
                )
        assert isinstance(caught.value.orig, psycopg.errors.CheckViolation)
