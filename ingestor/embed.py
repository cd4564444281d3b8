"""Embeds every image that has no vector in a version, and nothing else.

Several batches are under way at a time, each in a transaction of its own: one is decoded while
another is in the model and a third is being stored. Committing the vectors is what takes an image
off the list, so a worker may be killed at any moment and any number of them may run.
"""

import asyncio
import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from core import filter_text, versions
from core.db.conditions import Where
from core.db.engine import translate_errors
from core.encoders.base import Encoder
from core.settings import Settings
from core.storage import Store
from core.vectors import copy_vectors
from core.versions import Version
from ingestor import claims
from ingestor.complete import Note, complete, unsaid
from ingestor.decode import Decoder

Progress = Callable[[int, int], None]
"""Told (images dealt with, images to deal with) after every batch."""
Given = Mapping[str, Sequence[str]]
"""Filters as strings under keys."""


def _silent(done: int, total: int) -> None:  # noqa: ARG001
    return


LANES = 3
"""Batches under way: one decoding, one in the model, one being stored."""
PAUSE = 1.0
"""Seconds between looks at images that other workers hold."""


@dataclass(frozen=True)
class EmbedReport:
    """What a run did."""

    embed_version: str
    embedded: int
    skipped: int
    """Images that had a vector before."""
    failed: int
    """Images whose stored file could not be used; their state says why."""
    missing: int
    """Images still without a vector: not 0 only where a limit stopped the run."""
    seconds: float
    """Time from the first claim to the last commit, without loading and indexing."""

    @property
    def counts(self) -> dict[str, int]:
        """What a job keeps of it."""
        return {"embedded": self.embedded, "skipped": self.skipped, "failed": self.failed}

    @property
    def images_per_second(self) -> float:
        """Images embedded per second."""
        return self.embedded / self.seconds if self.seconds > 0 else 0.0


async def embed(
    engine: AsyncEngine,
    settings: Settings,
    *,
    model: str,
    pretrained: str = "",
    embed_version: str = "default",
    preprocess: Mapping[str, Any] | None = None,
    batch_size: int | None = None,
    limit: int | None = None,
    where: Given | None = None,
    compile: bool = False,
    progress: Progress = _silent,
    note: Note = unsaid,
) -> EmbedReport:
    """Load the model, make or verify the version, embed what is missing, build the index.

    `where` are filters (`core.filter_text`) that images have to pass; `compile` runs the model
    through torch.compile. Raises BadRequest,
    ModelError, VersionConflict, VersionNotReady, Unavailable; what was committed stays.
    """
    chosen = Where(filter_text.read(where or {}))
    encoder = await load(settings, model, pretrained, preprocess, compiled=compile)
    with translate_errors():
        async with engine.begin() as conn:
            version = await versions.ensure(conn, embed_version, encoder.spec)
            missing, embeddable = await claims.count(conn, version, chosen)
        run = Run(
            engine, settings, encoder, version, batch_size=batch_size, limit=limit, where=chosen
        )
        run.tell(progress, missing)
        left, seconds = await run.to_the_end()
        report = EmbedReport(
            embed_version, run.embedded, embeddable - missing, run.failed, left, seconds
        )
        if left == 0:
            grown = report.embedded > report.skipped  # an index over less than half is a poor one
            await complete(engine, embed_version, encoder, grown=grown, note=note)
    return report


async def plan(
    engine: AsyncEngine,
    settings: Settings,
    *,
    model: str,
    pretrained: str = "",
    embed_version: str = "default",
    preprocess: Mapping[str, Any] | None = None,
    where: Given | None = None,
) -> tuple[Version, int, int]:
    """What `embed` would do: the version, images to embed, images in all. Writes nothing."""
    chosen = Where(filter_text.read(where or {}))
    encoder = await load(settings, model, pretrained, preprocess)
    with translate_errors():
        async with engine.connect() as conn:
            version = await versions.ensure(conn, embed_version, encoder.spec)
            missing, embeddable = await claims.count(conn, version, chosen)
            await conn.rollback()
    return version, missing, embeddable


