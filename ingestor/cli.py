"""`bin/ingest`: bring records and images in."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
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
from core.errors import BioCosmosError
from core.settings import Settings
from ingestor.download import download
from ingestor.pictures import fetch_images
from ingestor.report import print_pictures, print_receipt
from ingestor.run import ingest
from ingestor.sources.base import Source
from ingestor.sources.dwca import DwcaSource
from ingestor.sources.folder import FolderSource

app = typer.Typer(
    help="Bring records and images in. Every command can be stopped and run again.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
_notes = Console(stderr=True)

Limit = Annotated[int | None, typer.Option(min=1, help="Stop after so many rows.")]
Images = Annotated[bool, typer.Option("--no-images", help="Leave the images for later.")]
Rate = Annotated[float, typer.Option(min=0.01, help="Requests a second to one host.")]


@app.command()
def dwca(
    source: Annotated[str, typer.Argument(help="Archive, directory or table; or its URL.")],
    limit: Limit = None,
    no_images: Images = False,
    rate: Rate = 1.0,
) -> None:
    """Read a Darwin Core Archive: zip, tgz, directory or a single table."""

    async def work(engine: AsyncEngine, settings: Settings) -> None:
        remote = source.startswith(("http://", "https://"))
        path = await download(source, settings) if remote else Path(source)
        with DwcaSource(path, settings.home.resolve() / "archives") as opened:
            await _records(engine, opened, limit)
        if not no_images:
            await _images(engine, settings, None, rate)

    _run(work)


@app.command()
def folder(
    directory: Annotated[Path, typer.Argument(help="Directory of images.")],
    records: Annotated[
        Path | None, typer.Option(help="CSV of Darwin Core columns and a column `file`.")
    ] = None,
    title: Annotated[str | None, typer.Option(help="What to call the dataset.")] = None,
    limit: Limit = None,
    no_images: Images = False,
    rate: Rate = 1.0,
) -> None:
    """Read a directory of images, described by a table or by the names of its folders."""

    async def work(engine: AsyncEngine, settings: Settings) -> None:
        with FolderSource(directory, records, title=title) as opened:
            await _records(engine, opened, limit)
        if not no_images:
            await _images(engine, settings, None, rate)

    _run(work)


@app.command()
def images(
    limit: Annotated[int | None, typer.Option(min=1, help="Stop after so many images.")] = None,
    rate: Rate = 1.0,
) -> None:
    """Fetch the images that are still to be had."""

    async def work(engine: AsyncEngine, settings: Settings) -> None:
        await _images(engine, settings, limit, rate)

    _run(work)


async def _records(engine: AsyncEngine, source: Source, limit: int | None) -> None:
    with _bar("records") as progress:
        receipt = await ingest(engine, source, limit=limit, progress=progress)
    print_receipt(receipt)


async def _images(engine: AsyncEngine, settings: Settings, limit: int | None, rate: float) -> None:
    with _bar("images") as progress:
        counts = await fetch_images(engine, settings, rate=rate, limit=limit, progress=progress)
    print_pictures(counts)


class _Speed(ProgressColumn):
    """Things a second."""

    def render(self, task: Task) -> Text:
        """Return the speed, once it is known."""
        return Text(f"{task.speed:,.0f}/s" if task.speed else "")


@contextmanager
def _bar(what: str) -> Iterator[Callable[[int, int | None], None]]:
    """Show progress with rate and time left; yields what is to be told of it."""
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Speed(),
        TimeRemainingColumn(),
        console=_notes,
        transient=True,
    ) as shown:
        task = shown.add_task(what, total=None)
        yield lambda done, total: shown.update(task, completed=done, total=total)


def _run(work: Callable[[AsyncEngine, Settings], Awaitable[None]]) -> None:
    """Open the database, bring it up to date, and work."""
    settings = settings_module.load()
    logs.setup(settings)

    async def with_engine(url: str) -> None:
        engine = create_engine(url)
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


def main() -> None:
    """Run the command; our own errors take one line."""
    try:
        app()
    except BioCosmosError as error:
        typer.echo(f"bin/ingest: {error.detail}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
