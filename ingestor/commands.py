"""What the commands of `bin/ingest` share: options, progress, a database to work on."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text
from sqlalchemy.ext.asyncio import AsyncEngine

from core import logs
from core import settings as settings_module
from core.db.embedded import open_database
from core.db.engine import create_engine
from core.db.migrate import migrate
from core.settings import Settings
from ingestor.pictures import fetch_images
from ingestor.report import print_pictures, print_receipt
from ingestor.run import ingest
from ingestor.sources.base import Source

notes = Console(stderr=True)

POOL = 15
"""Connections to the database that are kept open: opening one takes longer than most statements."""

Limit = Annotated[int | None, typer.Option(min=1, help="Stop after so many rows.")]
Images = Annotated[bool, typer.Option("--no-images", help="Leave the images for later.")]
Rate = Annotated[float, typer.Option(min=0.01, help="Requests a second to one host.")]


async def read(engine: AsyncEngine, source: Source, limit: int | None) -> None:
    """Read a source and print the receipt."""
    with bar("records") as progress:
        receipt = await ingest(engine, source, limit=limit, progress=progress)
    print_receipt(receipt)


async def fetch(
    engine: AsyncEngine, settings: Settings, limit: int | None, rate: float | None
) -> None:
    """Fetch the images that are due and print what came of it."""
    with bar("images") as progress:
        counts = await fetch_images(engine, settings, rate=rate, limit=limit, progress=progress)
    print_pictures(counts)


class _Speed(ProgressColumn):
    """Things a second."""

    def render(self, task: Task) -> Text:
        """Return the speed, once it is known."""
        return Text(f"{task.speed:,.0f}/s" if task.speed else "")


@contextmanager
def bar(what: str) -> Iterator[Callable[[int, int | None], None]]:
    """Show progress with rate and time left; yields what is to be told of it."""
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Speed(),
        TimeRemainingColumn(),
        console=notes,
        transient=True,
    ) as shown:
        task = shown.add_task(what, total=None)
        yield lambda done, total: shown.update(task, completed=done, total=total)


def run(work: Callable[[AsyncEngine, Settings], Awaitable[None]]) -> None:
    """Open the database, bring it up to date, and work."""
    settings = settings_module.load()
    logs.setup(settings)

    async def with_engine(url: str) -> None:
        engine = create_engine(url, pool_size=POOL)
        try:
            await work(engine, settings)
        finally:
            await engine.dispose()

    with open_database(settings) as url:
        migrate(url)
        try:
            asyncio.run(with_engine(url))
        except KeyboardInterrupt:
            typer.echo("stopped; run the same command again to go on", err=True)
            raise typer.Exit(130) from None
