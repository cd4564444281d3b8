"""Training as a job: asked for by a command, done by a worker, stopped and gone on with, used."""

import asyncio
import json
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from core.db.tables import job
from core.errors import InvalidSetting
from core.jobs import queue, worker
from core.jobs.args import dump
from tests.integration.test_jobs import events, row
from tests.unit.trainer.test_commands import TEXT
from trainer.config import Config, read_config
from trainer.engine_files import MetricLog
from trainer.service import task
from trainer.serving import Queued


def settings(folder: Path, *changes: str) -> Config:
    path = folder / "run.yaml"
    path.write_text(TEXT.replace("PACKS", str(folder / "packs")))
    return read_config(path, ["eval.index=false", *changes])


@pytest.mark.slow
async def test_a_run_is_stopped_gone_on_with_published_and_embedded(
    engine: AsyncEngine, tmp_path: Path
) -> None:
    config = settings(tmp_path, "run.samples=160", "run.every=160", "run.save=16")
    asked = Queued(config, "mine", tmp_path / "run", tmp_path / "models" / "mine", "mine").args()
    async with engine.begin() as connection:
        own = await queue.enqueue(connection, "train", dump(asked), label=asked.label)
    log = MetricLog(tmp_path / "run" / "metrics.jsonl")

    async def stop_in_the_midst() -> None:
        while len(log.rows()) < 3:
            await asyncio.sleep(0.05)
        async with engine.begin() as connection:
            await queue.cancel(connection, own)

    await asyncio.gather(
        worker.work(engine, {"train": task(engine)}, once=True), stop_in_the_midst()
    )
    stopped = await row(engine, own)
    assert (stopped.state, stopped.label) == ("cancelled", "Train mine")
    assert 0 < stopped.done < stopped.total == 10
    assert not (tmp_path / "run" / "result.json").exists()
    async with engine.begin() as connection:
        await queue.retry(connection, own)
    await worker.work(engine, {"train": task(engine)}, once=True)
    done = await row(engine, own)
    assert (done.state, done.done, done.total) == ("done", 10, 10)
    said = await events(engine, own)
    assert any("resumed at step" in line for line in said)
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert done.counts["measures"]["all"] == result["measures"]["all"]
    assert (tmp_path / "models" / "mine" / "open_clip_model.safetensors").exists()
    async with engine.connect() as connection:
        embeds = (await connection.execute(select(job).where(job.c.kind == "embed"))).all()
    assert [(e.state, e.args["embed_version"]) for e in embeds] == [("queued", "mine")]
    assert embeds[0].args["model"] == str(tmp_path / "models" / "mine")


async def test_what_goes_wrong_in_training_is_the_jobs_reason(
    engine: AsyncEngine, tmp_path: Path
) -> None:
    config = settings(tmp_path, "split.preset=plan", "eval.partitions=[nowhere]")
    async with engine.begin() as connection:
        own = await queue.enqueue(
            connection, "train", dump(Queued(config, "", tmp_path / "run").args()), label="x"
        )
    await worker.work(engine, {"train": task(engine)}, once=True)
    failed = await row(engine, own)
    assert failed.state == "failed"
    assert failed.error.startswith("no partition starts with nowhere")


def test_a_version_is_made_only_of_what_is_published(tmp_path: Path) -> None:
    with pytest.raises(InvalidSetting, match="needs --publish"):
        Queued(settings(tmp_path), "a", tmp_path, None, "v").args()


async def test_a_directory_that_is_there_is_not_trained_over(
    engine: AsyncEngine, tmp_path: Path
) -> None:
    asked = Queued(settings(tmp_path), "a", tmp_path / "run", tmp_path).args()
    async with engine.begin() as connection:
        own = await queue.enqueue(connection, "train", dump(asked), label="x")
    await worker.work(engine, {"train": task(engine)}, once=True)
    assert "is there already" in (await row(engine, own)).error
