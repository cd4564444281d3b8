"""What the work of a job has at hand: database, settings, and somebody to tell how it goes."""

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from core.jobs.job import Job
from core.settings import Settings
from ingestor.pictures import PictureCounts, fetch_images
from ingestor.receipt import Receipt

Progress = Callable[[int, int | None], None]


class Teller:
    """Tells a job how its work goes; a command tells the terminal as well."""

    def __init__(self, job: Job) -> None:
        self.job = job

    @contextmanager
    def stage(self, what: str) -> Iterator[Progress]:
        """Begin a part of the work: records, images; yields what is to be told of it."""
        self.job.say(f"{what} …")
        self.job.tell(0, None)
        yield self.job.tell

    def note(self, text: str) -> None:
        """Say something worth knowing."""
        self.job.say(text)

    def warn(self, text: str) -> None:
        """Say what went wrong, though the work goes on."""
        self.job.say(text, "warning")

    def read(self, receipt: Receipt) -> None:
        """Say what reading came to."""
        numbers = dataclasses.asdict(receipt)
        for name, value in numbers.items():
            if isinstance(value, int) and not isinstance(value, bool):
                self.job.counts[name] += value
        for reason, count in receipt.rejected.items():
            self.job.counts[f"rejected: {reason}"] += count
        self.job.say(
            f"{receipt.label}: {receipt.new:,} new, {receipt.changed:,} changed,"
            f" {receipt.unchanged:,} unchanged, {receipt.withdrawn:,} withdrawn records;"
            f" {receipt.images_new:,} new images"
        )

    def fetched(self, counts: PictureCounts) -> None:
        """Say what fetching came to."""
        for state, count in counts.states.items():
            self.job.counts[f"images {state}"] += count
        said = ", ".join(f"{count:,} {state}" for state, count in counts.states.most_common())
        self.job.say(f"Images: {said or 'none were due'}")


@dataclass(frozen=True)
class Work:
    """What a task works with."""

    engine: AsyncEngine
    settings: Settings
    tell: Teller


async def fetch(work: Work, rate: float | None, limit: int | None = None) -> None:
    """Fetch the images that are due."""
    with work.tell.stage("images") as progress:
        counts = await fetch_images(
            work.engine, work.settings, rate=rate, limit=limit, progress=progress
        )
    work.tell.fetched(counts)
