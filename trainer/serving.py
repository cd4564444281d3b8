"""The trainer at the queue: asking for a run, and doing those that wait."""

import asyncio
import logging
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from core import logs
from core.db.embedded import open_database
from core.db.engine import create_engine
from core.db.migrate import migrate
from core.errors import InvalidSetting
from core.jobs.args import Train, dump
from core.jobs.queue import enqueue
from core.jobs.worker import work
from core.settings import Settings
from trainer import typed
from trainer.config import Config
from trainer.service import task


@dataclass(frozen=True)
class Queued:
    """A run to be left to a worker; `publish` and `embed_version` say what becomes of it."""

    config: Config
    name: str
    folder: Path
    publish: Path | None = None
    embed_version: str = ""

    def args(self) -> Train:
        """As the queue keeps it; InvalidSetting where a version is asked of nothing published."""
        if self.embed_version and self.publish is None:
            raise InvalidSetting("--embed-version needs --publish: what would it embed with?")
        return Train(
            config=typed.dump(self.config),
            name=self.name or self.folder.name,
            out=str(self.folder),
            publish=str(self.publish.resolve()) if self.publish else None,
            embed_version=self.embed_version or None,
        )


def ask(run: Queued, settings: Settings) -> UUID:
    """Queue a run; returns the id of the job."""
    asked = run.args()
    with open_database(settings) as url:
        migrate(url)
        return asyncio.run(_ask(url, asked))


def serve(settings: Settings, *, once: bool) -> None:
    """Do the runs that wait until told to stop."""
    logs.setup(settings)
    logging.getLogger("procrastinate").setLevel(logging.WARNING)
    with open_database(settings) as url:
        migrate(url)
        asyncio.run(_serve(url, once))


async def _ask(url: str, asked: Train) -> UUID:
    engine = create_engine(url)
    try:
        async with engine.begin() as connection:
            return await enqueue(connection, "train", dump(asked), label=asked.label)
    finally:
        await engine.dispose()


async def _serve(url: str, once: bool) -> None:
    engine = create_engine(url)
    try:
        await work(engine, {"train": task(engine)}, once=once)
    finally:
        await engine.dispose()
