"""What a worker, or a command, does for a job of each kind."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from core.atlas.layout import Parameters
from core.encoders.registry import EncoderRegistry
from core.errors import BioCosmosError
from core.jobs import args as jobargs
from core.jobs import queue
from core.jobs.args import Args
from core.jobs.job import Job, Task
from core.settings import Settings
from core.versions import Version
from ingestor import embed as embedding
from ingestor import registered
from ingestor.complete import each_once
from ingestor.index import build_index
from ingestor.project import project
from ingestor.recall import EncodeTexts
from ingestor.requests import Request, opened
from ingestor.run import ingest
from ingestor.sync import sync
from ingestor.work import Teller, Work, fetch

LOOK = 2.0
"""Seconds between looks at the jobs that another waits for."""


Does = Callable[[Work, Any], Awaitable[None]]
"""Does what the arguments, typed as `core.jobs.args` says, ask for."""


async def read_and_fetch(work: Work, request: Request) -> None:
    """Read a source, remember it for `sync`, and fetch the images that are due."""
    async with opened(request, work.engine, work.settings, work.tell.note) as source:
        with work.tell.stage("records") as progress:
            receipt = await ingest(work.engine, source, limit=request.limit, progress=progress)
        work.tell.read(receipt)
        if request.limit is None:
            async with work.engine.begin() as connection:
                await registered.remember(connection, source, request, whole=receipt.complete)
    if request.images:  # a folder's lie here; those of other hosts are not its business
        rate = None if isinstance(request, jobargs.Folder) else request.rate
        await fetch(work, rate)


async def _download(work: Work, asked: jobargs.Download) -> None:
    await fetch(work, asked.rate, asked.limit)


async def _embed(work: Work, asked: jobargs.Embed) -> None:
    """Embed; once more after the ingests that were asked for before it have ended."""
    while True:
        before = await queue.earlier(work.engine, work.tell.job.id, ("ingest", "download"))
        await _embed_once(work, asked)
        if not before:
            return
        work.tell.note("waiting for the images of earlier jobs")
        while await queue.earlier(work.engine, work.tell.job.id, ("ingest", "download")):
            await asyncio.sleep(LOOK)


async def _embed_once(work: Work, asked: jobargs.Embed) -> None:
    with work.tell.stage("embedding") as progress:
        report = await embedding.embed(
            work.engine,
            work.settings,
            model=asked.model,
            pretrained=asked.pretrained,
            embed_version=asked.embed_version,
            preprocess=asked.preprocess,
            batch_size=asked.batch_size,
            limit=asked.limit,
            where=asked.where,
            compile=asked.compile,
            progress=progress,
            note=lambda what: work.tell.note(f"index: {what}"),
        )
    work.tell.job.counts.update(report.counts)
    work.tell.note(
        f"Embedded {report.embedded:,} images as {report.embed_version!r}"
        f" ({report.images_per_second:.1f} images/s)"
    )


async def _index(work: Work, asked: jobargs.Index) -> None:
    work.tell.note(f"Building the index ({asked.kind})")
    registry = EncoderRegistry(work.settings)

    async def encoder(version: Version) -> EncodeTexts | None:
        try:
            return (await registry.get(version)).encode_texts
        except BioCosmosError as error:
            work.tell.note(f"Words are not measured: {error.detail}")
            return None

    try:
        built = await build_index(
            work.engine, asked.embed_version, asked.kind,  # type: ignore[arg-type]
            encoder=encoder, progress=each_once(work.tell.note),
        )  # fmt: skip
    finally:
        registry.close()
    if built.index_kind == "exact":
        work.tell.note("No index: every search compares with all")
    else:
        work.tell.job.result["recall"] = built.index_params["recall"]


async def _project(work: Work, asked: jobargs.Project) -> None:
    parameters = None if asked.seed is None else Parameters(seed=asked.seed)
    phases = each_once(work.tell.note)

    def progress(what: str, share: float) -> None:
        phases(what, share)
        work.tell.job.tell(round(100 * share), 100)

    report = await project(
        work.engine,
        asked.embed_version,
        parameters=parameters,
        fresh=asked.fresh,
        progress=progress,
    )
    work.tell.note(f"{report.images:,} images on the atlas")


async def _sync(work: Work, asked: jobargs.Sync) -> None:
    await sync(work, asked)


DOES: Mapping[str, Does] = {
    "ingest": read_and_fetch,
    "download": _download,
    "embed": _embed,
    "index": _index,
    "project": _project,
    "sync": _sync,
}


async def perform(work: Work, kind: str, asked: Args) -> None:
    """Do what a job of that kind is told."""
    await DOES[kind](work, asked)


def tasks(engine: AsyncEngine, settings: Settings) -> dict[str, Task]:
    """Return the tasks of this program's worker, by kind."""

    def task(kind: str) -> Task:
        async def run(job: Job) -> None:
            asked = await asyncio.to_thread(jobargs.parse, kind, job.args)
            await perform(Work(engine, settings, Teller(job)), kind, asked)

        return run

    return {kind: task(kind) for kind in DOES}
