"""`bin/ingest`: bring records and images in."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from sqlalchemy.ext.asyncio import AsyncEngine

from core.errors import BioCosmosError
from core.settings import Settings
from ingestor import merging, portals_cli
from ingestor.commands import Images, Limit, Queued, Rate, bar, do, run
from ingestor.status import read as read_status
from ingestor.status import show

app = typer.Typer(
    help="Bring records and images in. Every command can be stopped and run again.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.command()
def dwca(
    source: Annotated[str, typer.Argument(help="Archive, directory or table; or its URL.")],
    limit: Limit = None,
    no_images: Images = False,
    rate: Rate = 1.0,
    enqueue: Queued = False,
) -> None:
    """Read a Darwin Core Archive: zip, tgz, directory or a single table."""
    remote = source.startswith(("http://", "https://"))
    path = source if remote else str(Path(source).absolute())
    given = {"source": "dwca", "path": path, "limit": limit, "images": not no_images, "rate": rate}
    do("ingest", given, enqueue=enqueue)


@app.command()
def folder(
    directory: Annotated[Path, typer.Argument(help="Directory of images.")],
    records: Annotated[
        Path | None, typer.Option(help="CSV of Darwin Core columns and a column `file`.")
    ] = None,
    title: Annotated[str | None, typer.Option(help="What to call the dataset.")] = None,
    limit: Limit = None,
    no_images: Images = False,
    enqueue: Queued = False,
) -> None:
    """Read a directory of images, described by a table or by the names of its folders."""
    given = {
        "source": "folder",
        "path": str(directory.absolute()),
        "records": str(records.absolute()) if records else None,
        "title": title,
        "limit": limit,
        "images": not no_images,
    }
    do("ingest", given, enqueue=enqueue)


@app.command()
def images(
    limit: Annotated[int | None, typer.Option(min=1, help="Stop after so many images.")] = None,
    rate: Rate = 1.0,
    enqueue: Queued = False,
) -> None:
    """Fetch the images that are still to be had."""
    do("download", {"limit": limit, "rate": rate}, enqueue=enqueue)


@app.command()
def sync(
    source: Annotated[
        Literal["dwca", "folder", "gbif", "idigbio", "iiif"] | None,
        typer.Option(help="Only sources of this kind."),
    ] = None,
    dataset: Annotated[
        str | None, typer.Option(help="Only sources whose name or address has this in it.")
    ] = None,
    whole: Annotated[
        bool, typer.Option("--whole", help="Read all again; shows what was withdrawn.")
    ] = False,
    no_images: Images = False,
    rate: Rate = 1.0,
    enqueue: Queued = False,
) -> None:
    """Bring what changed since at all that was read before; look at dead links again."""
    given = {
        "source": source,
        "dataset": dataset,
        "whole": whole,
        "images": not no_images,
        "rate": rate,
    }
    do("sync", given, enqueue=enqueue)


@app.command()
def status() -> None:
    """Show how things stand: jobs, images by state, hosts, and why images are missing."""

    async def work(engine: AsyncEngine, settings: Settings) -> None:  # noqa: ARG001
        show(await read_status(engine), Console())

    run(work)


@app.command()
def merge(
    undo: Annotated[bool, typer.Option("--undo", help="Show every record by itself.")] = False,
) -> None:
    """Show the same specimen from several sources once; every ingest does so for what it brings."""

    async def work(engine: AsyncEngine, settings: Settings) -> None:  # noqa: ARG001
        if undo:
            typer.echo(f"{await merging.unmerge_all(engine):,} records stand by themselves again")
            return
        with bar("records") as progress:
            changed = await merging.merge_all(engine, progress)
        typer.echo(f"{changed:,} records are merged with others now, or are no more")

    run(work)


for command in (portals_cli.gbif, portals_cli.idigbio, portals_cli.iiif):
    app.command()(command)


def main() -> None:
    """Run the command; our own errors take one line."""
    try:
        app()
    except BioCosmosError as error:
        typer.echo(f"bin/ingest: {error.detail}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