async def load(
    settings: Settings,
    model: str,
    pretrained: str,
    preprocess: Mapping[str, Any] | None,
    *,
    compiled: bool = False,
) -> Encoder:
    """The encoder, loaded in a thread; imports torch only now."""

    def work() -> Encoder:
        from core.encoders import openclip

        return openclip.load(
            model,
            pretrained,
            device=settings.device,
            threads=settings.encoder_threads,
            preprocess=preprocess,
            compiled=compiled,
        )

    return await asyncio.to_thread(work)


class Run:
    """The batches of one worker."""

    def __init__(
        self,
        engine: AsyncEngine,
        settings: Settings,
        encoder: Encoder,
        version: Version,
        *,
        batch_size: int | None = None,
        limit: int | None = None,
        where: Where = claims.ALL,
    ) -> None:
        self.embedded = 0
        self.failed = 0
        self._engine = engine
        self._encoder = encoder
        self._version = version
        self._batch_size = batch_size
        self._limit = limit
        self._where = where
        self._after = claims.START
        self._claimed = 0
        self._claiming = asyncio.Lock()
        self._progress: Progress = _silent
        self._total = 0
        self._decoding = ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="decode")
        self._model = ThreadPoolExecutor(1, thread_name_prefix="model")
        self._decoder = Decoder(
            Store(settings.home),
            self._decoding,
            encoder.spec.preprocess,
            encoder.prepare,
            max_pixels=settings.max_image_pixels,
            max_bytes=settings.max_image_bytes,
        )

    def tell(self, progress: Progress, total: int) -> None:
        """Report to `progress` after every batch, out of `total` images."""
        self._progress = progress
        self._total = total if self._limit is None else min(total, self._limit)
        progress(0, self._total)

    async def to_the_end(self) -> tuple[int, float]:
        """Work until nothing is left or the limit is reached: (images left, seconds)."""
        started = time.monotonic()
        try:
            while True:
                await self._pass()
                worked = time.monotonic() - started
                async with self._engine.connect() as conn:
                    left, _ = await claims.count(conn, self._version, self._where)
                if left == 0 or self._claimed == self._limit:
                    return left, worked
                await asyncio.sleep(PAUSE)  # other workers hold the rest; one of them may die
        finally:
            self._decoding.shutdown(cancel_futures=True)
            self._model.shutdown(cancel_futures=True)

    async def _pass(self) -> None:
        """Once over all images, from the first id to the last."""
        self._after = claims.START
        try:
            async with asyncio.TaskGroup() as lanes:
                for _ in range(LANES):
                    lanes.create_task(self._lane())
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None

    async def _lane(self) -> None:
        while await self._batch():
            self._progress(self.embedded + self.failed, self._total)

    async def _batch(self) -> bool:
        """Claim, decode, encode, store and commit one batch; False where none is left."""
        stored = 0
        async with self._engine.begin() as conn:
            claimed = await self._claim(conn)
            if not claimed:
                return False
            pixels, image_ids, failed = await self._decoder.batch(claimed)
            if image_ids:
                vectors = await asyncio.get_running_loop().run_in_executor(
                    self._model, self._encoder.encode_images, pixels
                )
                stored = await copy_vectors(conn, self._version, image_ids, vectors)
            await claims.fail(conn, failed)
        self.embedded += stored
        self.failed += len(failed)
        return True

    async def _claim(self, conn: Any) -> list[claims.Claim]:
        async with self._claiming:
            most = self._batch_size or self._encoder.batch_size
            if self._limit is not None:
                most = min(most, self._limit - self._claimed)
            if most == 0:
                return []
            claimed = await claims.claim(conn, self._version, self._after, most, self._where)
            if claimed:
                self._after = claimed[-1].image_id
                self._claimed += len(claimed)
            return claimed
