"""Bulk embedding into a real database: complete, exact, shared, and safe to kill."""

import asyncio
import os
import subprocess
import sys
import time
from uuid import uuid4

import numpy as np
import open_clip
import psycopg
import pytest
import torch
from PIL import Image
from sqlalchemy import insert, select, text

from core import images, vectors, versions
from core.db.partitions import index_definition
from core.db.tables import dataset, embedding, image, record, record_image
from core.encoders import openclip
from core.errors import BadRequest, VersionConflict
from core.jobs import args
from core.jobs.running import tracked
from core.storage import Store
from ingestor.embed import embed, plan
from ingestor.tasks import perform
from ingestor.work import Teller, Work
from tests import tiny_model
from tests.paths import ROOT, SHARED_DATA, needs_shared


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    return tiny_model.save(tmp_path_factory.mktemp("models") / "tiny")


def jpeg(seed, size=(120, 90)):
    from io import BytesIO

    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8))
    buffer = BytesIO()
    small.resize(size, Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


async def add_images(engine, settings, files, state="ok"):
    """Images as fetching leaves them; returns their ids."""
    store = Store(settings.home)
    ids = [uuid4() for _ in files]
    owner = uuid4()
    async with engine.begin() as conn:
        await conn.execute(
            insert(dataset).values(id=owner, source="folder", key=str(owner), title="Test")
        )
        await conn.execute(
            insert(image),
            [
                {
                    "id": key,
                    "dataset_id": owner,
                    "identifier": str(key),
                    "fetch_url": f"file:///{key}.jpg",
                    "sha256": store.put(data),
                    "state": state,
                }
                for key, data in zip(ids, files, strict=True)
            ],
        )
    return ids


async def embedded(engine):
    async with engine.connect() as conn:
        return set(await conn.scalars(select(embedding.c.image_id)))


async def run(engine, settings, tiny, **kwargs):
    return await embed(engine, settings, model=str(tiny), embed_version="tiny", **kwargs)


@pytest.fixture
def settings(settings):
    return settings.model_copy(update={"device": "cpu", "encoder_threads": 1})


async def test_every_image_once_and_nothing_else(engine, settings, tiny):
    wanted = await add_images(engine, settings, [jpeg(n) for n in range(11)])
    await add_images(engine, settings, [jpeg(99)], state="pending")
    told = []
    first = await run(
        engine, settings, tiny, batch_size=4, progress=lambda *numbers: told.append(numbers)
    )
    assert (first.embedded, first.skipped, first.failed, first.missing) == (11, 0, 0, 0)
    assert await embedded(engine) == set(wanted)
    assert told[0] == (0, 11)
    assert told[-1] == (11, 11)
    async with engine.connect() as conn:
        version = await versions.get(conn, "tiny")
    assert (version.state, version.is_default, version.dim) == ("ready", True, 48)
    again = await run(engine, settings, tiny)
    assert (again.embedded, again.skipped, again.missing) == (0, 11, 0)
    more = await add_images(engine, settings, [jpeg(50)])
    third = await run(engine, settings, tiny)
    assert (third.embedded, third.skipped) == (1, 11)
    assert await embedded(engine) == {*wanted, *more}


async def test_what_is_large_gets_an_index_that_is_measured(engine, settings, tiny, monkeypatch):
    monkeypatch.setattr("ingestor.index.EXACT_ROWS", 5)
    await add_images(engine, settings, [jpeg(n) for n in range(11)])
    told: list[str] = []
    await run(engine, settings, tiny, batch_size=4, note=told.append)
    assert told[-1] == "measuring what it finds"
    async with engine.connect() as conn:
        version = await versions.get(conn, "tiny")
        assert await index_definition(conn, version.id, 0) == ("ivfflat", {"lists": 100})
    assert (version.state, version.index_kind) == ("ready", "ivfflat")
    assert version.index_params["recall"]["image"]


async def test_an_index_is_built_and_measured_as_a_job(engine, settings, tiny):
    await add_images(engine, settings, [jpeg(n) for n in range(11)])
    await run(engine, settings, tiny)
    asked = args.parse("index", {"embed_version": "tiny", "kind": "hnsw"})
    async with tracked(engine, "index", asked.label, args.dump(asked)) as job:
        await perform(Work(engine, settings, Teller(job)), "index", asked)
    async with engine.connect() as conn:
        version = await versions.get(conn, "tiny")
        said = list(await conn.scalars(text("SELECT message FROM job_event ORDER BY id")))
    assert version.index_kind == "hnsw"
    assert job.result["recall"] == version.index_params["recall"]
    assert "measuring what it finds" in said


async def test_vectors_are_open_clips_own(engine, settings, tiny):
    files = [jpeg(n, size) for n, size in enumerate([(120, 90), (70, 300), (900, 700), (64, 64)])]
    ids = await add_images(engine, settings, files)
    await run(engine, settings, tiny, batch_size=2)
    model, _, transform = open_clip.create_model_and_transforms(f"local-dir:{tiny}")
    model.eval()
    async with engine.connect() as conn:
        version = await versions.get(conn, "tiny")
        for key, data in zip(ids, files, strict=True):
            whole = images.decode(data, max_pixels=10**8, max_bytes=10**8)
            with torch.inference_mode():
                own = model.encode_image(transform(whole)[None], normalize=True)[0].numpy()
            stored = await vectors.stored_vector(conn, version, key)
            assert float(own @ stored.values) >= 0.999


@needs_shared
@pytest.mark.slow
async def test_real_photographs_through_the_system(engine, settings):
    """Real JPEGs, draft decoding where it applies, a real convolutional model."""
    bird = SHARED_DATA / "models/derived_species_openclip/species-bird-mobilenetv2-tiny"
    preprocess = {"mean": [128 / 255] * 3, "std": [128 / 255] * 3, "interpolation": "bilinear"}
    paths = sorted((SHARED_DATA / "images" / "wikimedia_birds").rglob("*.jpg"))[:24]
    files = [path.read_bytes() for path in paths]
    ids = await add_images(engine, settings, files)
    await embed(engine, settings, model=str(bird), embed_version="bird", preprocess=preprocess)
    encoder = openclip.load(str(bird), device="cpu", preprocess=preprocess)
    limits = {"max_pixels": 10**9, "max_bytes": 10**9}
    whole = np.stack([encoder.prepare(images.decode(data, **limits)) for data in files])
    own = encoder.encode_images(whole)
    async with engine.connect() as conn:
        version = await versions.get(conn, "bird")
        stored = [(await vectors.stored_vector(conn, version, key)).values for key in ids]
    assert (own * np.array(stored)).sum(1).min() >= 0.999


async def test_a_useless_file_fails_alone(engine, settings, tiny):
    good = await add_images(engine, settings, [jpeg(n) for n in range(3)])
    [cut] = await add_images(engine, settings, [jpeg(7)[:900]])
    [page] = await add_images(engine, settings, [b"<html>not found</html>"])
    [lost] = await add_images(engine, settings, [jpeg(8)])
    async with engine.connect() as conn:
        key = await conn.scalar(select(image.c.sha256).where(image.c.id == lost))
    Store(settings.home).path(key).unlink()
    report = await run(engine, settings, tiny)
    assert (report.embedded, report.failed, report.missing) == (3, 3, 0)
    assert await embedded(engine) == set(good)
    async with engine.connect() as conn:
        rows = await conn.execute(select(image.c.id, image.c.state, image.c.reason))
        found = {row.id: (row.state, row.reason) for row in rows}
    assert found[cut][0] == "invalid"
    assert "truncated" in found[cut][1]
    assert found[page][0] == "invalid"
    assert "web page" in found[page][1]
    assert found[lost] == ("retry", "the stored file is missing; it will be fetched again")


async def test_a_limit_leaves_the_rest_for_the_next_run(engine, settings, tiny):
    await add_images(engine, settings, [jpeg(n) for n in range(9)])
    first = await run(engine, settings, tiny, limit=5, batch_size=2)
    assert (first.embedded, first.missing) == (5, 4)
    async with engine.connect() as conn:
        assert (await versions.get(conn, "tiny")).state == "building"
    second = await run(engine, settings, tiny)
    assert (second.embedded, second.skipped, second.missing) == (4, 5, 0)


async def test_only_images_that_pass_a_filter(engine, settings, tiny):
    ids = await add_images(engine, settings, [jpeg(n) for n in range(6)])
    async with engine.begin() as conn:
        owner = await conn.scalar(select(image.c.dataset_id))
        for n, (own, country) in enumerate(
            zip(ids, ("BR", "BR", "PE", "PE", "BR", None), strict=True)
        ):
            row = {"id": own, "dataset_id": owner, "source": "t", "source_record_id": str(n)}
            row |= {"country_code": country, "family": "Nymphalidae" if n else "Pieridae"}
            await conn.execute(insert(record).values(**row, verbatim={}, content_hash=""))
            await conn.execute(insert(record_image).values(record_id=own, image_id=own, position=0))
    asked = {"model": str(tiny), "embed_version": "part"}
    where = {"country": ["BR"], "taxon": ["-Pieridae"]}
    _, missing, embeddable = await plan(engine, settings, **asked, where=where)
    assert (missing, embeddable) == (2, 2)
    report = await embed(engine, settings, **asked, where=where)
    assert (report.embedded, report.missing) == (2, 0)
    async with engine.connect() as conn:
        stored = set(await conn.scalars(select(embedding.c.image_id)))
        assert stored == {ids[1], ids[4]}
        assert (await versions.get(conn, "part")).state == "ready"
    assert (await embed(engine, settings, **asked)).embedded == 4
    with pytest.raises(BadRequest, match="did you mean country"):
        await embed(engine, settings, **asked, where={"contry": ["BR"]})


async def test_a_name_means_one_model(engine, settings, tiny, tmp_path):
    await add_images(engine, settings, [jpeg(1)])
    await run(engine, settings, tiny)
    other = tiny_model.save(tmp_path / "other", seed=1)
    with pytest.raises(VersionConflict):
        await run(engine, settings, other)
    with pytest.raises(VersionConflict):
        await run(engine, settings, tiny, preprocess={"resize_mode": "shortest"})
    same = tiny_model.save(tmp_path / "copy", seed=0)
    assert (await run(engine, settings, same)).skipped == 1


async def test_a_plan_writes_nothing(engine, settings, tiny):
    await add_images(engine, settings, [jpeg(1), jpeg(2)])
    version, missing, embeddable = await plan(
        engine, settings, model=str(tiny), embed_version="tiny"
    )
    assert (version.dim, missing, embeddable) == (48, 2, 2)
    async with engine.connect() as conn:
        assert await versions.list_all(conn) == []


async def test_images_that_another_worker_holds_are_waited_for(engine, settings, tiny):
    held, *free = await add_images(engine, settings, [jpeg(n) for n in range(5)])
    async with engine.connect() as other:
        await other.execute(text("SELECT 1 FROM image WHERE id = :id FOR UPDATE"), {"id": held})
        working = asyncio.create_task(run(engine, settings, tiny))
        deadline = time.monotonic() + 60
        while await embedded(engine) != set(free):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
        assert not working.done()
        await other.rollback()
    report = await working
    assert (report.embedded, report.missing) == (5, 0)


async def test_workers_share_the_work(engine, settings, tiny):
    ids = await add_images(engine, settings, [jpeg(n) for n in range(40)])
    reports = await asyncio.gather(*(run(engine, settings, tiny, batch_size=3) for _ in range(2)))
    assert sum(report.embedded for report in reports) == 40
    assert all(report.missing == 0 for report in reports)
    assert await embedded(engine) == set(ids)


def start(settings, tiny, *args):
    """bin/ingest_embed as a process of its own."""
    environment = os.environ | {
        "BIOCOSMOS_DATABASE_URL": settings.database_url,
        "BIOCOSMOS_HOME": str(settings.home),
        "OMP_NUM_THREADS": "1",
    }
    return subprocess.Popen(
        [sys.executable, "-m", "ingestor.embed_cli", f"--model={tiny}", *args],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
async def test_kill_9_loses_nothing_and_duplicates_nothing(engine, settings, tiny):
    ids = await add_images(engine, settings, [jpeg(n, (1600, 1200)) for n in range(150)])
    options = ("--embed_version=tiny", "--batch_size=2")
    workers = [start(settings, tiny, *options) for _ in range(2)]
    url = settings.database_url.replace("+psycopg", "")
    try:
        with psycopg.connect(url, autocommit=True) as conn:
            deadline = time.monotonic() + 120
            count = 0
            while not count and time.monotonic() < deadline:
                count = conn.execute("SELECT count(*) FROM embedding").fetchone()[0]
                await asyncio.sleep(0.01)
            assert 0 < count < 150
            for worker in workers:
                worker.kill()
            for worker in workers:
                worker.communicate()
    finally:
        for worker in workers:
            worker.kill()
    before = await embedded(engine)
    assert 0 < len(before) < 150
    last = [start(settings, tiny, *options) for _ in range(2)]
    for worker in last:
        _, errors = worker.communicate(timeout=180)
        assert worker.returncode == 0, errors
    assert await embedded(engine) == set(ids)
    async with engine.connect() as conn:
        assert await conn.scalar(text("SELECT count(*) FROM embedding")) == 150
        assert (await versions.get(conn, "tiny")).state == "ready"


@pytest.mark.slow
async def test_the_command(engine, settings, tiny, tmp_path):
    await add_images(engine, settings, [jpeg(n) for n in range(3)])

    def command(model, *args):
        process = start(settings, model, *args)
        out, errors = process.communicate(timeout=180)
        return process.returncode, out, errors

    code, out, errors = command(tiny, "--embed-version=a", "--dry-run")
    assert (code, errors) == (0, "")
    assert "3 of 3 images to embed" in out
    code, out, errors = command(tiny, "--embed_version=a", "--batch_size=2", "--device=cpu")
    assert (code, errors) == (0, "")
    assert "Embedded 3 images" in out
    other = tiny_model.save(tmp_path / "other", seed=1)
    for model, wrong in ((other, "already means"), ("nowhere", "no model 'nowhere'")):
        code, out, errors = command(model, "--embed_version=a")
        assert code == 1
        assert errors.startswith("error: ")
        assert wrong in errors
        assert errors.count("\n") == 1
